//! From the gradients of vectors to those of their codewords.

use super::scratch::Scratch;
use crate::engine::{Matrix, Recorder};
use crate::error::Result;

/// Sums rows by code. Keeps its buffers.
#[derive(Default)]
pub(crate) struct Scatter {
    order: Scratch<u32>,
    offsets: Scratch<u32>,
    counts: Scratch<f32>,
}

impl Scatter {
    /// Records `sums[c] = Σ rows[i]` over the vectors i of code c. Returns how many each code has, (k, 1).
    ///
    /// Shapes: `codes` (n, 1), `rows` (n, d), `sums` (k, d).
    pub fn record(
        &mut self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        rows: &Matrix<f32>,
        sums: &mut Matrix<f32>,
    ) -> Result<&mut Matrix<f32>> {
        let engine = recorder.engine().clone();
        let (n, k) = (codes.rows(), sums.rows());
        let order = self.order.room(&engine, (n, 1))?;
        let offsets = self.offsets.room(&engine, (k + 1, 1))?;
        let counts = self.counts.room(&engine, (k, 1))?;
        recorder.counting_sort(codes, k, order, offsets)?;
        recorder.segment_sum(rows, order, offsets, None, sums, counts)?;
        Ok(counts)
    }
}
