//! The log of a training run, as `wgvq train --log` writes it: one JSON document per line.

use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use wgvq::{Context, Error, Result, io};

/// A line about steps. Lines about other things lack a loss.
#[derive(Clone, Debug, Deserialize)]
pub struct Point {
    pub step: u64,
    pub loss: f64,
    #[serde(default)]
    pub perplexity: Vec<f64>,
    #[serde(default)]
    pub dead: Vec<f64>,
    pub rate: Option<f64>,
}

/// The points of the log at `path` in the order of their steps; of two of one step, as a resumed run writes them, the last.
pub fn read(path: &Path) -> Result<Vec<Point>> {
    let shown = path.display();
    let mut text = String::new();
    io::open_file(path)?.read_to_string(&mut text).context(|| &shown)?;
    let mut points: Vec<Point> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let document: serde_json::Value = match serde_json::from_str(line) {
            Ok(document) => document,
            // The run may be going on, or have been killed in the middle of a line.
            Err(_) if number + 1 == text.lines().count() && !text.ends_with('\n') => break,
            Err(error) => {
                return Err(Error::input(format!(
                    "{shown}: line {} is no JSON: {error}; give a log that `wgvq train --log` wrote",
                    number + 1
                )));
            }
        };
        if document.get("loss").is_none() {
            continue;
        }
        let point: Point = serde_json::from_value(document)
            .map_err(|error| Error::input(format!("{shown}: line {}: {error}", number + 1)))?;
        points.retain(|earlier| earlier.step < point.step);
        points.push(point);
    }
    if points.is_empty() {
        return Err(Error::input(format!(
            "{shown}: has no step with a loss; `wgvq train --log` writes some"
        )));
    }
    Ok(points)
}
