//! The graph that is trained for each spec, and what comes of it.

use std::ops::Range;

use ndarray::{Array2, Axis, s};

use super::GradientTraining;
use super::codewords::Codewords;
use super::curve;
use super::joint_noise::JointNoise;
use super::trainers::Numbers;
use crate::engine::Engine;
use crate::error::Result;
use crate::graph::{Graph, Var};
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::quantizers::joint;
use crate::rng::Rng;
use crate::train::estimators::displacement::Noise;
use crate::train::settings::SAMPLE;

/// A graph from a batch to the error of the quantizer.
pub(super) struct Model {
    pub graph: Graph,
    /// The batch, (batch, d).
    pub input: Var,
    /// Mean squared error per element, (1, 1).
    pub loss: Var,
    pub codebooks: Vec<Codewords>,
    /// What quantizes: one for each codebook, or one for all.
    pub quantized: Vec<Var>,
}

/// Where the codebooks of a spec lie and how large they are.
pub(in crate::quantizers) struct Layout {
    pub sizes: Vec<usize>,
    pub columns: Vec<Range<usize>>,
    /// Whether each codebook is for what those before leave over.
    residual: bool,
}

impl Layout {
    /// Codebooks of `d` dimensions.
    pub fn whole(sizes: Vec<usize>, d: usize) -> Self {
        Self { columns: vec![0..d; sizes.len()], sizes, residual: false }
    }

    /// Codebooks of `d` dimensions, each for what those before leave over.
    pub fn residual(sizes: Vec<usize>, d: usize) -> Self {
        Self { residual: true, ..Self::whole(sizes, d) }
    }

    /// A codebook for each part of the dimensions.
    pub fn parts(sizes: Vec<usize>, columns: Vec<Range<usize>>) -> Self {
        Self { sizes, columns, residual: false }
    }

    /// Codebooks to start from: of a curve the corners of its first stage.
    pub(super) fn start(
        &self,
        training: &GradientTraining,
        engine: &Engine,
        x: &Array2<f32>,
    ) -> Result<Vec<Array2<f32>>> {
        match training.stages() {
            Some(stages) => Ok(vec![curve::start(x, stages.corners(0))]),
            None if training.starts_from_kmeans() => self.start_from_kmeans(engine, x, training.seed),
            None => self.start_from_vectors(engine, x, training.seed),
        }
    }

    /// Codebooks found by k-means of some vectors of `x` (n, d), for later stages of what those before leave over. A third of
    /// all at most, so that it takes no more memory than the training that follows.
    fn start_from_kmeans(&self, engine: &Engine, x: &Array2<f32>, seed: u64) -> Result<Vec<Array2<f32>>> {
        let n = x.nrows();
        let largest = self.sizes.iter().copied().max().unwrap_or(1);
        let some = (SAMPLE.default_count() * largest).min((n / 3).max(largest)).min(n);
        let rows = Rng::new(seed, STREAM).distinct(some, n);
        let mut left = x.select(Axis(0), &rows);
        let mut codebooks = Vec::new();
        for (j, (&k, columns)) in self.sizes.iter().zip(&self.columns).enumerate() {
            let own = left.slice(s![.., columns.clone()]);
            let seed = seed.wrapping_add((j as u64) << 32);
            let codebook = joint::cluster(&joint::trainer(), k, seed, engine, &own, &mut ())?;
            if self.residual {
                left = leave_over(engine, &left, &codebook)?;
            }
            codebooks.push(codebook);
        }
        Ok(codebooks)
    }

    /// Codebooks of vectors of `x` (n, d), for later stages of what is left over of others.
    fn start_from_vectors(&self, engine: &Engine, x: &Array2<f32>, seed: u64) -> Result<Vec<Array2<f32>>> {
        let n = x.nrows();
        let most = n.min(self.sizes.iter().sum());
        let rows = Rng::new(seed, STREAM).distinct(most, n);
        let mut left = x.select(Axis(0), &rows);
        let (mut first, mut codebooks) = (0, Vec::new());
        for (&k, columns) in self.sizes.iter().zip(&self.columns) {
            // Other vectors for each codebook, as far as there are any.
            let own: Vec<usize> = (0..k).map(|i| (first + i) % most).collect();
            first += k;
            let codebook = left.slice(s![.., columns.clone()]).select(Axis(0), &own);
            if self.residual {
                left = leave_over(engine, &left, &codebook)?;
            }
            codebooks.push(codebook);
        }
        Ok(codebooks)
    }
}

/// The stream of random numbers that vectors to start from are drawn with.
const STREAM: u64 = 0x7374_6172_7421;

/// What the nearest of `codebook` leave over of `x`.
fn leave_over(engine: &Engine, x: &Array2<f32>, codebook: &Array2<f32>) -> Result<Array2<f32>> {
    let codebook = Codebook::new(engine, codebook.view(), Metric::SquaredL2)?;
    let (n, d) = x.dim();
    let x = engine.upload(x.view())?;
    let (mut codes, mut distances) = (engine.uninitialized(n, 1)?, engine.uninitialized(n, 1)?);
    let mut left = engine.uninitialized(n, d)?;
    let mut recorder = engine.recorder();
    recorder.assign(&x, &codebook, &mut codes, &mut distances)?;
    recorder.residual(&x, codebook.codewords(), &codes, &mut left)?;
    recorder.submit()?;
    left.download()
}

impl Model {
    pub fn new(
        training: &GradientTraining,
        engine: &Engine,
        layout: &Layout,
        start: &[Array2<f32>],
        (batch, d): (usize, usize),
    ) -> Result<Self> {
        let mut graph = Graph::new(engine);
        let input = graph.input(batch, d)?;
        let codebooks = start.iter().enumerate();
        let codebooks = codebooks.map(|(j, start)| {
            Codewords::new(&mut graph, training.trainer, &format!("codebook.{j}"), start.view())
        });
        let codebooks = codebooks.collect::<Result<Vec<_>>>()?;
        let codewords: Vec<Var> = codebooks.iter().map(Codewords::var).collect();
        let settings = training.settings_of_trainer();
        let noise = training.trainer.noise.as_ref().filter(|_| codebooks.len() > 1);
        let direction = noise.map(|noise| (noise.direction)(&settings));
        let (output, quantized) = if let Some(direction) = direction {
            let kind = training.kind()?;
            let coder = kind.quantizer(start.to_vec(), training.beam)?.prepare(engine)?;
            let noise = Noise::new(direction, training.seed);
            let new = |coder| JointNoise::new(engine, coder, noise, layout.columns.clone(), batch);
            let joint = match kind.start(start.to_vec(), training.beam)? {
                Some(first) => new(first.prepare(engine)?)?.then(training.all_steps() / 2, coder),
                None => new(coder)?,
            };
            let inputs: Vec<Var> = std::iter::once(input).chain(codewords).collect();
            let output = graph.apply(joint, &inputs)?;
            (output, vec![output])
        } else {
            Self::one_by_one(training, &mut graph, input, layout, &codewords)?
        };
        let loss = graph.mse(output, input)?;
        Ok(Self { graph, input, loss, codebooks, quantized })
    }

    /// A quantizer in the graph for every codebook: of the columns it is of, and of what is left over there.
    fn one_by_one(
        training: &GradientTraining,
        graph: &mut Graph,
        input: Var,
        layout: &Layout,
        codebooks: &[Var],
    ) -> Result<(Var, Vec<Var>)> {
        let d = graph.shape(input)?.1;
        let mut quantized = Vec::new();
        let mut left = input;
        for (j, (&codebook, columns)) in codebooks.iter().zip(&layout.columns).enumerate() {
            let part = if columns.len() == d { left } else { graph.columns(left, columns.clone())? };
            let seed = training.seed.wrapping_add((j as u64) << 32);
            let settings = &training.settings_of_trainer();
            let numbers = Numbers { settings, d: columns.len(), steps: training.all_steps(), seed };
            let estimator = match (training.kind()?.curve_bits(), &training.trainer.noise) {
                (Some(_), Some(noise)) => (noise.curve)(&numbers)?,
                _ => (training.trainer.estimator)(&numbers)?,
            };
            let result = graph.quantize(part, codebook, estimator)?;
            if layout.residual && j + 1 < codebooks.len() {
                left = graph.sub(left, result)?;
            }
            quantized.push(result);
        }
        let output = match quantized[..] {
            [only] => only,
            _ if layout.residual => {
                let mut sum = quantized[0];
                for &part in &quantized[1..] {
                    sum = graph.add(sum, part)?;
                }
                sum
            }
            _ => graph.concat(&quantized)?,
        };
        Ok((output, quantized))
    }
}
