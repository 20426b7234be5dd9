//! What soft quantization and the Gumbel softmax share: weights by distance, and how the gradient goes through them.
//!
//! With weights w = softmax(t) of scores t_j = −s ‖x − c_j‖² (+ noise), and the gradient g by Σ w_j c_j:
//!   e_j = w_j (g·c_j − Σ_l w_l g·c_l), the gradient by t_j;  Σ_j e_j = 0
//!   dx = 2 s Σ_j e_j c_j,  dc_j = 2 s (Σ e_j x − c_j Σ e_j), summed over the vectors

use super::scratch::Scratch;
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::ops::Op;

/// Buffers that are kept from step to step.
#[derive(Default)]
pub(super) struct Softmin {
    transposed: Scratch<f32>,
    products: Scratch<f32>,
    slopes: Scratch<f32>,
    row_sums: Scratch<f32>,
    column_sums: Scratch<f32>,
    turned_sums: Scratch<f32>,
    more: Scratch<f32>,
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

    /// Records what goes through the weights: overwrites `dx`, adds to `dcodebook`. `sharpness` is s.
    #[expect(
        clippy::too_many_arguments,
        reason = "what the weights came from, a gradient, and where two gradients go"
    )]
    pub fn record_gradients(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        weights: &Matrix<f32>,
        sharpness: f32,
        gradient: &Matrix<f32>,
        dx: &mut Matrix<f32>,
        dcodebook: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let (n, k) = weights.shape();
        let slopes = self.slopes.room(&engine, (n, k))?;
        recorder.matmul_transposed(gradient, codebook, slopes)?;
        recorder.update(Op::Mul, slopes, weights)?;
        let row_sums = self.row_sums.room(&engine, (n, 1))?;
        recorder.row_sums(slopes, row_sums)?;
        let products = self.products.room(&engine, (n, k))?;
        recorder.elementwise(Op::Mul, weights, &*row_sums, products)?;
        recorder.update(Op::Sub, slopes, &*products)?;
        recorder.update(Op::Mul, slopes, 2.0 * sharpness)?;

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
