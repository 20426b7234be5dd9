//! What the trials came to, as a table or as JSON.

use indicatif::HumanBytes;
use serde_json::{Value, json};
use wgvq::index::Refinement;
use wgvq::{Engine, Error, Result};

use super::choice::{Asked, ENOUGH, front};
use super::commands::Setting;
use super::rounds::Trials;
use super::sample::Origin;
use super::trial::Trial;
use crate::args::Common;
use crate::figures::print_json;
use crate::stdout::say;

/// The trials of the last round, and which of them to take.
pub struct Outcome<'a> {
    pub trials: &'a Trials,
    pub asked: &'a Asked,
    pub best: &'a Trial,
    /// What to type for it.
    pub commands: Vec<String>,
}

/// Columns of the table: what is above each.
pub const HEADER: [&str; 9] =
    ["spec", "bytes", "lost", "10-recall@10", "1-recall@10", "train s", "encode/s", "queries/s", "memory"];

impl<'a> Outcome<'a> {
    pub fn new(trials: &'a Trials, asked: &'a Asked, setting: &Setting) -> Result<Self> {
        let nothing = || Error::input("no trial found any neighbour; take more vectors");
        let best = asked.best(&trials.last().trials).ok_or_else(nothing)?;
        let point = asked.point(best).ok_or_else(nothing)?;
        let commands = setting.commands(&best.candidate.plan, point)?;
        Ok(Self { trials, asked, best, commands })
    }

    /// The recall of the best that counts.
    pub fn value(&self) -> f64 {
        self.asked.point(self.best).map_or(0.0, |point| self.asked.value(point))
    }

    /// Trials of the last round, the fewest bytes first, each with whether nothing beats it.
    pub fn rows(&self) -> Vec<(&'a Trial, bool)> {
        let trials = &self.trials.last().trials;
        let mut rows: Vec<_> = trials.iter().zip(front(trials, self.asked)).collect();
        let ten = |trial: &Trial| self.asked.point(trial).map_or(0.0, |point| point.hits.ten);
        rows.sort_by(|(one, _), (other, _)| {
            one.bytes.total_cmp(&other.bytes).then(ten(one).total_cmp(&ten(other)))
        });
        rows
    }

    /// The cells of a row of the table.
    pub fn cells(&self, trial: &Trial) -> [String; 9] {
        let point = self.asked.point(trial);
        let shown = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".into(), |value| format!("{value:.digits$}"))
        };
        [
            trial.name(),
            shown(Some(trial.bytes), 1),
            trial.loss.map_or_else(|| "-".into(), |loss| format!("{:.1} %", 100.0 * loss)),
            shown(point.map(|point| point.hits.ten), 3),
            shown(point.map(|point| point.hits.one), 3),
            shown(Some(trial.train_seconds), 2),
            shown(Some(trial.encode_rate), 0),
            shown(point.map(|point| point.rate), 0),
            HumanBytes(trial.memory_of(self.trials.given.0) as u64).to_string(),
        ]
    }

    /// What was measured, and on what.
    pub fn promises(&self) -> Vec<String> {
        let (last, (n, dim)) = (self.trials.last(), self.trials.given);
        let queries = self.trials.sample.queries.nrows();
        let vectors = last.vectors;
        let among = format!("among {vectors} vectors, trained on {vectors} others, of {n} × {dim}");
        let mut lines = vec![
            match &self.trials.sample.origin {
                Origin::HeldOut(_) => {
                    format!("{queries} queries, held out of the vectors, {among}: nothing is of what was trained on")
                }
                Origin::Given { aiming, .. } => format!(
                    "{queries} of the given queries {among}; {} others of them tell indexes how far to look, and nothing is trained on either",
                    aiming.nrows()
                ),
            },
            "lost: the share of the variance, of what was searched; recalls: of the 10 true neighbours, and of the nearest, among 10 found"
                .to_string(),
            format!("speed: of this machine, all queries at once; memory: of all {n} vectors"),
        ];
        if vectors < n {
            lines.push(format!(
                "among all {n} vectors codes alone find less; an index measures what it takes when it is built"
            ));
        }
        if last.trials.iter().any(|trial| trial.refinement() == Some(Refinement::Source)) {
            lines.push("refined by source: the nearest are compared by the vectors themselves, whose files have to stay".into());
        }
        lines
    }

    /// Why the best is the best, in a sentence.
    pub fn reason(&self) -> String {
        let Some(point) = self.asked.point(self.best) else { return String::new() };
        let ten = format!("a 10-recall@10 of {:.3} ± {:.3}", point.hits.ten, point.hits.ten_error);
        let of = match (self.asked.bytes, self.asked.recall, self.asked.reaches(self.best)) {
            (Some(_), Some(_), true) => "the fastest search of those that reach it".to_string(),
            (None, Some(_), true) => "the fewest bytes that reach it".to_string(),
            (None, None, true) => format!("the fewest bytes of those with {ENOUGH} or more"),
            _ => "the most that is found".to_string(),
        };
        format!("{of}: {ten}, a 1-recall@10 of {:.3}", point.hits.one)
    }

    /// How many trials there were, and how long they took.
    pub fn spent(&self) -> String {
        let rounds = &self.trials.rounds;
        let tried: usize = rounds.iter().map(|round| round.trials.len()).sum();
        let sizes: Vec<String> =
            rounds.iter().map(|round| format!("{} on {}", round.trials.len(), round.vectors)).collect();
        let untried = match self.trials.untried {
            0 => String::new(),
            untried => format!("; {untried} candidates had no time, give a larger --budget"),
        };
        format!("{tried} trials in {:.0} s: {} vectors{untried}", self.trials.seconds, sizes.join(", "))
    }

    pub fn print(&self, engine: &Engine, common: &Common) -> Result<()> {
        if common.json {
            return print_json(&self.document(engine));
        }
        let rows = self.rows();
        let cells: Vec<[String; 9]> = rows.iter().map(|(trial, _)| self.cells(trial)).collect();
        let width = |column: usize| {
            let of_cells = cells.iter().map(|cells| cells[column].chars().count());
            of_cells.chain([HEADER[column].len()]).max().unwrap_or(0)
        };
        let widths: [usize; 9] = std::array::from_fn(width);
        let line = |mark: &str, cells: &[&str]| {
            let mut line = format!("{mark} {:<1$}", cells[0], widths[0]);
            for (cell, width) in cells.iter().zip(widths).skip(1) {
                line += &format!("  {cell:>width$}");
            }
            line
        };
        if !common.quiet {
            self.promises().iter().for_each(|promise| say!("{promise}"));
            say!("");
        }
        say!("{}", line(" ", &HEADER));
        for ((_, in_front), cells) in rows.iter().zip(&cells) {
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            say!("{}", line(if *in_front { "*" } else { " " }, &cells));
        }
        if !common.quiet {
            say!(
                "* nothing here is better by bytes, 10-recall@10 or queries/s without being worse by another"
            );
            say!("{}", self.spent());
        }
        say!("\n{}, {}", self.best.name(), self.reason());
        self.commands.iter().for_each(|command| say!("  {command}"));
        Ok(())
    }

    fn document(&self, engine: &Engine) -> Value {
        let (n, dim) = self.trials.given;
        let rows = self.rows().into_iter().map(|(trial, in_front)| {
            let mut row = self.row(trial);
            row["pareto"] = json!(in_front);
            row
        });
        let mut recommended = self.row(self.best);
        recommended["commands"] = json!(self.commands);
        recommended["reached"] = json!(self.asked.recall.map(|_| self.asked.reaches(self.best)));
        let rounds = self.trials.rounds.iter().map(|round| {
            json!({
                "vectors": round.vectors,
                "seconds": round.seconds,
                "trials": round.trials.iter().map(|trial| self.row(trial)).collect::<Vec<_>>(),
            })
        });
        json!({
            "n": n,
            "dim": dim,
            "bytes": self.asked.bytes,
            "recall": self.asked.recall.map(|least| json!({ "of": least.recall().to_string(), "least": least.least() })),
            "queries": match &self.trials.sample.origin {
                Origin::HeldOut(_) => json!({ "given": false }),
                Origin::Given { aiming, .. } => json!({ "given": true, "aiming": aiming.nrows() }),
            },
            "held_out": {
                "queries": self.trials.sample.queries.nrows(),
                "searched": self.trials.last().vectors,
                "trained_on": self.trials.last().vectors,
            },
            "table": rows.collect::<Vec<_>>(),
            "recommended": recommended,
            "rounds": rounds.collect::<Vec<_>>(),
            "untried": self.trials.untried,
            "seconds": self.trials.seconds,
            "device": engine.name(),
        })
    }

    fn row(&self, trial: &Trial) -> Value {
        let point = self.asked.point(trial);
        let looked = point.and_then(|point| point.looked);
        json!({
            "spec": trial.spec,
            "refine": trial.refinement().map(|refinement| refinement.to_string()),
            "bytes_per_vector": trial.bytes,
            "relative_mse": trial.loss,
            "recall": point.map(|point| json!({ "10-recall@10": point.hits.ten, "1-recall@10": point.hits.one })),
            "standard_error": point.map(|point| point.hits.ten_error),
            "nprobe": looked.map(|looked| looked.probes),
            "depth": looked.map(|looked| looked.depth),
            "train_seconds": trial.train_seconds,
            "encode_per_second": trial.encode_rate,
            "queries_per_second": point.map(|point| point.rate),
            "memory": trial.memory_of(self.trials.given.0),
        })
    }
}
