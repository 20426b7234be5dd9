//! Settings of quantizers as options: names, ranges, defaults and help are those of the table of kinds.

use std::sync::LazyLock;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, FromArgMatches};
use wgvq::serde_json::{Map, Value};
use wgvq::settings::{DefaultValue, Setting, Stage, Values};
use wgvq::{GradientTraining, KINDS, Kind, TRAINERS, Training};

/// The settings of training that were given, of any kind.
#[derive(Debug)]
pub struct TrainSettings(pub Map<String, Value>);

/// The settings of encoding that were given. A model remembers what it was trained with; these say otherwise.
#[derive(Debug)]
pub struct EncodeSettings(pub Map<String, Value>);

/// The settings of training by gradient that were given, of any trainer.
#[derive(Debug)]
pub struct TrainerSettings(pub Map<String, Value>);

/// The settings of equalized codebooks that were given.
#[derive(Debug)]
pub struct EqualizedSettings(pub Map<String, Value>);

/// The settings of k-means of one codebook that were given.
#[derive(Debug)]
pub struct KMeansSettings(pub Map<String, Value>);

impl TrainSettings {
    /// Whether nobody has said how many vectors are in memory.
    pub fn may_sample(&self) -> bool {
        !self.0.contains_key("sample") && !self.0.contains_key("mini_batch")
    }
}

static TRAIN: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    let can_be_trained = |kind: &&&Kind| {
        let spec = kind.examples[0].parse();
        spec.is_ok_and(|spec| Training::new(spec).codewords().is_ok())
    };
    flags(KINDS.iter().filter(can_be_trained).map(of_kind), |_| true)
});

static ENCODE: LazyLock<Vec<Flag>> =
    LazyLock::new(|| flags(KINDS.iter().map(of_kind), |setting| setting.stage == Stage::Encode));

static KMEANS: LazyLock<Vec<Flag>> =
    LazyLock::new(|| flags(KINDS.iter().filter(|kind| kind.name == "VQ").map(of_kind), |_| true));

static EQUALIZED: LazyLock<Vec<Flag>> =
    LazyLock::new(|| flags(KINDS.iter().filter(|kind| kind.name == "EVQ").map(of_kind), |_| true));

static TRAINER: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    let own = TRAINERS.iter().map(|trainer| (trainer.name, trainer.settings));
    flags(std::iter::once((EVERYBODY, GradientTraining::SETTINGS)).chain(own), |_| true)
});

/// The owner of what all have.
const EVERYBODY: &str = "";

fn of_kind(kind: &&'static Kind) -> Owner {
    (kind.name, kind.settings)
}

/// Who has settings, and which.
type Owner = (&'static str, &'static [&'static Setting]);

/// The options of [`EncodeSettings`] together, for what they conflict with.
pub const ENCODE_SETTINGS: &str = "encode_settings";

/// An option for a setting.
struct Flag {
    /// The setting as kinds have it, and which: their defaults may differ.
    owners: Vec<(&'static Setting, Vec<&'static str>)>,
}

/// An option for each setting that is `wanted`.
fn flags(owners: impl Iterator<Item = Owner>, wanted: impl Fn(&Setting) -> bool) -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    for (name, settings) in owners {
        for setting in settings.iter().copied().filter(|setting| wanted(setting)) {
            let Some(flag) = flags.iter_mut().find(|flag| flag.setting().name == setting.name) else {
                flags.push(Flag { owners: vec![(setting, vec![name])] });
                continue;
            };
            match flag.owners.iter_mut().find(|(known, _)| known.default == setting.default) {
                Some((_, names)) => names.push(name),
                None => flag.owners.push((setting, vec![name])),
            }
        }
    }
    flags
}

impl Flag {
    fn setting(&self) -> &'static Setting {
        self.owners[0].0
    }

    /// What it does, whose it is, and what it is if it is not given; for each thing that it does.
    fn help(&self) -> String {
        let mut helps: Vec<(&str, Vec<String>)> = Vec::new();
        for (setting, names) in &self.owners {
            let names = names.join(", ");
            let names = if names == EVERYBODY { "default".to_string() } else { names };
            let owners = match setting.default {
                DefaultValue::Off => names,
                default => format!("{names}: {default}"),
            };
            match helps.iter_mut().find(|(help, _)| *help == setting.help) {
                Some((_, known)) => known.push(owners),
                None => helps.push((setting.help, vec![owners])),
            }
        }
        let helps = helps.into_iter().map(|(help, owners)| format!("{help} [{}]", owners.join("; ")));
        helps.collect::<Vec<_>>().join(". ")
    }

    fn arg(&self) -> Arg {
        let setting = self.setting();
        let is_among = |flags: &[Flag]| flags.iter().any(|flag| flag.setting().name == setting.name);
        let heading = match setting.name {
            _ if is_among(&KMEANS) => "Settings of k-means",
            _ if is_among(&TRAINER) => "Training by gradient",
            _ => "Settings of quantizers",
        };
        let arg = Arg::new(setting.name).long(setting.name.replace('_', "-"));
        let arg = arg.value_name(setting.name.to_uppercase());
        let arg = arg.help(self.help()).help_heading(heading);
        match setting.values {
            Values::Switch => arg.action(ArgAction::SetTrue),
            Values::Choice(words) => arg.value_parser(PossibleValuesParser::new(words)),
            _ => arg.value_parser(move |text: &str| setting.parse(text)),
        }
    }

    fn given(&self, matches: &ArgMatches) -> Option<(String, Value)> {
        let setting = self.setting();
        let value = match setting.values {
            Values::Switch => matches.get_flag(setting.name).then_some(Value::Bool(true)),
            Values::Choice(_) => matches.get_one::<String>(setting.name).cloned().map(Value::from),
            _ => matches.get_one::<Value>(setting.name).cloned(),
        };
        Some((setting.name.to_string(), value?))
    }
}

/// Makes a type of given settings one that clap can fill.
macro_rules! from_flags {
    ($settings:ident, $flags:expr, $group:expr) => {
        impl FromArgMatches for $settings {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                Ok(Self($flags.iter().filter_map(|flag| flag.given(matches)).collect()))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                self.0.extend(Self::from_arg_matches(matches)?.0);
                Ok(())
            }
        }

        impl Args for $settings {
            fn augment_args(command: Command) -> Command {
                let names = $flags.iter().map(|flag| flag.setting().name);
                command
                    .args($flags.iter().map(Flag::arg))
                    .group(ArgGroup::new($group).args(names).multiple(true))
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }
    };
}

from_flags!(TrainSettings, TRAIN, "train_settings");
from_flags!(EncodeSettings, ENCODE, ENCODE_SETTINGS);
from_flags!(TrainerSettings, TRAINER, "trainer_settings");
from_flags!(EqualizedSettings, EQUALIZED, "equalized_settings");
from_flags!(KMeansSettings, KMEANS, "kmeans_settings");
