//! The figures that `train`, `encode` and `eval` report, as JSON or as a table.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;
use wgvq::metrics::{Aqe, Distortion, Usage};
use wgvq::{Engine, Evaluation, Quantizer, Result};

use crate::args::Common;
use crate::stdout::say;

/// One report. A figure that a command does not have is null.
#[derive(Debug, Serialize)]
pub struct Figures {
    pub spec: String,
    pub n: usize,
    pub dim: usize,
    pub mse: Option<f64>,
    pub relative_mse: Option<f64>,
    /// The mean of the errors' norms of each order: `l1`, `l2`.
    pub aqe: Option<BTreeMap<String, f64>>,
    pub loss_of: LossOf,
    pub bits_per_vector: f64,
    pub entropy_bits: f64,
    pub perplexity: Vec<f64>,
    pub dead: Vec<usize>,
    pub iterations: Option<usize>,
    pub seconds: f64,
    pub vectors_per_second: f64,
    pub device: String,
    /// What only one command reports.
    #[serde(flatten)]
    pub more: serde_json::Map<String, Value>,
}

/// Which vectors an error is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LossOf {
    /// All that were trained on.
    TrainedOn,
    /// Some that were trained on.
    SampleOfTrainedOn,
    /// The vectors that a sample or batches were drawn from.
    DrawnFrom,
    /// The vectors of each batch, before its step.
    Batches,
    /// The vectors that this run has encoded.
    Encoded,
    /// The vectors that were given to be judged.
    Given,
    /// Every 4th, which was not trained on.
    HeldOut,
}

impl LossOf {
    /// Of `judged` vectors after a training on `trained`, the ones among the others.
    pub fn after_training(trained: usize, judged: usize) -> Self {
        match judged.cmp(&trained) {
            std::cmp::Ordering::Less => Self::SampleOfTrainedOn,
            std::cmp::Ordering::Equal => Self::TrainedOn,
            std::cmp::Ordering::Greater => Self::DrawnFrom,
        }
    }
}

impl fmt::Display for LossOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TrainedOn => "of the vectors trained on",
            Self::SampleOfTrainedOn => "of a sample of the vectors trained on",
            Self::DrawnFrom => "of all vectors that the training has drawn from",
            Self::Batches => "of the batches trained on",
            Self::Encoded => "of the vectors encoded",
            Self::Given => "of the vectors given",
            Self::HeldOut => "of every 4th vector, which the training has not seen",
        })
    }
}

/// What was lost over `n` vectors.
pub struct Loss {
    pub n: usize,
    pub of: LossOf,
    /// `None` if there was nothing to measure.
    pub mse: Option<f64>,
    pub relative_mse: Option<f64>,
}

impl Loss {
    pub fn new(distortion: &Distortion, of: LossOf) -> Self {
        let n = distortion.rows();
        Self { n, of, mse: (n > 0).then(|| distortion.mse()), relative_mse: distortion.relative_mse() }
    }
}

impl Figures {
    pub fn new(
        engine: &Engine,
        quantizer: &dyn Quantizer,
        found: &Evaluation,
        of: LossOf,
        seconds: f64,
    ) -> Self {
        let loss = Loss::new(&found.distortion, of);
        let mut figures = Self::of_loss(engine, quantizer, loss, &found.usage, seconds);
        figures.aqe = aqe(&found.aqe);
        if quantizer.is_ragged() {
            figures.bits_per_vector = found.bits_per_vector();
            figures.entropy_bits = found.entropy_bits();
        }
        figures
    }

    pub fn of_loss(
        engine: &Engine,
        quantizer: &dyn Quantizer,
        loss: Loss,
        usage: &[Usage],
        seconds: f64,
    ) -> Self {
        Self {
            spec: quantizer.spec().to_string(),
            n: loss.n,
            dim: quantizer.dim(),
            mse: loss.mse,
            relative_mse: loss.relative_mse,
            aqe: None,
            loss_of: loss.of,
            bits_per_vector: quantizer.bits_per_vector(),
            entropy_bits: usage.iter().map(Usage::entropy).sum(),
            perplexity: usage.iter().map(Usage::perplexity).collect(),
            dead: usage.iter().map(Usage::dead).collect(),
            iterations: None,
            seconds,
            vectors_per_second: loss.n as f64 / seconds,
            device: engine.name().into(),
            more: serde_json::Map::new(),
        }
    }

    /// Adds a figure of this command alone.
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        self.more.insert(key.into(), serde_json::json!(value));
        self
    }

    pub fn print(&self, common: &Common) -> Result<()> {
        if common.json {
            return print_json(self);
        }
        let rows = self.rows();
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, text) in rows {
            say!("{name:<width$}  {text}");
        }
        Ok(())
    }

    /// The report as a table: names, and figures with the digits that say something.
    fn rows(&self) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        let mut row = |name: &str, text: String| rows.push((name.to_string(), text));
        row("spec", self.spec.clone());
        row("vectors", format!("{} × {}", self.n, self.dim));
        if let Some(mse) = self.mse {
            row("mse", format!("{mse:.6}, {}", self.loss_of));
        }
        if let Some(share) = self.relative_mse {
            row("relative mse", format!("{:.2} % of the variance is lost", 100.0 * share));
        }
        if let Some(aqe) = &self.aqe {
            let means = aqe.iter().map(|(norm, mean)| format!("{mean:.6} {norm}")).collect::<Vec<_>>();
            row("aqe", means.join(", "));
        }
        let smaller = match 32.0 * self.dim as f64 / self.bits_per_vector {
            ratio if ratio.is_finite() => format!(" ({ratio:.0} times smaller than f32)"),
            _ => String::new(),
        };
        row("bits per vector", format!("{:.2}{smaller}", self.bits_per_vector));
        row("entropy", format!("{:.3} bits", self.entropy_bits));
        row("perplexity", each_or_range(&self.perplexity, |p| format!("{p:.1}")));
        let dead = each_or_range(&self.dead, usize::to_string);
        let total = match self.dead.len() {
            0..=MOST_SHOWN => String::new(),
            _ => format!(", {} in all", self.dead.iter().sum::<usize>()),
        };
        row("dead codewords", dead + &total);
        if let Some(iterations) = self.iterations {
            row("iterations", iterations.to_string());
        }
        for (key, value) in self.more.iter().filter(|(_, value)| !value.is_null()) {
            row(&key.replace('_', " "), shown(value));
        }
        row("seconds", format!("{:.3}", self.seconds));
        row("vectors per s", format!("{:.0}", self.vectors_per_second));
        row("device", self.device.clone());
        rows
    }
}

/// Codebooks whose figures are shown one by one, at most.
const MOST_SHOWN: usize = 8;

/// All `values`, one per codebook, or of many the lowest, the median and the highest.
fn each_or_range<T: Copy + PartialOrd>(values: &[T], shown: impl Fn(&T) -> String) -> String {
    if values.len() <= MOST_SHOWN {
        return values.iter().map(shown).collect::<Vec<_>>().join(" ");
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    let [lowest, median, highest] = [0, sorted.len() / 2, sorted.len() - 1].map(|at| shown(&sorted[at]));
    format!("{lowest} to {highest}, median {median}, of {} codebooks", sorted.len())
}

/// A value as people read it: measurements have three digits behind the point.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => format!("{:.3}", number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}

/// The mean of the errors' norms, if any were measured.
pub fn aqe(found: &Aqe) -> Option<BTreeMap<String, f64>> {
    let means: BTreeMap<_, _> = found.means().map(|(order, mean)| (format!("l{order}"), mean)).collect();
    (!means.is_empty()).then_some(means)
}

/// Prints one JSON document.
pub fn print_json(document: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| wgvq::Error::input(format!("the report is no JSON: {error}")))?;
    say!("{text}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_codebooks_take_one_short_line() {
        assert_eq!(each_or_range(&[3, 1, 2], usize::to_string), "3 1 2");
        let many: Vec<usize> = (0..129).rev().collect();
        assert_eq!(each_or_range(&many, usize::to_string), "0 to 128, median 64, of 129 codebooks");
    }
}
