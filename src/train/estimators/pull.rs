//! The auxiliary loss that draws codewords and vectors together.
//!
//! Van den Oord, Vinyals and Kavukcuoglu, "Neural discrete representation learning", 2017 (Eq. 3.5 of the thesis), as a
//! mean over all n d elements:
//!   loss = (β₁ Σ ‖sg[x] − c‖² + β₂ Σ ‖x − sg[c]‖²) / (n d)
//!   dx += 2 β₂ (x − c) / (n d),  dc = −2 β₁ Σ (x − c) / (n d)  over the vectors of c

use super::scatter::Scatter;
use super::scratch::Scratch;
use super::{Forward, check_weight};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::ops::Op;

#[derive(Default)]
pub(super) struct Pull {
    codebook: f32,
    commitment: f32,
    scatter: Scatter,
    residuals: Scratch<f32>,
}

impl Pull {
    pub fn new(codebook: f32, commitment: f32) -> Result<Self> {
        check_weight("the weight of the codebook loss, beta 1,", codebook)?;
        check_weight("the weight of the commitment loss, beta 2,", commitment)?;
        Ok(Self { codebook, commitment, ..Self::default() })
    }

    /// Records the loss, from the distances.
    pub fn record_loss(&self, recorder: &mut Recorder<'_>, forward: &mut Forward) -> Result<()> {
        let elements = forward.output.rows() * forward.output.cols();
        recorder.reduce_sum(&forward.distances, &mut forward.loss, 0)?;
        let weight = (self.codebook + self.commitment) / elements.max(1) as f32;
        recorder.update(Op::Mul, &mut forward.loss, weight)
    }

    /// Records the loss's gradients: adds to `dx`, and overwrites `dcodebook`.
    pub fn record_gradients(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        codes: &Matrix<u32>,
        dx: &mut Matrix<f32>,
        dcodebook: &mut Matrix<f32>,
    ) -> Result<()> {
        let share = 2.0 / (x.rows() * x.cols()).max(1) as f32;
        let residuals = self.residuals.room(recorder.engine(), x.shape())?;
        recorder.residual(x, codebook, codes, residuals)?;
        if self.codebook > 0.0 {
            self.scatter.record(recorder, codes, residuals, dcodebook)?;
            recorder.update(Op::Mul, dcodebook, -share * self.codebook)?;
        } else {
            recorder.fill(dcodebook, 0.0)?;
        }
        recorder.update(Op::Mul, residuals, share * self.commitment)?;
        recorder.update(Op::Add, dx, &*residuals)
    }
}
