//! The graph that is trained for each spec, and what comes of it.

use std::ops::Range;

use ndarray::{Array2, s};

use super::curve::{self, Stages};
use super::joint_noise::JointNoise;
use super::{GradientTraining, Method};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::quantizers::scaled::scaled;
use crate::quantizers::{Additive, Product, Quantizer, Residual, SpaceFilling, Spec, Vq, joint, product};
use crate::rng::Rng;
use crate::scale::Scale;
use crate::train::estimators::displacement::{Direction, Noise};

/// A graph from a batch to the error of the quantizer.
pub(super) struct Model {
    pub graph: Graph,
    /// The batch, (batch, d).
    pub input: Var,
    /// Mean squared error per element, (1, 1).
    pub loss: Var,
    pub codebooks: Vec<Var>,
    /// What quantizes: one for each codebook, or one for all.
    pub quantized: Vec<Var>,
}

/// Where the codebooks of a spec lie and how large they are.
pub(super) struct Layout {
    pub sizes: Vec<usize>,
    pub columns: Vec<Range<usize>>,
    /// Whether each codebook is for what those before leave over.
    residual: bool,
}

impl Layout {
    pub fn of(spec: &Spec, d: usize) -> Result<Self> {
        let layout = |sizes: Vec<usize>, residual| Self { columns: vec![0..d; sizes.len()], sizes, residual };
        Ok(match spec {
            Spec::Residual { bits } => layout(joint::sizes(bits)?, true),
            Spec::Additive { codebooks, bits } => layout(joint::sizes(&vec![*bits; *codebooks])?, true),
            Spec::Product { parts, bits } => Self {
                sizes: joint::sizes(&vec![*bits; *parts])?,
                columns: product::split(d, *parts)?,
                residual: false,
            },
            Spec::Vq { k } => layout(vec![*k], false),
            Spec::SpaceFilling { bits, .. } => layout(joint::sizes(&[*bits])?, false),
            spec => return Err(Error::input(format!("{spec} cannot be trained by gradient"))),
        })
    }

    /// Codebooks to start from: vectors of `x` (n, d), for later stages what is left over of others; of a curve the corners
    /// of its first stage.
    pub fn start(
        &self,
        engine: &Engine,
        x: &Array2<f32>,
        stages: Option<&Stages>,
        seed: u64,
    ) -> Result<Vec<Array2<f32>>> {
        const STREAM: u64 = 0x7374_6172_7421;
        if let Some(stages) = stages {
            return Ok(vec![curve::start(x, stages.corners(0))]);
        }
        let n = x.nrows();
        let most = n.min(self.sizes.iter().sum());
        let rows = Rng::new(seed, STREAM).distinct(most, n);
        let mut left = x.select(ndarray::Axis(0), &rows);
        let (mut first, mut codebooks) = (0, Vec::new());
        for (&k, columns) in self.sizes.iter().zip(&self.columns) {
            // Other vectors for each codebook, as far as there are any.
            let own: Vec<usize> = (0..k).map(|i| (first + i) % most).collect();
            first += k;
            let codebook = left.slice(s![.., columns.clone()]).select(ndarray::Axis(0), &own);
            if self.residual {
                left = leave_over(engine, &left, &codebook)?;
            }
            codebooks.push(codebook);
        }
        Ok(codebooks)
    }
}

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
        let codebooks = codebooks.map(|(j, start)| graph.parameter(&format!("codebook.{j}"), start.view()));
        let codebooks = codebooks.collect::<Result<Vec<_>>>()?;
        let direction = match training.method {
            Method::Nsvq if codebooks.len() > 1 => Some(Direction::Random),
            Method::Diveq { deviation } if codebooks.len() > 1 => Some(Direction::Codeword { deviation }),
            _ => None,
        };
        let (output, quantized) = if let Some(direction) = direction {
            let coder = quantizer(training, start.to_vec(), &[])?.prepare(engine)?;
            let noise = Noise::new(direction, training.seed);
            let new = |coder| JointNoise::new(engine, coder, noise, layout.columns.clone(), batch);
            let joint = if matches!(training.spec, Spec::Additive { .. }) {
                // Codebooks that are trained in an order share the work better among them than such as are not, and the
                // search is faster: half the way they are those of a residual quantizer.
                let ordered = Residual::new(start.to_vec(), training.beam)?.prepare(engine)?;
                new(ordered)?.then(training.steps / 2, coder)
            } else {
                new(coder)?
            };
            let inputs: Vec<Var> = std::iter::once(input).chain(codebooks.iter().copied()).collect();
            let output = graph.apply(joint, &inputs)?;
            (output, vec![output])
        } else {
            Self::one_by_one(training, &mut graph, input, layout, &codebooks)?
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
            let estimator = if matches!(training.spec, Spec::SpaceFilling { .. }) {
                training.method.curve_estimator(seed)?
            } else {
                training.method.estimator(d, seed)?
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

/// The quantizer of these codebooks, which are in the vectors' own units, at these scales (at 1 if there are none).
pub(super) fn quantizer(
    training: &GradientTraining,
    mut codebooks: Vec<Array2<f32>>,
    scales: &[Scale],
) -> Result<Box<dyn Quantizer>> {
    if matches!(training.spec, Spec::Product { .. }) {
        return Ok(Box::new(Product::stacked(codebooks, 1, 1, scales)?));
    }
    let scale = scales.first().copied().unwrap_or_default();
    codebooks.iter_mut().for_each(|codebook| scale.apply(codebook));
    let inner: Box<dyn Quantizer> = match &training.spec {
        Spec::Residual { .. } => Box::new(Residual::new(codebooks, training.beam)?),
        Spec::Additive { .. } => Box::new(Additive::new(codebooks, training.beam, 0)?),
        spec => {
            let only = codebooks.into_iter().next();
            let only = only.ok_or_else(|| Error::input(format!("no codebook; {spec} has one")))?;
            match spec {
                Spec::SpaceFilling { position_bits, .. } => {
                    Box::new(SpaceFilling::new(only, *position_bits)?)
                }
                _ => Box::new(Vq::new(only)?),
            }
        }
    };
    Ok(scaled(inner, scale))
}
