//! NSVQ: noise substitution in vector quantization.
//!
//! Vali and Bäckström, "NSVQ: Noise substitution in vector quantization for machine learning", IEEE Access, 2022
//! (Section 5.2 of the thesis).
//!   forward   x' = x + ‖x − c‖ r / ‖r‖,  r ~ N(0, I) per vector, c its nearest codeword
//!   backward  through ‖x − c‖ alone: dx = g + (g·u) (x − c) / ‖x − c‖ and dc = −(g·u) (x − c) / ‖x − c‖ with u = r / ‖r‖;
//!             where x = c the gradient of the norm is taken as 0
//! There is no auxiliary loss. The published code adds 1e-12 to ‖r‖; a normal r is longer than f32 would let that show,
//! and one shorter than 2⁻⁵⁰ displaces nothing here.

use super::displacement::{Direction, Displacement};
use super::{Backward, Estimator, Forward};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;

/// Noise substitution (Vali and Bäckström 2022): the output is the vector itself and noise as long as its quantization
/// error, so the gradient reaches vectors and codewords without a loss of its own.
///
/// With the loss mean (x' − x)² the noise cancels: the loss is the mean of ‖x − c‖²/d, and a step of gradient descent
/// on the codebook is one towards the means of the vectors. [The module](crate::train::estimators) has an example.
pub struct Nsvq(Displacement);

impl Nsvq {
    /// Noise drawn by `seed`: another for each quantizer of a model.
    pub fn new(seed: u64) -> Self {
        Self(Displacement::new("nsvq", Direction::Random, seed))
    }
}

impl Estimator for Nsvq {
    fn name(&self) -> &'static str {
        "nsvq"
    }

    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        step: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        self.0.record_forward(recorder, x, codebook, step, forward)
    }

    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()> {
        let Backward { forward, gradient, dx, dcodebook, .. } = pass;
        self.0.record_backward(recorder, forward, gradient, dx, dcodebook)
    }
}
