//! `wgvq inspect`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use wgvq::coding::Reader;
use wgvq::{Result, io};

use crate::Verdict;
use crate::args::Common;
use crate::codes;
use crate::figures::print_json;
use crate::stdout::say;
use crate::words::one_line;

#[derive(Args, Debug)]
pub struct Inspect {
    /// A model, codes or data file
    pub file: PathBuf,
}

pub fn run(command: &Inspect, common: &Common) -> Result<Verdict> {
    let mut facts = if codes::is_packed(&command.file).unwrap_or(false) {
        packed_facts(&command.file)?
    } else {
        json!(io::describe(&command.file)?)
    };
    // A safetensors file may be a model of ours: then its own words are the interesting ones.
    if command.file.extension().is_some_and(|extension| extension == "safetensors")
        && let Ok(model) = io::read_model(&command.file)
    {
        facts["model"] = facts["files"][0]["model"].take();
        facts["hash"] = json!(model.hash);
    }
    if common.json {
        print_json(&facts)?;
    } else {
        print_facts("", &facts);
    }
    Ok(Verdict::Done)
}

/// What a file of packed codes says of itself; `wgvq test` checks the rest of it.
fn packed_facts(file: &Path) -> Result<Value> {
    let reader = Reader::open(file)?;
    Ok(json!({
        "file": file.display().to_string(),
        "rows": reader.rows(),
        "header": reader.header(),
        "bytes": reader.stats().bytes,
        "stored_bits_per_vector": reader.stats().bits_per_vector(),
    }))
}

/// One line per fact; facts of facts are indented.
fn print_facts(indent: &str, facts: &Value) {
    let Value::Object(facts) = facts else { return };
    for (key, value) in facts {
        match value {
            Value::Null => {}
            Value::Object(_) => {
                say!("{indent}{}", one_line(key));
                print_facts(&format!("{indent}  "), value);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                say!("{indent}{key}");
                let indent = format!("{indent}  ");
                for item in items {
                    match on_one_line(item) {
                        Some(line) => say!("{indent}{line}"),
                        None => print_facts(&indent, item),
                    }
                }
            }
            Value::String(text) => say!("{indent}{key:<16} {}", one_line(text)),
            other => say!("{indent}{key:<16} {other}"),
        }
    }
}

/// Facts that need no lines of their own: none of them has facts in turn.
fn on_one_line(facts: &Value) -> Option<String> {
    let fact = |(key, value): (&String, &Value)| match value {
        Value::Object(_) => None,
        Value::Array(items) if items.iter().any(Value::is_object) => None,
        Value::String(text) => Some(format!("{key} {}", one_line(text))),
        other => Some(format!("{key} {other}")),
    };
    let facts: Option<Vec<String>> = facts.as_object()?.iter().map(fact).collect();
    Some(facts?.join(", "))
}
