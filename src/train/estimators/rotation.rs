//! The rotation trick.
//!
//! Fifty, Junkins, Duan, Iyengar, Liu, Amid, Thrun and Ré, "Restructuring vector quantization with the rotation trick", 2024.
//! With e = x / ‖x‖, f = c / ‖c‖, s = e + f, and two reflections that take e to f, R = I − 2 s sᵀ / ‖s‖² + 2 f eᵀ:
//!   forward   x̂ = sg[(‖c‖ / ‖x‖) R] x, that is c;  loss as for the straight-through estimator
//!   backward  dx = (‖c‖ / ‖x‖) Rᵀ g + 2 β₂ (x − c) / (n d),  dc = −2 β₁ Σ (x − c) / (n d)  over the vectors of c
//! Where x = 0 the first term is g, where c = 0 it is 0.

use super::nearest::Nearest;
use super::pull::Pull;
use super::{Backward, Estimator, Forward};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;

/// The rotation trick (Fifty et al. 2024): as [`Ste`](super::Ste), but the gradient is turned and scaled as the vector is on its
/// way to the codeword, so that vectors of a cell are not all moved alike.
///
/// ```
/// use ndarray::array;
/// use wgvq::train::estimators::{Backward, Estimator, Forward, Rotation};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let x = engine.upload(array![[2.0_f32, 0.0]].view())?;
/// let codebook = engine.upload(array![[0.0_f32, 1.0]].view())?;
/// let gradient = engine.upload(array![[0.0_f32, 4.0]].view())?;
/// let mut forward = Forward::new(&engine, 1, 2)?;
/// let (mut dx, mut dcodebook) = (engine.zeros(1, 2)?, engine.zeros(1, 2)?);
/// let mut rotation = Rotation::new(0.0, 0.0)?;
/// let mut recorder = engine.recorder();
/// rotation.record_forward(&mut recorder, &x, &codebook, 0, &mut forward)?;
/// let (forward, dx, dcodebook) = (&forward, &mut dx, &mut dcodebook);
/// let pass = Backward { x: &x, codebook: &codebook, forward, gradient: &gradient, dx, dcodebook };
/// rotation.record_backward(&mut recorder, pass)?;
/// recorder.submit()?;
/// // What pointed along the codeword points along the vector, and is half as long, as the codeword is.
/// let dx = dx.download()?;
/// assert!((dx[[0, 0]] - 2.0).abs() < 1e-6 && dx[[0, 1]].abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
pub struct Rotation {
    nearest: Nearest,
    pull: Pull,
}

impl Rotation {
    /// Weights β₁ of the codebook loss and β₂ of the commitment loss.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if one is negative or not finite.
    pub fn new(codebook: f32, commitment: f32) -> Result<Self> {
        Ok(Self { nearest: Nearest::default(), pull: Pull::new(codebook, commitment)? })
    }
}

impl Estimator for Rotation {
    fn name(&self) -> &'static str {
        "rotation"
    }

    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        _: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        self.nearest.record(recorder, x, codebook, forward)?;
        self.pull.record_loss(recorder, forward)
    }

    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()> {
        let Backward { x, codebook, forward, gradient, dx, dcodebook } = pass;
        recorder.rotation_grad(x, &forward.output, gradient, dx)?;
        self.pull.record_gradients(recorder, x, codebook, &forward.codes, dx, dcodebook)
    }
}
