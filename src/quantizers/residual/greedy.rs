//! Residual quantization that takes the nearest codeword at every stage.

use ndarray::Array2;

use super::{StageSink, Stages};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::Result;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::quantizers::Coder;
use crate::quantizers::codes::check_recorded;
use crate::quantizers::stack::Stack;

pub(super) struct Greedy {
    codebooks: Vec<Codebook>,
    stack: Stack,
}

impl Greedy {
    pub fn new(engine: &Engine, codebooks: &[Array2<f32>]) -> Result<Self> {
        let prepared = codebooks.iter().map(|c| Codebook::new(engine, c.view(), Metric::SquaredL2));
        Ok(Self { codebooks: prepared.collect::<Result<_>>()?, stack: Stack::new(engine, codebooks)? })
    }

    /// Fills `codes` (n, m) column by column, and `distances` (n, 1) anew at each stage, after which `each` is called.
    fn record(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
        each: &mut StageSink<'_>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let mut chosen = engine.uninitialized(x.rows(), 1)?;
        let mut left: Option<Matrix<f32>> = None;
        for (j, codebook) in self.codebooks.iter().enumerate() {
            let residuals = left.as_ref().unwrap_or(x);
            recorder.assign(residuals, codebook, &mut chosen, distances)?;
            recorder.copy_columns(&chosen, 0..1, codes, j)?;
            each(recorder, j, codes, distances)?;
            if j + 1 < self.codebooks.len() {
                let mut next = engine.uninitialized(x.rows(), x.cols())?;
                recorder.residual(residuals, codebook.codewords(), &chosen, &mut next)?;
                left = Some(next);
            }
        }
        Ok(())
    }
}

impl Stages for Greedy {
    fn record_stages(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        each: &mut StageSink<'_>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let mut codes = engine.uninitialized(x.rows(), self.codebooks.len())?;
        let mut distances = engine.uninitialized(x.rows(), 1)?;
        self.record(recorder, x, &mut codes, &mut distances, each)
    }
}

impl Coder for Greedy {
    fn dim(&self) -> usize {
        self.stack.dim()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.stack.sizes().to_vec()
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        self.record(recorder, x, codes, distances, &mut |_, _, _, _| Ok(()))
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        self.stack.record_decode(recorder, codes, decoded)
    }

    fn record_codebooks(&mut self, recorder: &mut Recorder<'_>, codebooks: &[&Matrix<f32>]) -> Result<()> {
        for (own, codebook) in self.codebooks.iter_mut().zip(codebooks) {
            recorder.copy(codebook, own.codewords_mut())?;
            recorder.prepare_codebook(own)?;
        }
        self.stack.record_codebooks(recorder, codebooks)
    }

    fn scratch_bytes(&self) -> usize {
        8 * self.dim()
    }
}
