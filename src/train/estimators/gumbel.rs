//! The Gumbel softmax, in its straight-through form.
//!
//! Jang, Gu and Poole, "Categorical reparameterization with Gumbel-softmax", and Maddison, Mnih and Teh, "The concrete
//! distribution", both ICLR 2017; Eqs. 3.9 and 3.10 of the thesis, with a softmin of squared distances for π.
//!   forward   z_j = γ_j − s d_j for d_j = ‖x − c_j‖² and γ_j = −log(−log u_j), which is log π_j + γ_j but for what all
//!             have in common; i = argmax z, a draw from π = softmax(−s d);  x̂ = c_i
//!   backward  as if x̂ were Σ_j y_j c_j, y = softmax(τ z):  e_j = y_j g·(c_j − Σ_l y_l c_l);
//!             dx = 2 τ s f Σ_j e_j c_j,  dc_j = Σ g over the vectors of code j + 2 τ s f Σ e_j (x − c_j) over all vectors,
//!             with f as for soft quantization
//! There is no auxiliary loss. At inference the nearest codeword is taken, the most likely one.

use super::nearest::Nearest;
use super::scatter::Scatter;
use super::softmin::{Softmin, Weighing};
use super::{Backward, Estimator, Forward, Temperature, noise_seed};
use crate::engine::{Matrix, Recorder};
use crate::error::{Error, Result};
use crate::ops::{Distribution, Op};

/// The Gumbel softmax (Eqs. 3.9, 3.10): forward a codeword drawn at random, the nearer the likelier; backward the
/// gradient of the softmax around that draw.
///
/// `codes` and `distances` of the [`Forward`] are those of the codeword that was drawn. It takes four (n, k) matrices.
///
/// ```
/// use ndarray::array;
/// use wgvq::train::estimators::{Estimator, Forward, Gumbel, Temperature};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let x = engine.upload(ndarray::Array2::zeros((1000, 1)).view())?;
/// let codebook = engine.upload(array![[0.0_f32], [1.0]].view())?;
/// let mut forward = Forward::new(&engine, 1000, 1)?;
/// let mut gumbel = Gumbel::new(3.0_f32.ln(), Temperature::fixed(1.0)?, 7)?;
/// let mut recorder = engine.recorder();
/// gumbel.record_forward(&mut recorder, &x, &codebook, 0, &mut forward)?;
/// recorder.submit()?;
/// // A squared distance of 1 is drawn a third as often as one of 0: 250 times, and 14 is the standard deviation.
/// let drawn = forward.codes.download()?.sum();
/// assert!(drawn.abs_diff(250) < 60, "{drawn}");
/// # Ok(())
/// # }
/// ```
pub struct Gumbel {
    sharpness: f32,
    temperature: Temperature,
    seed: u64,
    nearest: Nearest,
    softmin: Softmin,
    scatter: Scatter,
}

impl Gumbel {
    /// Draws with probabilities softmax(−`sharpness` · squared distance), by noise of `seed`, and a gradient of this
    /// `temperature`. As that of [`Soft`](super::Soft), the sharpness goes with the scale of the vectors.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) unless the sharpness is over 0 and finite.
    pub fn new(sharpness: f32, temperature: Temperature, seed: u64) -> Result<Self> {
        if !(sharpness.is_normal() && sharpness > 0.0) {
            return Err(Error::input(format!(
                "gumbel: a sharpness of {sharpness}; it has to be over 0 and finite"
            )));
        }
        Ok(Self {
            sharpness,
            temperature,
            seed: noise_seed(seed),
            nearest: Nearest::default(),
            softmin: Softmin::default(),
            scatter: Scatter::default(),
        })
    }
}

impl Estimator for Gumbel {
    fn name(&self) -> &'static str {
        "gumbel"
    }

    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        step: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        forward.check("gumbel", x, codebook)?;
        let engine = recorder.engine().clone();
        let packed = self.nearest.record_packed(recorder, codebook)?;
        let Forward { output, codes, distances, loss, saved } = forward;
        let all = (x.rows(), codebook.rows());
        let [weights, scores, between, log_sums] =
            saved.room("gumbel", &engine, [all, all, all, (x.rows(), 1)])?;
        recorder.distance_matrix(x, packed, between)?;
        recorder.elementwise(Op::Mul, &*between, self.sharpness, weights)?;
        recorder.random_fill(Distribution::Gumbel, self.seed, step, scores)?;
        recorder.update(Op::Sub, scores, &*weights)?;
        recorder.row_argmax(scores, codes)?;
        let tau = self.temperature.at(step);
        recorder.soft_weights(scores, tau, weights, log_sums)?;
        recorder.gather(codebook, codes, output)?;
        recorder.row_distances(x, output, distances)?;
        saved.number = tau * self.sharpness;
        recorder.fill(loss, 0.0)
    }

    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()> {
        let saved = &pass.forward.saved;
        let [weights, _, distances, _] = saved.get("gumbel")?;
        self.scatter.record(recorder, &pass.forward.codes, pass.gradient, pass.dcodebook)?;
        let weighing = Weighing { weights, distances, sharpness: saved.number };
        self.softmin.record_gradients(recorder, weighing, pass)
    }
}
