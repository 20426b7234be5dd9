//! Gradients through a quantizer.
//!
//! "The nearest codeword" has a derivative of zero almost everywhere. An [`Estimator`] says what a network is to see in
//! its place (Section 3.2 of Vali's thesis, *Vector Quantization in Deep Neural Networks for Speech and Image
//! Processing*, 2025), forward and backward, recorded on the device: nothing is submitted or read back, and all buffers
//! are kept from step to step. At inference all of them are [`Nearest`].
//!
//! | estimator | output | gradient of the codebook |
//! | --- | --- | --- |
//! | [`Nsvq`] | x and noise as long as the error | through that length |
//! | [`Diveq`] | the same, with noise directed at the codeword | through that length |
//! | [`Soft`] | a mean of all codewords, weighted by nearness | through weights and mean |
//! | [`Gumbel`] | a codeword drawn by nearness | through the softmax around the draw |
//! | [`Ste`] | the codeword | from a loss of its own |
//! | [`Rotation`] | the codeword | from a loss of its own |
//! | [`Ema`] | the codeword | none: moving averages of the vectors |
//! | [`Fsq`], [`Lfq`] | the nearest point of a grid | none: the grid never changes |
//! | [`SfNsvq`], [`SfDiveq`] | as NSVQ and DiVeQ, to a curve through the codewords | through the ends of the nearest segment |
//!
//! [`LinearCodebook`](crate::graph::LinearCodebook) is a codebook of which one matrix is learnt (SimVQ), by any of them that
//! follows a gradient.
//!
//! Auxiliary losses are means over all elements: the mean over the vectors of the squared norm, divided by d.
//!
//! ```
//! use ndarray::array;
//! use wgvq::ops::Op;
//! use wgvq::train::estimators::{Backward, Estimator, Forward, Nsvq};
//! # fn main() -> wgvq::Result<()> {
//! let engine = wgvq::Engine::cpu();
//! let x = engine.upload(array![[0.0_f32, 0.1], [0.1, 0.0], [1.0, 0.9], [0.9, 1.0]].view())?;
//! let mut codebook = engine.upload(array![[0.4_f32, 0.3], [0.6, 0.7]].view())?;
//! let (n, d) = x.shape();
//! let mut nsvq = Nsvq::new(7);
//! let mut forward = Forward::new(&engine, n, d)?;
//! let mut gradient = engine.zeros(n, d)?;
//! let (mut dx, mut dcodebook) = (engine.zeros(n, d)?, engine.zeros(2, d)?);
//! for step in 0..50 {
//!     let mut recorder = engine.recorder();
//!     nsvq.record_forward(&mut recorder, &x, &codebook, step, &mut forward)?;
//!     // The loss is the mean squared error of the output; a decoder would go in between.
//!     recorder.elementwise(Op::Sub, &forward.output, &x, &mut gradient)?;
//!     recorder.update(Op::Mul, &mut gradient, 2.0 / (n * d) as f32)?;
//!     let pass = Backward {
//!         x: &x,
//!         codebook: &codebook,
//!         forward: &forward,
//!         gradient: &gradient,
//!         dx: &mut dx,
//!         dcodebook: &mut dcodebook,
//!     };
//!     nsvq.record_backward(&mut recorder, pass)?;
//!     recorder.update(Op::Mul, &mut dcodebook, 0.5)?;
//!     recorder.update(Op::Sub, &mut codebook, &dcodebook)?;
//!     recorder.submit()?;
//! }
//! // The codewords have become the means of their vectors.
//! let codebook = codebook.download()?;
//! assert!((codebook[[0, 0]] - 0.05).abs() < 1e-3 && (codebook[[1, 0]] - 0.95).abs() < 1e-3);
//! # Ok(())
//! # }
//! ```

pub(crate) mod displacement;
mod dither;
mod diveq;
mod ema;
mod fsq;
mod grid;
mod gumbel;
mod lfq;
mod nearest;
mod nsvq;
mod pull;
mod rotation;
pub(crate) mod scatter;
mod scratch;
mod sf_diveq;
mod sf_nsvq;
mod soft;
mod softmin;
mod ste;
mod temperature;

#[cfg(test)]
mod tests;

pub use diveq::Diveq;
pub use ema::Ema;
pub use fsq::Fsq;
pub use gumbel::Gumbel;
pub use lfq::Lfq;
pub use nearest::Nearest;
pub use nsvq::Nsvq;
pub use rotation::Rotation;
pub use sf_diveq::SfDiveq;
pub use sf_nsvq::SfNsvq;
pub use soft::Soft;
pub use ste::Ste;
pub use temperature::Temperature;

use std::collections::BTreeMap;

use ndarray::Array2;

use self::scratch::Saved;
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::rng::Rng;

/// What a backward pass goes from, and where its gradients go.
pub struct Backward<'a> {
    /// The vectors (n, d) that `forward` was computed from.
    pub x: &'a Matrix<f32>,
    /// The codebook (k, d) that `forward` was computed from.
    pub codebook: &'a Matrix<f32>,
    /// The forward pass.
    pub forward: &'a Forward,
    /// The gradient of the loss by `forward.output`, (n, d).
    pub gradient: &'a Matrix<f32>,
    /// The gradient of the loss by x, (n, d), which is overwritten.
    pub dx: &'a mut Matrix<f32>,
    /// The gradient of the loss by the codebook, (k, d), which is overwritten.
    pub dcodebook: &'a mut Matrix<f32>,
}

/// What stands for "the nearest codeword" while a codebook is trained by gradient.
///
/// An estimator is for one quantizer of a model: the buffers that it keeps are of that quantizer's shapes.
pub trait Estimator: Send {
    /// What it is called: in specs and messages.
    fn name(&self) -> &'static str;

    /// Records the forward pass: everything in `forward` is overwritten.
    ///
    /// Shapes: `x` (n, d), `codebook` (k, d), `forward` for (n, d). Whatever is random depends on the estimator's seed, on
    /// `step` and on the place of the element alone.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit; [`Device`](crate::ErrorKind::Device) if the device
    /// has no room.
    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        step: u64,
        forward: &mut Forward,
    ) -> Result<()>;

    /// Records the backward pass. The gradient of `forward.loss`, with weight 1, is in what it computes.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, or if `forward` does not come from this kind of
    /// estimator; [`Device`](crate::ErrorKind::Device) if the device has no room.
    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()>;

    /// Records a change of the codebook that is not by gradient, behind the backward pass. Nothing, but for
    /// [`Ema`].
    ///
    /// # Errors
    /// As [`record_forward`](Self::record_forward).
    fn record_update(
        &mut self,
        _recorder: &mut Recorder<'_>,
        _x: &Matrix<f32>,
        _forward: &Forward,
        _codebook: &mut Matrix<f32>,
    ) -> Result<()> {
        Ok(())
    }

    /// Records that codewords were replaced: what is remembered of them starts anew. `kept` (k, 1) is 1 for a codeword
    /// that stays and 0 for one that was replaced, `codebook` (k, d) the new one. Nothing, but for [`Ema`].
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    fn record_reset_rows(
        &mut self,
        _recorder: &mut Recorder<'_>,
        _kept: &Matrix<f32>,
        _codebook: &Matrix<f32>,
    ) -> Result<()> {
        Ok(())
    }

    /// What it remembers from step to step, by name, so that a run can be resumed with the same bits.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the GPU has failed.
    fn state(&self) -> Result<BTreeMap<&'static str, Array2<f32>>> {
        Ok(BTreeMap::new())
    }

    /// Goes on from what [`state`](Self::state) returned: `read` has it by name.
    ///
    /// # Errors
    /// Those of `read`, and [`Device`](crate::ErrorKind::Device) if the device has no room.
    fn restore(
        &mut self,
        _engine: &Engine,
        _read: &mut dyn FnMut(&str) -> Result<Array2<f32>>,
    ) -> Result<()> {
        Ok(())
    }
}

/// So that an estimator can be chosen at run time.
impl Estimator for Box<dyn Estimator> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        step: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        (**self).record_forward(recorder, x, codebook, step, forward)
    }

    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()> {
        (**self).record_backward(recorder, pass)
    }

    fn record_update(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        forward: &Forward,
        codebook: &mut Matrix<f32>,
    ) -> Result<()> {
        (**self).record_update(recorder, x, forward, codebook)
    }

    fn record_reset_rows(
        &mut self,
        recorder: &mut Recorder<'_>,
        kept: &Matrix<f32>,
        codebook: &Matrix<f32>,
    ) -> Result<()> {
        (**self).record_reset_rows(recorder, kept, codebook)
    }

    fn state(&self) -> Result<BTreeMap<&'static str, Array2<f32>>> {
        (**self).state()
    }

    fn restore(&mut self, engine: &Engine, read: &mut dyn FnMut(&str) -> Result<Array2<f32>>) -> Result<()> {
        (**self).restore(engine, read)
    }
}

/// What a forward pass makes of n vectors of d dimensions, on the device.
///
/// [`Recorder::histogram`] of the codes, every so many steps, gives the perplexity
/// ([`Usage`](crate::metrics::Usage)).
pub struct Forward {
    /// What goes on through the network, (n, d).
    pub output: Matrix<f32>,
    /// The codeword of each vector, (n, 1).
    pub codes: Matrix<u32>,
    /// The squared distance of each vector to that codeword, (n, 1).
    pub distances: Matrix<f32>,
    /// The auxiliary loss, (1, 1): 0 for an estimator that has none.
    pub loss: Matrix<f32>,
    saved: Saved,
}

impl Forward {
    /// Room for n vectors of d dimensions. One is enough for all steps.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the device has no room.
    pub fn new(engine: &Engine, n: usize, d: usize) -> Result<Self> {
        Ok(Self {
            output: engine.uninitialized(n, d)?,
            codes: engine.uninitialized(n, 1)?,
            distances: engine.uninitialized(n, 1)?,
            loss: engine.uninitialized(1, 1)?,
            saved: Saved::default(),
        })
    }

    /// Fails unless this is for vectors like `x` and they are like those of `codebook`.
    fn check(&self, name: &str, x: &Matrix<f32>, codebook: &Matrix<f32>) -> Result<()> {
        if x.cols() != codebook.cols() {
            return Err(Error::shape(format!(
                "{name}: vectors of {} dimensions and codewords of {}; they have to be the same",
                x.cols(),
                codebook.cols()
            )));
        }
        if self.output.shape() != x.shape() {
            let (n, d) = self.output.shape();
            return Err(Error::shape(format!(
                "{name}: a Forward for {n} × {d}, but x is {} × {}; make one of that shape",
                x.rows(),
                x.cols()
            )));
        }
        Ok(())
    }
}

/// The seed of an estimator's noise: other numbers than whatever else draws from `seed`.
fn noise_seed(seed: u64) -> u64 {
    const STREAM: u64 = 0x6e6f_6973_6521;
    let mut rng = Rng::new(seed, STREAM);
    u64::from(rng.bits()) << 32 | u64::from(rng.bits())
}

/// Fails, naming it, unless a weight of a loss is one.
fn check_weight(name: &str, weight: f32) -> Result<()> {
    if weight.is_finite() && weight >= 0.0 {
        return Ok(());
    }
    Err(Error::input(format!("{name} is {weight}; it has to be 0 or more, and finite")))
}
