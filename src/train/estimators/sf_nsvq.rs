//! Space-filling vector quantization by noise substitution.
//!
//! Vali and Bäckström, "Interpretable latent space using space-filling curves for phonetic analysis in voice conversion",
//! Interspeech 2023 (Publication IV of the thesis).
//!   forward   x' = x + ‖x − p‖ r / ‖r‖,  p the nearest of the points that `dither.rs` draws on the segments of the curve
//!   backward  that of NSVQ to x and p, and from p to the two corners of its segment

use super::displacement::{Direction, Displacement};
use super::dither::Dither;
use super::scratch::Scratch;
use super::{Backward, Estimator, Forward};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;

/// NSVQ to a piecewise linear curve, whose corners the codebook is (Publication IV): vectors are quantized to one point on
/// each segment, another at every step, so that all of the curve comes to lie where vectors are and its corners keep
/// their order.
///
/// Needs two corners at least. Codes are those of segments, from 0 to k − 2.
///
/// ```
/// use wgvq::train::estimators::{Estimator, SfNsvq};
/// assert_eq!(SfNsvq::new(7).name(), "sf-nsvq");
/// ```
pub struct SfNsvq {
    displacement: Displacement,
    dither: Dither,
    dpoints: Scratch<f32>,
}

impl SfNsvq {
    /// Noise and points drawn by `seed`: another for each quantizer of a model.
    pub fn new(seed: u64) -> Self {
        Self {
            displacement: Displacement::new("sf-nsvq", Direction::Random, seed),
            dither: Dither::new(seed),
            dpoints: Scratch::default(),
        }
    }
}

impl Estimator for SfNsvq {
    fn name(&self) -> &'static str {
        "sf-nsvq"
    }

    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        step: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        forward.check(self.name(), x, codebook)?;
        let drawn = self.dither.record(recorder, codebook, step)?;
        self.displacement.record_forward(recorder, x, drawn.points, step, forward)
    }

    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()> {
        let Backward { codebook, forward, gradient, dx, dcodebook, .. } = pass;
        let segments = codebook.rows().saturating_sub(1);
        let dpoints = self.dpoints.room(recorder.engine(), (segments, codebook.cols()))?;
        self.displacement.record_backward(recorder, forward, gradient, dx, dpoints)?;
        self.dither.record_gradient(recorder, dpoints, dcodebook)
    }
}
