//! NSVQ and DiVeQ for quantizers of several codebooks: one noise term for the whole error.
//!
//! Vali and Bäckström, "Stochastic optimization of vector quantization methods in application to speech and image
//! processing", ICASSP 2023 (Section 5.3 of the thesis). With x̂ the sum, or the concatenation, of the codewords that the
//! quantizer's own search finds:
//!   forward   x' = x + ‖x − x̂‖ v / ‖v‖
//!   backward  with u = v / ‖v‖:  dx = g + (g·u) (x − x̂) / ‖x − x̂‖,  and each codeword of x̂ gets what of
//!             −(g·u) (x − x̂) / ‖x − x̂‖ lies in its dimensions

use std::ops::Range;

use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::graph::{Computed, Gradients, Operation};
use crate::ops::Op;
use crate::quantizers::Coder;
use crate::train::estimators::displacement::Noise;
use crate::train::estimators::scatter::Scatter;

/// The inputs are the vectors (n, d) and then the codebooks, of the shapes that the coder has.
pub(super) struct JointNoise {
    coder: Box<dyn Coder>,
    /// What takes its place, and from which step on.
    later: Option<(u64, Box<dyn Coder>)>,
    noise: Noise,
    /// The dimensions that each codebook is of.
    columns: Vec<Range<usize>>,
    /// The codes of each codebook, (n, 1).
    codes: Vec<Matrix<u32>>,
    scatters: Vec<Scatter>,
    all_codes: Matrix<u32>,
    distances: Matrix<f32>,
    residuals: Matrix<f32>,
    directions: Matrix<f32>,
    dquantized: Matrix<f32>,
    dx: Matrix<f32>,
}

impl JointNoise {
    /// For `n` vectors. `columns` are those of each codebook.
    pub fn new(
        engine: &Engine,
        coder: Box<dyn Coder>,
        noise: Noise,
        columns: Vec<Range<usize>>,
        n: usize,
    ) -> Result<Self> {
        let (m, d) = (columns.len(), coder.dim());
        Ok(Self {
            codes: (0..m).map(|_| engine.uninitialized(n, 1)).collect::<Result<_>>()?,
            scatters: columns.iter().map(|_| Scatter::default()).collect(),
            all_codes: engine.uninitialized(n, m)?,
            distances: engine.uninitialized(n, 1)?,
            residuals: engine.uninitialized(n, d)?,
            directions: engine.uninitialized(n, d)?,
            dquantized: engine.uninitialized(n, d)?,
            dx: engine.uninitialized(n, d)?,
            coder,
            later: None,
            noise,
            columns,
        })
    }

    /// Searches with another coder of the same codebooks from step `step` on.
    pub fn then(mut self, step: u64, coder: Box<dyn Coder>) -> Self {
        self.later = Some((step, coder));
        self
    }
}

impl Operation for JointNoise {
    fn name(&self) -> &'static str {
        "joint noise"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        let sizes = self.coder.codebook_sizes();
        let books = sizes.iter().zip(&self.columns).map(|(&k, columns)| (k, columns.len()));
        let expected: Vec<_> = std::iter::once(self.residuals.shape()).chain(books).collect();
        if inputs == expected {
            return Ok(expected[0]);
        }
        Err(Error::shape(format!("expected vectors and codebooks of {expected:?}, got {inputs:?}")))
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        step: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        let x = inputs[0];
        if let Some((_, coder)) = self.later.take_if(|(from, _)| step >= *from) {
            self.coder = coder;
        }
        self.coder.record_codebooks(recorder, &inputs[1..])?;
        self.coder.record_encode(recorder, x, &mut self.all_codes, &mut self.distances)?;
        for (j, codes) in self.codes.iter_mut().enumerate() {
            recorder.copy_columns(&self.all_codes, j..j + 1, codes, 0)?;
        }
        // The output's room takes what the codes stand for first.
        self.coder.record_decode(recorder, &self.all_codes, output)?;
        recorder.elementwise(Op::Sub, x, &*output, &mut self.residuals)?;
        self.noise.record(recorder, step, x, &self.residuals, &mut self.directions, output)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        let Self { residuals, directions, dx, dquantized, columns, codes, scatters, .. } = self;
        recorder.displace_grad(residuals, directions, result.gradient, dx, dquantized)?;
        into.add(recorder, 0, inputs[0].shape(), |recorder, target| recorder.copy(dx, target))?;
        for (j, columns) in columns.iter().enumerate() {
            let (scatter, codes) = (&mut scatters[j], &codes[j]);
            into.add(recorder, j + 1, inputs[j + 1].shape(), |recorder, target| {
                if columns.len() == dquantized.cols() {
                    scatter.record(recorder, codes, dquantized, target)?;
                } else {
                    let mut part = recorder.engine().uninitialized(dquantized.rows(), columns.len())?;
                    recorder.copy_columns(dquantized, columns.clone(), &mut part, 0)?;
                    scatter.record(recorder, codes, &part, target)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn codes(&self) -> Vec<&Matrix<u32>> {
        self.codes.iter().collect()
    }
}
