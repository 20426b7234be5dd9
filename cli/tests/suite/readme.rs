//! What README tells people to type.

use std::fs;
use std::path::Path;

use crate::common::cli::Cli;
use crate::common::root;

/// The lines of the blocks of a shell, without what is said behind `#`.
fn commands(text: &str) -> Vec<String> {
    let (mut commands, mut inside) = (Vec::new(), None);
    for line in text.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(language), None) => inside = Some(language == "sh"),
            (Some(_), Some(_)) => inside = None,
            (None, Some(true)) => {
                commands.push(line.split(" #").next().unwrap_or_default().trim().to_string())
            }
            _ => {}
        }
    }
    commands
}

/// In the order in which they stand, in a folder that has the data: each works on what those before have written.
#[test]
fn every_command_of_readme_works_as_it_stands() {
    let cli = Cli::new("cpu");
    fs::create_dir(cli.path("data")).unwrap();
    for name in ["wordnet.npy", "wordnet.txt", "wordnet_queries.npy", "digits.npy", "digits_labels.npy"] {
        fs::copy(root().join("data").join(name), cli.path("data").join(name)).unwrap();
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("## From the command line").nth(1).unwrap().split("\n## ").next().unwrap();
    let all = commands(section);
    let wgvq: Vec<&str> = all.iter().filter_map(|line| line.strip_prefix("wgvq ")).collect();
    assert!(wgvq.len() > 20, "{all:?}");
    for arguments in wgvq {
        // A shell would put these elsewhere.
        let arguments = arguments.split(" > ").next().unwrap_or_default().replace("~/.local/share", "share");
        let output = cli.run(&format!("{arguments} -q"));
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(cli.path("share/man/man1/wgvq-train.1").exists());
}

/// Of the table of figures: what follows `wgvq` in a command that stands there whole, with the picture that it writes.
#[test]
fn every_figure_of_the_thesis_has_a_command_and_a_picture() {
    let cli = Cli::new("cpu");
    fs::create_dir(cli.path("data")).unwrap();
    fs::copy(root().join("data/wordnet.npy"), cli.path("data/wordnet.npy")).unwrap();
    let readme = fs::read_to_string(root().join("examples/README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, figure, _, command, picture, _] = cells[..] else { return None };
        figure.starts_with(|c: char| c.is_ascii_digit()).then_some((command, picture.trim_matches('`')))
    });
    let mut seen = 0;
    for (command, picture) in rows {
        seen += 1;
        let command = command.split('`').nth(1).unwrap();
        if let Some(arguments) = command.strip_prefix("wgvq ") {
            let output = cli.run(&format!("{arguments} -q"));
            assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(cli.path(picture).exists(), "{arguments} writes no {picture}");
        } else {
            let name = command.strip_prefix("cargo run --release --example ").unwrap();
            let example = text_of(&root().join("examples"), name);
            let name = picture.strip_prefix("target/").unwrap();
            // A folder may come first.
            assert!(name.split('/').all(|part| example.contains(part.trim_end_matches(".svg"))), "{picture}");
        }
    }
    assert!(seen >= 12, "{seen} figures");
}

/// An example: a file, or all files of a folder.
fn text_of(examples: &Path, name: &str) -> String {
    if let Ok(text) = fs::read_to_string(examples.join(format!("{name}.rs"))) {
        return text;
    }
    let files = fs::read_dir(examples.join(name)).unwrap();
    files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}
