//! Soft quantization.
//!
//! Agustsson et al., "Soft-to-hard vector quantization for end-to-end learning compressible representations", NeurIPS 2017;
//! Eq. 3.4 of the thesis, with d_j the squared distance ‖x − c_j‖² and τ the factor that makes it harder.
//!   forward   x̂ = Σ_j π_j c_j,  π = softmax(−τ d)
//!   backward  e_j = π_j g·(c_j − x̂);  dx = 2 τ f Σ_j e_j c_j,  dc_j = Σ (π_j g + 2 τ f e_j (x − c_j)) over all vectors
//! with f = 1 for the true gradient, and below where what goes through the weights would be longer than π_j g, over all j
//! (`softmin.rs` says why). There is no auxiliary loss. At inference the nearest codeword is taken, to which x̂ goes as τ goes to infinity.

use super::nearest::Nearest;
use super::softmin::{Softmin, Weighing};
use super::{Backward, Estimator, Forward, Temperature};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;

/// Soft quantization (Eq. 3.4): the output is the mean of all codewords, each weighted by its nearness.
///
/// What a vector gives to the codebook through the weights is limited to the length of what it gives directly: the true
/// gradient grows with the temperature factor, until codewords leave their vectors.
///
/// The temperature factor counts squared distances, so that it goes with the scale of the vectors: of use is one from
/// about 1 to 100 over the mean squared distance between a vector and its codeword. It takes three (n, k) matrices.
///
/// ```
/// use ndarray::array;
/// use wgvq::train::estimators::{Estimator, Forward, Soft, Temperature};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let x = engine.upload(array![[0.0_f32], [1.0]].view())?;
/// let codebook = engine.upload(array![[-1.0_f32], [1.0]].view())?;
/// let mut forward = Forward::new(&engine, 2, 1)?;
/// let mut soft = Soft::new(Temperature::fixed(0.5)?);
/// let mut recorder = engine.recorder();
/// soft.record_forward(&mut recorder, &x, &codebook, 0, &mut forward)?;
/// recorder.submit()?;
/// // Halfway both weigh the same; at a codeword the other one weighs e⁻² of it.
/// let output = forward.output.download()?;
/// assert!(output[[0, 0]].abs() < 1e-6 && (output[[1, 0]] - 1.0_f32.tanh()).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
pub struct Soft {
    temperature: Temperature,
    nearest: Nearest,
    softmin: Softmin,
}

impl Soft {
    /// Weights of this temperature, fixed or annealed.
    pub fn new(temperature: Temperature) -> Self {
        Self { temperature, nearest: Nearest::default(), softmin: Softmin::default() }
    }
}

impl Estimator for Soft {
    fn name(&self) -> &'static str {
        "soft"
    }

    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        step: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        forward.check("soft", x, codebook)?;
        let engine = recorder.engine().clone();
        let Self { temperature, nearest, softmin } = self;
        let packed = nearest.record_packed(recorder, codebook)?;
        let Forward { output, codes, distances, loss, saved } = forward;
        recorder.assign(x, packed, codes, distances)?;
        let tau = temperature.at(step);
        let all = (x.rows(), codebook.rows());
        let [weights, between, log_sums] = saved.room("soft", &engine, [all, all, (x.rows(), 1)])?;
        recorder.distance_matrix(x, packed, between)?;
        recorder.soft_weights(between, -tau, weights, log_sums)?;
        softmin.record_means(recorder, weights, codebook, output)?;
        saved.number = tau;
        recorder.fill(loss, 0.0)
    }

    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()> {
        let saved = &pass.forward.saved;
        let [weights, distances, _] = saved.get("soft")?;
        recorder.transposed_matmul(weights, pass.gradient, pass.dcodebook)?;
        let weighing = Weighing { weights, distances, sharpness: saved.number };
        self.softmin.record_gradients(recorder, weighing, pass)
    }
}
