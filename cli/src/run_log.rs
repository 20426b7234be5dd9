//! The log of a training run, as `wgvq train --log` writes it: one JSON document per line.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use wgvq::{Context, Error, Result, TrainingWindow, io};

/// A log that is written as its run goes on, or none.
pub struct Log(Option<(PathBuf, File)>);

impl Log {
    /// Begins a log, in place of what is there only with `force`; goes on with the one that is there if the run was `resumed`
    /// at that step.
    pub fn open(path: Option<&Path>, force: bool, resumed: Option<u64>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        let there = path.symlink_metadata().is_ok();
        let file = match resumed {
            Some(_) if there => continued(path)?,
            _ => {
                io::check_output(path, force)?;
                // The name is given to a new file: another name of the old one, or what a link leads to, stays as it is.
                if there {
                    fs::remove_file(path).context(|| path.display())?;
                }
                File::create_new(path).context(|| path.display())?
            }
        };
        let mut log = Self(Some((path.to_path_buf(), file)));
        if let Some(step) = resumed {
            log.write(&json!({ "resumed": step }))?;
        }
        Ok(log)
    }

    pub fn window(&mut self, window: &TrainingWindow) -> Result<()> {
        for (step, counts) in &window.replaced {
            self.write(&json!({ "step": step, "replaced": counts }))?;
        }
        self.write(&json!({
            "step": window.step,
            "loss": window.mse(),
            "perplexity": window.usage.iter().map(|usage| usage.perplexity()).collect::<Vec<_>>(),
            "dead": window.usage.iter().map(|usage| usage.dead()).collect::<Vec<_>>(),
            "rate": window.rate,
            "steps_per_second": window.losses.len() as f64 / window.seconds,
        }))
    }

    pub fn write(&mut self, line: &Value) -> Result<()> {
        let Some((path, file)) = &mut self.0 else { return Ok(()) };
        // At once, so that whoever reads along or kills the run finds whole lines.
        file.write_all(format!("{line}\n").as_bytes()).context(|| path.display())
    }
}

/// The log at `path`, to be written on behind its last whole line.
fn continued(path: &Path) -> Result<File> {
    let shown = path.display();
    let mut text = Vec::new();
    io::open_file(path)?.read_to_end(&mut text).context(|| &shown)?;
    let first = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let begins_a_run = serde_json::from_slice::<Value>(first)
        .is_ok_and(|line| line["run"].is_object() || line["resumed"].is_u64());
    let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
    if !is_file || !(begins_a_run || text.is_empty()) {
        return Err(Error::input(format!("{shown}: is no log of a training run; name another file")));
    }
    let file = OpenOptions::new().append(true).open(path).context(|| &shown)?;
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    file.set_len(whole as u64).context(|| &shown)?;
    Ok(file)
}

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
        let document: Value = match serde_json::from_str(line) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_log_goes_on_behind_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let line = json!({ "run": { "spec": "VQ4" } });
        Log::open(Some(&path), false, None).unwrap().write(&line).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"step\": 1").unwrap();
        drop(Log::open(Some(&path), false, Some(7)).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{line}\n{{\"resumed\":7}}\n"));
        // What a resumed run begins can be resumed as well.
        let other = folder.path().join("other.jsonl");
        drop(Log::open(Some(&other), false, Some(7)).unwrap());
        drop(Log::open(Some(&other), false, Some(8)).unwrap());
        assert_eq!(fs::read_to_string(&other).unwrap().lines().count(), 2);
    }

    #[test]
    fn what_is_no_log_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        for text in ["mine\n", "{}\n", "{\"run\": 1}\n", "{\"run\": {"] {
            fs::write(&path, text).unwrap();
            assert!(Log::open(Some(&path), true, Some(3)).is_err());
            assert!(Log::open(Some(&path), false, None).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        // With force the name is given away, and what else has it keeps its contents.
        let alias = folder.path().join("alias.txt");
        fs::write(&path, "mine\n").unwrap();
        fs::hard_link(&path, &alias).unwrap();
        Log::open(Some(&path), true, None).unwrap().write(&json!({ "run": {} })).unwrap();
        assert_eq!(fs::read_to_string(&alias).unwrap(), "mine\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"run\":{}}\n");
    }
}
