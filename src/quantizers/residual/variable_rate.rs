//! Residual quantization that stops, vector by vector, where it is near enough.

use ndarray::Array2;

use super::Stages;
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::kernels::extend_codes::Ragged;
use crate::quantizers::Coder;
use crate::quantizers::codes::check_recorded;
use crate::quantizers::stack::Stack;

pub(super) struct VariableRate {
    /// Searches among the codewords that do not say stop.
    stages: Box<dyn Stages>,
    /// All codewords, the last one of each codebook being 0: it says stop.
    stack: Stack,
    /// The squared error that is near enough.
    limit: f32,
}

impl VariableRate {
    pub fn new(stages: Box<dyn Stages>, stack: Stack, limit: f32) -> Self {
        Self { stages, stack, limit }
    }

    fn stop(&self, j: usize) -> u32 {
        self.stack.sizes()[j] as u32 - 1
    }
}

impl Coder for VariableRate {
    fn dim(&self) -> usize {
        self.stack.dim()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.stack.sizes().to_vec()
    }

    fn is_ragged(&self) -> bool {
        true
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let m = self.stack.sizes().len();
        let stops = engine.upload(Array2::from_shape_fn((m, 1), |(j, _)| self.stop(j)).view())?;
        // Before the first stage: no codes, which decode to 0, so that all of a vector is its error.
        let none = engine.upload(Array2::from_shape_fn((x.rows(), m), |(_, j)| self.stop(j)).view())?;
        recorder.copy(&none, codes)?;
        self.stack.record_distances(recorder, x, codes, distances)?;
        let mut ragged = Ragged { codes, distances };
        self.stages.record_stages(recorder, x, &mut |recorder, j, longer, errors| {
            recorder.extend_codes(longer, j + 1, errors, &stops, self.limit, &mut ragged)
        })
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

    fn scratch_bytes(&self) -> usize {
        self.stages.scratch_bytes() + 8 * self.stack.sizes().len()
    }
}
