//! The figures that `train`, `encode` and `eval` report, as JSON or as a table.

use serde::Serialize;
use wgvq::metrics::{Distortion, Usage};
use wgvq::{Engine, Quantizer, Result};

use crate::args::Common;

/// One report. A figure that a command does not have is null.
#[derive(Debug, Serialize)]
pub struct Figures {
    pub spec: String,
    pub n: usize,
    pub dim: usize,
    pub mse: f64,
    pub relative_mse: Option<f64>,
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
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// What was lost over `n` vectors.
pub struct Loss {
    pub n: usize,
    pub mse: f64,
    pub relative_mse: Option<f64>,
}

impl From<&Distortion> for Loss {
    fn from(distortion: &Distortion) -> Self {
        Self { n: distortion.rows(), mse: distortion.mse(), relative_mse: distortion.relative_mse() }
    }
}

impl Figures {
    pub fn new(
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
        let raw_bits = 32.0 * self.dim as f64;
        println!("spec              {}", self.spec);
        println!("vectors           {} × {}", self.n, self.dim);
        println!("mse               {:.6}", self.mse);
        if let Some(share) = self.relative_mse {
            println!("relative mse      {:.2} % of the variance is lost", 100.0 * share);
        }
        let ratio = raw_bits / self.bits_per_vector;
        println!("bits per vector   {:.2} ({ratio:.0} times smaller than f32)", self.bits_per_vector);
        println!("entropy           {:.3} bits", self.entropy_bits);
        let join = |values: Vec<String>| values.join(" ");
        println!("perplexity        {}", join(self.perplexity.iter().map(|p| format!("{p:.1}")).collect()));
        println!("dead codewords    {}", join(self.dead.iter().map(usize::to_string).collect()));
        if let Some(iterations) = self.iterations {
            println!("iterations        {iterations}");
        }
        for (key, value) in &self.more {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            println!("{:<17} {text}", key.replace('_', " "));
        }
        println!("seconds           {:.3}", self.seconds);
        println!("vectors per s     {:.0}", self.vectors_per_second);
        println!("device            {}", self.device);
        Ok(())
    }
}

/// Prints one JSON document.
pub fn print_json(document: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| wgvq::Error::input(format!("the report is no JSON: {error}")))?;
    println!("{text}");
    Ok(())
}
