//! The straight-through estimator.
//!
//! Bengio, Léonard and Courville, "Estimating or propagating gradients through stochastic neurons", 2013; with the losses
//! of the VQ-VAE (van den Oord, Vinyals and Kavukcuoglu 2017; Eq. 3.5 of the thesis).
//!   forward   x̂ = x + sg[c − x], that is c;  loss = (β₁ Σ ‖sg[x] − c‖² + β₂ Σ ‖x − sg[c]‖²) / (n d)
//!   backward  dx = g + 2 β₂ (x − c) / (n d),  dc = −2 β₁ Σ (x − c) / (n d)  over the vectors of c

use super::nearest::Nearest;
use super::pull::Pull;
use super::{Backward, Estimator, Forward};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;

/// Straight through: the output is the codeword, its gradient is taken for the vector's, and a loss of two terms moves
/// codewords to their vectors (weight β₁) and vectors to their codewords (weight β₂). Both are means over all elements,
/// not over vectors.
///
/// ```
/// use ndarray::array;
/// use wgvq::train::estimators::{Backward, Estimator, Forward, Ste};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let x = engine.upload(array![[1.0_f32, 2.0]].view())?;
/// let codebook = engine.upload(array![[1.0_f32, 0.0]].view())?;
/// let gradient = engine.upload(array![[5.0_f32, 6.0]].view())?;
/// let mut forward = Forward::new(&engine, 1, 2)?;
/// let (mut dx, mut dcodebook) = (engine.zeros(1, 2)?, engine.zeros(1, 2)?);
/// let mut ste = Ste::new(1.0, 0.25)?;
/// let mut recorder = engine.recorder();
/// ste.record_forward(&mut recorder, &x, &codebook, 0, &mut forward)?;
/// let (forward, dx, dcodebook) = (&forward, &mut dx, &mut dcodebook);
/// let pass = Backward { x: &x, codebook: &codebook, forward, gradient: &gradient, dx, dcodebook };
/// ste.record_backward(&mut recorder, pass)?;
/// recorder.submit()?;
/// assert_eq!(forward.output.download()?, array![[1.0, 0.0]]);
/// assert_eq!(forward.loss.download()?, array![[1.25 * 4.0 / 2.0]]);
/// assert_eq!(dx.download()?, array![[5.0, 6.5]]);
/// assert_eq!(dcodebook.download()?, array![[0.0, -2.0]]);
/// # Ok(())
/// # }
/// ```
pub struct Ste {
    nearest: Nearest,
    pull: Pull,
}

impl Ste {
    /// Weights β₁ of the codebook loss and β₂ of the commitment loss: 1 and 0.25 in the VQ-VAE.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if one is negative or not finite.
    pub fn new(codebook: f32, commitment: f32) -> Result<Self> {
        Ok(Self { nearest: Nearest::default(), pull: Pull::new(codebook, commitment)? })
    }
}

impl Estimator for Ste {
    fn name(&self) -> &'static str {
        "ste"
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
        recorder.copy(gradient, dx)?;
        self.pull.record_gradients(recorder, x, codebook, &forward.codes, dx, dcodebook)
    }
}
