//! The rooms of the source use each other in one direction only, as the table of ARCHITECTURE says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::root;

/// The names in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What each room of the table may use.
fn rooms() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut rooms = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `src/")) {
        let [_, names, _, uses, _] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let name = quoted(names).next().unwrap().trim_start_matches("src/").trim_end_matches(".rs");
        if !name.contains('/') {
            let mut uses: BTreeSet<String> = quoted(uses).map(String::from).collect();
            uses.extend([name.to_string(), "error".to_string()]);
            rooms.insert(name.to_string(), uses);
        }
    }
    rooms
}

/// The lines of a file that are neither comments nor for tests, and the modules that are for tests.
fn code(text: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut lines, mut tests) = (Vec::new(), Vec::new());
    let mut all = text.lines();
    while let Some(line) = all.next() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        if line.trim() != "#[cfg(test)]" {
            lines.push(line);
            continue;
        }
        // The item that follows: up to a line that ends it, at the attribute's depth.
        let depth = line.len() - line.trim_start().len();
        let ends = |line: &str| {
            line.len() - line.trim_start().len() == depth && (line.ends_with(';') || line.ends_with('}'))
        };
        for line in all.by_ref() {
            if let Some(module) = line.trim().strip_suffix(';').and_then(|item| item.rsplit_once("mod ")) {
                tests.push(module.1);
            }
            if ends(line) {
                break;
            }
        }
    }
    (lines, tests)
}

/// Reads the files of a room but those that are for tests, and calls `each` with a file and its lines.
fn walk(path: &Path, each: &mut impl FnMut(&Path, &[&str])) {
    let (file, folder) = if path.is_dir() {
        (path.join("mod.rs"), path.to_path_buf())
    } else {
        (path.to_path_buf(), path.with_extension(""))
    };
    let text = fs::read_to_string(&file).unwrap();
    let (lines, tests) = code(&text);
    each(&file, &lines);
    let Ok(entries) = fs::read_dir(&folder) else { return };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let has_folder = path.is_dir() && path.with_extension("rs").exists();
        if name != "mod" && !tests.contains(&name) && !has_folder {
            walk(&path, each);
        }
    }
}

#[test]
fn every_room_uses_only_what_the_table_allows() {
    let rooms = rooms();
    assert!(rooms.len() > 15, "the table of ARCHITECTURE: {rooms:?}");
    let mut wrong = Vec::new();
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_str().unwrap().to_string();
        if room == "lib" {
            continue;
        }
        let uses = rooms.get(&room).unwrap_or_else(|| panic!("ARCHITECTURE says nothing of src/{room}"));
        walk(&path, &mut |file, lines| {
            for line in lines {
                for used in line.split("crate::").skip(1) {
                    let end = used.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(used.len());
                    if !uses.contains(&used[..end]) {
                        wrong.push(format!("{}: {}", file.display(), line.trim()));
                    }
                }
            }
        });
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The rooms can be put in an order in which each uses only those before.
#[test]
fn no_room_is_used_by_what_it_uses() {
    let mut left = rooms();
    for (name, uses) in &mut left {
        uses.remove(name);
    }
    while !left.is_empty() {
        let free: Vec<String> =
            left.iter().filter(|(_, uses)| uses.is_empty()).map(|(name, _)| name.clone()).collect();
        assert!(!free.is_empty(), "these use each other: {left:?}");
        for name in free {
            left.remove(&name);
            left.values_mut().for_each(|uses| {
                uses.remove(&name);
            });
        }
    }
}
