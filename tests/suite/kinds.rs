//! The table of kinds, and what repeats it.

use std::collections::BTreeMap;
use std::fs;

use wgvq::settings::{DefaultValue, Values};
use wgvq::{KINDS, Spec, TRAINERS};

use crate::common::root;

#[test]
fn the_tables_of_readme_and_rustdoc_are_those_of_the_kinds() {
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    let (readme, docs) = (read("README.md"), read("src/quantizers/spec.rs"));
    for kind in KINDS {
        let examples: Vec<String> = kind.examples.iter().map(|example| format!("`{example}`")).collect();
        let row = format!("| {} | {} |\n", examples.join(", "), kind.title);
        assert!(readme.contains(&row), "README.md lacks the row\n{row}");
        assert!(docs.contains(&format!("/// {row}")), "the documentation of Spec lacks the row\n{row}");
        for example in kind.examples {
            let spec: Spec = example.parse().unwrap();
            assert_eq!((spec.kind().name, spec.to_string()), (kind.name, example.to_string()));
        }
    }
}

#[test]
fn a_setting_is_of_one_type_under_one_name_and_allows_its_default() {
    let mut types = BTreeMap::new();
    let kinds = KINDS.iter().flat_map(|kind| kind.settings);
    for setting in kinds.chain(TRAINERS.iter().flat_map(|trainer| trainer.settings)) {
        let (values, stage) = *types.entry(setting.name).or_insert((setting.values, setting.stage));
        assert_eq!((values, stage), (setting.values, setting.stage), "{}", setting.name);
        let allowed = match setting.default {
            DefaultValue::Off => setting.values == Values::Switch,
            DefaultValue::Unset(what) => !what.is_empty(),
            default => setting.parse(&default.to_string()).is_ok(),
        };
        assert!(allowed, "{}: {}", setting.name, setting.default);
    }
}
