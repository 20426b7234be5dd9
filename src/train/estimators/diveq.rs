//! DiVeQ: differentiable vector quantization by noise that is directed at the codeword.
//!
//! Vali, Bäckström and Solin, "DiVeQ: Differentiable vector quantization using the reparameterization trick", 2025.
//!   forward   x' = x + ‖c − x‖ sg[v / ‖v‖],  v = ε + (c − x),  ε ~ N(0, σ² I) per vector
//!   backward  as for NSVQ, with u = v / ‖v‖
//! As σ goes to 0, x' goes to c.

use super::displacement::{Direction, Displacement};
use super::{Backward, Estimator, Forward, check_weight};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;

/// Directed noise (Vali, Bäckström and Solin 2025): the error keeps its length and nearly its direction, so that the
/// decoder sees almost the codeword, and the gradient still reaches it.
///
/// ```
/// use wgvq::train::estimators::{Diveq, Estimator};
/// let diveq = Diveq::new(1e-3, 7)?;
/// assert_eq!(diveq.name(), "diveq");
/// # Ok::<(), wgvq::Error>(())
/// ```
pub struct Diveq(Displacement);

impl Diveq {
    /// Noise of standard `deviation` σ, of which the published code has 1e-3, drawn by `seed`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if σ is negative or not finite.
    pub fn new(deviation: f32, seed: u64) -> Result<Self> {
        check_weight("diveq: the standard deviation", deviation)?;
        Ok(Self(Displacement::new("diveq", Direction::Codeword { deviation }, seed)))
    }
}

impl Estimator for Diveq {
    fn name(&self) -> &'static str {
        "diveq"
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
