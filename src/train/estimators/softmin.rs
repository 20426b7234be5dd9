//! What soft quantization and the Gumbel softmax share: weights by distance, and how the gradient goes through them.
//!
//! With weights w = softmax(t) of scores t_j = −s ‖x − c_j‖² (+ noise), and the gradient g by Σ w_j c_j:
//!   e_j = w_j (g·c_j − Σ_l w_l g·c_l), the gradient by t_j;  Σ_j e_j = 0
//!   dx = 2 s f Σ_j e_j c_j,  dc_j = 2 s f (Σ e_j x − c_j Σ e_j), summed over the vectors
//!
//! The true gradient has f = 1. Its length grows with s wherever a vector lies between codewords, where it is there but by
//! chance: with steps of any usual length it drowns what the vectors give to the codewords as parts of the sum, w_j g, and
//! the codebook walks away from its vectors. So f ≤ 1, a factor for each vector, holds 2 s e_j (x − c_j), over all j, to the
//! length of w_j g. As s goes to infinity the weights become a hard choice, e_j vanishes for every vector that is not just
//! between two codewords, and what is left is the gradient of the straight-through estimator by the codebook.

use super::Backward;
use super::scratch::Scratch;
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::ops::Op;

/// Buffers that are kept from step to step.
#[derive(Default)]
pub(super) struct Softmin {
    transposed: Scratch<f32>,
    slopes: Scratch<f32>,
    column_sums: Scratch<f32>,
    turned_sums: Scratch<f32>,
    more: Scratch<f32>,
}

/// What weights came from: `weights` and squared `distances` (n, k), and the factor s of the distances in their scores.
pub(super) struct Weighing<'a> {
    pub weights: &'a Matrix<f32>,
    pub distances: &'a Matrix<f32>,
    pub sharpness: f32,
}

impl Softmin {
    /// Records `means = weights · codebook`. Shapes: `weights` (n, k), `means` (n, d).
    pub fn record_means(
        &mut self,
        recorder: &mut Recorder<'_>,
        weights: &Matrix<f32>,
        codebook: &Matrix<f32>,
        means: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let transposed = self.transposed.room(&engine, (codebook.cols(), codebook.rows()))?;
        recorder.transpose(codebook, transposed)?;
        recorder.matmul_transposed(weights, transposed, means)
    }

    /// Records what goes through the weights: overwrites `dx` of the pass, adds to its `dcodebook`.
    pub fn record_gradients(
        &mut self,
        recorder: &mut Recorder<'_>,
        weighing: Weighing<'_>,
        pass: Backward<'_>,
    ) -> Result<()> {
        let Backward { x, codebook, gradient, dx, dcodebook, .. } = pass;
        let Weighing { weights, distances, sharpness } = weighing;
        let engine = recorder.engine().clone();
        let (n, k) = weights.shape();
        let slopes = self.slopes.room(&engine, (n, k))?;
        recorder.matmul_transposed(gradient, codebook, slopes)?;
        recorder.soft_slopes(weights, distances, gradient, sharpness, slopes)?;

        let transposed = self.transposed.room(&engine, (codebook.cols(), k))?;
        recorder.transpose(codebook, transposed)?;
        recorder.matmul_transposed(slopes, transposed, dx)?;

        let more = self.more.room(&engine, codebook.shape())?;
        recorder.transposed_matmul(slopes, x, more)?;
        recorder.update(Op::Add, dcodebook, &*more)?;
        let column_sums = self.column_sums.room(&engine, (1, k))?;
        recorder.column_sums(slopes, column_sums)?;
        let turned_sums = self.turned_sums.room(&engine, (k, 1))?;
        recorder.transpose(column_sums, turned_sums)?;
        recorder.elementwise(Op::Mul, codebook, &*turned_sums, more)?;
        recorder.update(Op::Sub, dcodebook, &*more)
    }
}
