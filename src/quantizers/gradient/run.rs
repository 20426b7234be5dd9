//! A training run: from step to step, on the device.

use std::time::Instant;

use ndarray::{Array1, Array2, ArrayView1};

use super::batches::Batches;
use super::curve;
use super::model::Model;
use super::settings::LOG_EVERY;
use super::{GradientTraining, Trainer};
use crate::engine::{Engine, Matrix};
use crate::error::{Error, Result};
use crate::metrics::Usage;
use crate::quantizers::{Quantizer, joint};
use crate::scale::{Scale, round_number};
use crate::train::{CodewordUse, KMeans, Optimizer};
use crate::vectors::{Vectors, fingerprint};

/// A [training](GradientTraining) under way.
pub struct GradientRun {
    pub(super) engine: Engine,
    pub(super) training: GradientTraining,
    pub(super) units: Units,
    /// The fingerprint of the vectors that were given.
    pub(super) fingerprint: String,
    /// What the quantizer scales vectors with: one for all, or one for each part of a PQ.
    scales: Vec<Scale>,
    /// (n, d), moved and scaled.
    data: Matrix<f32>,
    pub(super) model: Model,
    pub(super) optimizer: Optimizer,
    batches: Batches,
    rows: Matrix<u32>,
    /// The loss of every step of a window.
    losses: Matrix<f32>,
    /// How each codebook was used since the last window, and since the last replacement.
    window_use: Vec<CodewordUse>,
    pub(super) period_use: Vec<CodewordUse>,
    pub(super) step: u64,
}

/// What a vector is moved by and divided by while it is trained on.
#[derive(Debug, PartialEq)]
pub(super) struct Units {
    pub n: usize,
    pub mean: Array1<f32>,
    pub scale: f32,
}

impl Units {
    fn of(x: &Array2<f32>) -> Self {
        // Row by row: a copy in f64 would take twice the memory of the vectors.
        let mut mean = Array1::<f64>::zeros(x.ncols());
        x.rows().into_iter().for_each(|row| mean.zip_mut_with(&row, |sum, &value| *sum += f64::from(value)));
        mean /= x.nrows() as f64;
        let squares = |row: ArrayView1<f32>| -> f64 {
            row.iter().zip(&mean).map(|(&value, mean)| (f64::from(value) - mean).powi(2)).sum()
        };
        let variance = x.rows().into_iter().map(squares).sum::<f64>() / x.len() as f64;
        // Equal vectors have no scale.
        let scale = if variance > 0.0 { variance.sqrt() as f32 } else { 1.0 };
        let mean = mean.mapv(|value| round_number(value, scale.into()) as f32);
        Self { n: x.nrows(), mean, scale }
    }
}

/// What went on in some steps.
#[derive(Clone, Debug)]
pub struct TrainingWindow {
    /// Steps that are done.
    pub step: u64,
    /// The loss of each step of the window, as a mean squared error (Eq. 2.4) in the data's units.
    pub losses: Vec<f64>,
    /// How often each codeword of each codebook was used.
    pub usage: Vec<Usage>,
    /// After which step how many codewords of each codebook were replaced.
    pub replaced: Vec<(u64, Vec<usize>)>,
    /// The learning rate of the last step.
    pub rate: f64,
    /// Wall time of the window.
    pub seconds: f64,
}

impl TrainingWindow {
    /// The mean loss.
    pub fn mse(&self) -> f64 {
        self.losses.iter().sum::<f64>() / self.losses.len().max(1) as f64
    }
}

impl GradientRun {
    pub(super) fn new(training: &GradientTraining, engine: &Engine, x: &dyn Vectors) -> Result<Self> {
        let d = x.dim();
        let layout = training.kind()?.layout(d)?;
        let fingerprint = fingerprint(x)?;
        let most = training.sample_size(x.len(), d);
        let sampler = KMeans::new(1).all_vectors().most_vectors(most);
        let mut x = joint::sample(&sampler, &layout.sizes, training.seed, x)?;
        let n = x.nrows();
        let batch = training.batch_of(n)?;
        let units = Units::of(&x);
        let scales = training.kind()?.scales(&x, &layout);
        x -= &units.mean;
        x /= units.scale;
        let start = layout.start(training, engine, &x)?;
        let used = || code_use(training, engine, &start);
        Ok(Self {
            engine: engine.clone(),
            model: Model::new(training, engine, &layout, &start, (batch, d))?,
            optimizer: training.optimizer(),
            batches: Batches::new(n, training.seed),
            rows: engine.zeros(batch, 1)?,
            losses: engine.zeros(training.settings.count(&LOG_EVERY), 1)?,
            window_use: used()?,
            period_use: used()?,
            data: engine.upload(x.view())?,
            training: training.clone(),
            units,
            fingerprint,
            scales,
            step: 0,
        })
    }

    /// How the gradient gets through the quantizer.
    pub fn trainer(&self) -> &'static Trainer {
        self.training.trainer
    }

    /// Vectors that it trains on.
    pub fn vectors(&self) -> usize {
        self.data.rows()
    }

    /// Their dimensions.
    pub fn dim(&self) -> usize {
        self.data.cols()
    }

    /// Vectors per step.
    pub fn batch(&self) -> usize {
        self.rows.rows()
    }

    /// Steps that are done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Steps from beginning to end.
    pub fn steps(&self) -> u64 {
        self.training.all_steps()
    }

    /// What is trained, and how.
    pub fn training(&self) -> &GradientTraining {
        &self.training
    }

    /// Trains to the end of the window, or of the run, and waits for the device.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the loss is not finite, naming the step and what else is not;
    /// [`Device`](crate::ErrorKind::Device) if the GPU has failed.
    pub fn advance(&mut self) -> Result<TrainingWindow> {
        self.advance_until(&|| false)
    }

    /// As [`advance`](Self::advance), but ends earlier, after the first step at which `stopped` says so: a checkpoint can be
    /// saved there as after a whole window, and the next window ends where this one would have.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub fn advance_until(&mut self, stopped: &dyn Fn() -> bool) -> Result<TrainingWindow> {
        let begin = Instant::now();
        let (first, window) = (self.step, self.training.settings.count(&LOG_EVERY) as u64);
        let stages = self.training.stages();
        let stage_end = stages.as_ref().map_or(self.steps(), |stages| stages.end(stages.at(first)));
        let end = ((first / window + 1) * window).min(stage_end).max(first);
        let mut replaced = Vec::new();
        let mut rate = self.optimizer.rate();
        while self.step < end {
            rate = self.optimizer.rate();
            self.record_step((self.step - first) as usize)?;
            self.step += 1;
            if let Some(replacement) = self.training.replacement_in_use().filter(|r| r.is_due(self.step)) {
                // What is not finite cannot be copied either.
                self.check_losses(first)?;
                let mut counts = Vec::new();
                for j in 0..self.model.codebooks.len() {
                    counts.push(self.replace(&replacement, j)?);
                }
                replaced.push((self.step, counts));
            }
            if stopped() {
                break;
            }
        }
        let losses = self.check_losses(first)?;
        let usage = self.window_use.iter_mut().map(CodewordUse::take).collect::<Result<_>>()?;
        if self.step == stage_end && stage_end < self.steps() {
            self.grow()?;
        }
        // From a mean over elements of scaled vectors.
        let unit = f64::from(self.units.scale).powi(2) * self.data.cols() as f64;
        Ok(TrainingWindow {
            step: self.step,
            losses: losses.iter().map(|&loss| f64::from(loss) * unit).collect(),
            usage,
            replaced,
            rate,
            seconds: begin.elapsed().as_secs_f64(),
        })
    }

    /// Begins the next stage of a curve.
    fn grow(&mut self) -> Result<()> {
        let corners = self.model.codebooks[0].download(&self.model.graph)?;
        self.set_curve(curve::doubled(&corners))
    }

    /// Goes on with other corners, and with an optimizer and counts that know of nothing yet.
    pub(super) fn set_curve(&mut self, corners: Array2<f32>) -> Result<()> {
        let (training, d) = (&self.training, self.data.cols());
        let (layout, start) = (training.kind()?.layout(d)?, [corners]);
        self.model = Model::new(training, &self.engine, &layout, &start, (self.batch(), d))?;
        self.model.graph.set_step(self.step);
        self.optimizer = training.optimizer();
        self.window_use = code_use(training, &self.engine, &start)?;
        self.period_use = code_use(training, &self.engine, &start)?;
        Ok(())
    }

    /// The losses of the steps after `first`, which have to be finite.
    fn check_losses(&mut self, first: u64) -> Result<Array2<f32>> {
        let losses = self.losses.download_rows(0..(self.step - first) as usize)?;
        match losses.iter().position(|loss| !loss.is_finite()) {
            None => Ok(losses),
            Some(at) => Err(self.not_finite(first + at as u64 + 1, losses[[at, 0]])?),
        }
    }

    /// Records and submits one step, whose loss goes to `slot`.
    fn record_step(&mut self, slot: usize) -> Result<()> {
        let rows = self.batches.rows(self.step, self.batch());
        self.rows.write_rows(0, rows.view())?;
        let Model { graph, input, loss, quantized, .. } = &mut self.model;
        let mut recorder = self.engine.recorder();
        recorder.gather(&self.data, &self.rows, graph.value_mut(*input)?)?;
        graph.record_forward(&mut recorder)?;
        graph.record_backward(&mut recorder, *loss)?;
        graph.record_update(&mut recorder, &mut self.optimizer)?;
        recorder.reduce_sum(graph.value(*loss)?, &mut self.losses, slot)?;
        let mut used = self.window_use.iter_mut().zip(&mut self.period_use);
        for &quantized in &*quantized {
            for codes in graph.codes(quantized)? {
                let Some((window, period)) = used.next() else { break };
                window.record(&mut recorder, codes)?;
                period.record(&mut recorder, codes)?;
            }
        }
        recorder.submit()
    }

    /// Replaces the codewords of codebook `j` that are hardly used; how many.
    fn replace(&mut self, replacement: &crate::train::Replacement, j: usize) -> Result<usize> {
        let Model { graph, codebooks, quantized, .. } = &mut self.model;
        let seed = self.training.seed.wrapping_add((j as u64) << 32);
        let codewords = codebooks[j].var();
        let codebook = graph.value_mut(codewords)?;
        let replaced = replacement.replace(self.step, seed, &mut self.period_use[j], codebook)?;
        if replaced.count > 0 {
            let mut recorder = self.engine.recorder();
            self.optimizer.reset_rows(&mut recorder, j, &replaced.kept)?;
            if let Some(&quantized) = quantized.get(j) {
                graph.record_reset_rows(&mut recorder, quantized, codewords, &replaced.kept)?;
            }
            recorder.submit()?;
        }
        Ok(replaced.count)
    }

    /// What to say of a loss that is not finite.
    fn not_finite(&mut self, step: u64, loss: f32) -> Result<Error> {
        let mut which = Vec::new();
        for parameter in self.model.graph.parameters() {
            if parameter.value.download()?.iter().any(|value| !value.is_finite()) {
                which.push(parameter.name.to_string());
            }
        }
        let which = match which.join(", ") {
            none if none.is_empty() => "though all codebooks are finite".to_string(),
            which => format!("and {which} by now holds values that are not finite"),
        };
        Ok(Error::input(format!(
            "step {step}: the loss is {loss}, {which}; take a lower learning rate, or clip the gradients"
        )))
    }

    /// The quantizer as it is now.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the GPU has failed.
    pub fn quantizer(&self) -> Result<Box<dyn Quantizer>> {
        let kind = self.training.kind()?;
        let layout = kind.layout(self.data.cols())?;
        let mut codebooks = Vec::new();
        let mut placed = vec![false; self.data.cols()];
        for (codewords, columns) in self.model.codebooks.iter().zip(&layout.columns) {
            let mut codebook = codewords.download(&self.model.graph)?;
            codebook *= self.units.scale;
            // The mean goes into the first codebook of its dimensions.
            if !placed[columns.start] {
                codebook += &self.units.mean.slice(ndarray::s![columns.clone()]);
                placed[columns.clone()].fill(true);
            }
            codebooks.push(codebook);
        }
        kind.at_scales(codebooks, &self.scales, self.training.beam)
    }
}

/// Counts of the codes of each codebook: of a curve those of its segments.
fn code_use(
    training: &GradientTraining,
    engine: &Engine,
    codebooks: &[Array2<f32>],
) -> Result<Vec<CodewordUse>> {
    let ends = usize::from(training.stages().is_some());
    codebooks.iter().map(|codebook| CodewordUse::new(engine, codebook.nrows() - ends)).collect()
}
