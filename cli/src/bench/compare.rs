//! `--compare`: what was measured beside an earlier document, and whether it became slower.

use serde::Serialize;

use super::document::Document;
use super::environment::Environment;
use super::measure::{Measurement, Record};
use super::report::escaped;
use super::shape::Shape;
use super::timing::spread;

/// Medians that differ by a smaller share are the same: clocks and neighbours move by that much from run to run.
const LEAST_CHANGE: f64 = 0.05;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Faster,
    Same,
    Slower,
    OnlyOld,
    OnlyNew,
}

impl Change {
    fn words(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Same => "same",
            Self::Slower => "slower",
            Self::OnlyOld => "only in the old",
            Self::OnlyNew => "only in the new",
        }
    }
}

/// A measurement in both documents, or in one.
#[derive(Debug, Serialize)]
pub struct Row {
    pub name: Measurement,
    #[serde(flatten)]
    pub shape: Shape,
    pub old_median_seconds: Option<f64>,
    pub new_median_seconds: Option<f64>,
    /// The new median over the old one.
    pub ratio: Option<f64>,
    /// The spreads of both together, each as a share of its own median: a change beyond it is one.
    pub spread: Option<f64>,
    pub change: Change,
}

#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The old document's file.
    pub with: String,
    /// What else differs between the two than the time.
    pub notes: Vec<String>,
    pub rows: Vec<Row>,
}

impl Comparison {
    /// `old`, of the file `with`, beside `new`.
    pub fn new(with: String, old: &Document, new: &Document) -> Self {
        let mut rows: Vec<Row> = new.results.iter().map(|record| row(old.find(record), record)).collect();
        let gone = old.results.iter().filter(|record| new.find(record).is_none());
        rows.extend(gone.map(|record| Row {
            old_median_seconds: Some(record.median_seconds),
            ..alone(record, Change::OnlyOld)
        }));
        Self { with, notes: notes(&old.environment, &new.environment), rows }
    }

    pub fn is_slower(&self, record: &Record) -> bool {
        let mut slower = self.rows.iter().filter(|row| row.change == Change::Slower);
        slower.any(|row| row.name == record.name && row.shape == record.shape)
    }

    pub fn has_slower(&self) -> bool {
        self.rows.iter().any(|row| row.change == Change::Slower)
    }

    pub fn text(&self) -> String {
        let mut text = format!("compared with {}\n", self.with);
        for note in &self.notes {
            text += &format!("note: {note}\n");
        }
        text += &format!("{:<9}", "");
        for (name, width) in COLUMNS {
            text += &format!(" {name:>width$}");
        }
        for row in &self.rows {
            text += &format!("\n{:<9}", row.name.to_string());
            for (cell, (_, width)) in row.cells().iter().zip(COLUMNS) {
                text += &format!(" {cell:>width$}");
            }
        }
        text
    }

    pub fn markdown(&self) -> String {
        let mut text = format!("\nCompared with {}:\n\n", escaped(&self.with));
        let heads = COLUMNS.map(|(name, _)| name);
        text += &format!("| | {} |\n| --- |{}\n", heads.join(" | "), " ---: |".repeat(heads.len()));
        for row in &self.rows {
            text += &format!("| {} | {} |\n", row.name, row.cells().join(" | "));
        }
        for note in &self.notes {
            text += &format!("\nNote: {}\n", escaped(note));
        }
        text
    }
}

const COLUMNS: [(&str, usize); 8] = [
    ("n", 8),
    ("d", 5),
    ("k", 6),
    ("old ms", 10),
    ("new ms", 10),
    ("new/old", 8),
    ("spread", 8),
    ("verdict", 16),
];

impl Row {
    fn cells(&self) -> [String; 8] {
        let cell = |value: Option<f64>, shown: fn(f64) -> String| value.map_or_else(|| "–".into(), shown);
        let milliseconds = |seconds| format!("{:.3}", 1e3 * seconds);
        [
            self.shape.n.to_string(),
            self.shape.d.to_string(),
            self.shape.k.to_string(),
            cell(self.old_median_seconds, milliseconds),
            cell(self.new_median_seconds, milliseconds),
            cell(self.ratio, |ratio| format!("{ratio:.2}")),
            cell(self.spread, |spread| format!("{:.0} %", 100.0 * spread)),
            self.change.words().into(),
        ]
    }
}

fn row(old: Option<&Record>, new: &Record) -> Row {
    let new_median_seconds = Some(new.median_seconds);
    let Some(old) = old else { return Row { new_median_seconds, ..alone(new, Change::OnlyNew) } };
    let spread = spread(&old.seconds) / old.median_seconds + spread(&new.seconds) / new.median_seconds;
    let ratio = new.median_seconds / old.median_seconds;
    Row {
        old_median_seconds: Some(old.median_seconds),
        new_median_seconds,
        ratio: Some(ratio),
        spread: Some(spread),
        ..alone(new, change(ratio, spread))
    }
}

/// Slower where the new median is longer by more than `spread`, faster where the old one is.
fn change(ratio: f64, spread: f64) -> Change {
    let beyond = 1.0 + spread.max(LEAST_CHANGE);
    if ratio > beyond {
        Change::Slower
    } else if ratio < 1.0 / beyond {
        Change::Faster
    } else {
        Change::Same
    }
}

fn alone(record: &Record, change: Change) -> Row {
    Row {
        name: record.name,
        shape: record.shape,
        old_median_seconds: None,
        new_median_seconds: None,
        ratio: None,
        spread: None,
        change,
    }
}

/// What differs and may be why times do. What a document does not know, as older ones, is passed over.
fn notes(old: &Environment, new: &Environment) -> Vec<String> {
    let text = |value: &Option<String>| value.clone();
    let build =
        |optimised: bool| if optimised { "an optimised build" } else { "a build for tests" }.to_string();
    let pairs = [
        ("the device", Some(old.device.clone()), Some(new.device.clone())),
        ("threads", Some(old.threads.to_string()), Some(new.threads.to_string())),
        ("the CPU", text(&old.cpu), text(&new.cpu)),
        ("the driver", text(&old.driver), text(&new.driver)),
        ("the precision", text(&old.precision), text(&new.precision)),
        ("wgvq", old.optimised.map(build), new.optimised.map(build)),
    ];
    let differing = pairs.into_iter().filter_map(|(name, old, new)| Some((name, old?, new?)));
    differing
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| format!("{name}: {old} then, {new} now"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(device: &str, threads: usize, results: &[(&str, usize, &[f64])]) -> Document {
        let results: Vec<_> = results
            .iter()
            .map(|(name, n, seconds)| {
                json!({
                    "name": name, "n": n, "d": 16, "k": 4, "seconds": seconds,
                    "median_seconds": super::super::timing::median(seconds),
                    "gflops_median": 1.0, "share_of_multiply_add": 0.5,
                    "vectors_per_second": 1.0, "gbs_median": 1.0, "share_of_copy": null,
                })
            })
            .collect();
        let document = json!({
            "device": device, "backend": null, "driver": null, "threads": threads, "version": "0.1.0",
            "peaks": { "copy_gbs": 1.0, "multiply_add_gflops": 2.0 }, "results": results,
        });
        serde_json::from_value(document).unwrap()
    }

    fn compared(old: &[f64], new: &[f64]) -> Change {
        let [old, new] = [old, new].map(|seconds| document("cpu", 2, &[("assign", 10, seconds)]));
        Comparison::new("old.json".into(), &old, &new).rows[0].change
    }

    #[test]
    fn a_change_is_one_beyond_the_spread_of_both() {
        let steady = [1.0, 1.01, 0.99, 1.0, 1.0];
        assert_eq!(compared(&steady, &steady.map(|s| 1.2 * s)), Change::Slower);
        assert_eq!(compared(&steady, &steady.map(|s| 0.8 * s)), Change::Faster);
        assert_eq!(compared(&steady, &steady.map(|s| 1.04 * s)), Change::Same);
        // What varies by a half may be a fifth slower by chance.
        let unsteady = [1.0, 1.5, 0.8, 1.3, 0.9];
        assert_eq!(compared(&unsteady, &unsteady.map(|s| 1.2 * s)), Change::Same);
        assert_eq!(compared(&steady, &unsteady.map(|s| 1.2 * s)), Change::Same);
        assert_eq!(compared(&unsteady, &unsteady.map(|s| 3.0 * s)), Change::Slower);
        assert_eq!(compared(&unsteady.map(|s| 3.0 * s), &unsteady), Change::Faster);
        // One run that was disturbed hides nothing.
        assert_eq!(compared(&[1.0, 9.0, 1.0, 1.0, 1.0], &steady.map(|s| 1.2 * s)), Change::Slower);
    }

    #[test]
    fn what_one_document_alone_has_is_listed() {
        let old = document("gpu of old", 16, &[("assign", 10, &[1.0]), ("upload", 10, &[1.0])]);
        let new = document("cpu", 2, &[("assign", 20, &[1.0]), ("upload", 10, &[1.0])]);
        let found = Comparison::new("old.json".into(), &old, &new);
        let changes: Vec<_> = found.rows.iter().map(|row| (row.shape.n, row.change)).collect();
        assert_eq!(changes, [(20, Change::OnlyNew), (10, Change::Same), (10, Change::OnlyOld)]);
        assert_eq!(found.notes, ["the device: gpu of old then, cpu now", "threads: 16 then, 2 now"]);
        assert!(!found.has_slower());
        let text = found.text();
        assert!(text.contains("compared with old.json\nnote: the device"), "{text}");
        assert!(text.contains("only in the old") && text.contains("only in the new"), "{text}");
        let markdown = found.markdown();
        assert!(
            markdown.contains("| assign | 20 | 16 | 4 | – | 1000.000 | – | – | only in the new |"),
            "{markdown}"
        );
    }
}
