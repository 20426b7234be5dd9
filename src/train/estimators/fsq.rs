//! Finite scalar quantization.
//!
//! Mentzer, Minnen, Agustsson and Tschannen, "Finite scalar quantization: VQ-VAE made simple", ICLR 2024. With L_j levels in
//! dimension j, evenly spaced from −1 to 1,
//!   forward   z = tanh x,  x̂ = the nearest level of z in each dimension
//!   backward  dx = g (1 − z²)
//! There is no codebook to learn and no auxiliary loss. The published code moves the levels of an even L by half a step, so
//! that one of them is 0, and x by as much; the layers before and after take up either.

use ndarray::Array2;

use super::grid::Grid;
use super::scratch::Scratch;
use super::{Backward, Estimator, Forward};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::ops::Activation;

/// Finite scalar quantization (Mentzer et al. 2024): every dimension, bounded by tanh, is rounded to a few levels of its own, and
/// the gradient goes straight through the rounding.
///
/// Its codebook, [`Fsq::codebook`], is a grid that never changes: in a graph it is an input. A layer before makes the few dimensions,
/// another one takes them; levels [8, 5, 5, 5] are 1000 codewords of 4 dimensions. The distances are those of the bounded
/// vectors.
///
/// ```
/// use ndarray::array;
/// use wgvq::graph::Graph;
/// use wgvq::train::estimators::Fsq;
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let fsq = Fsq::new(&[2, 3])?;
/// let mut graph = Graph::new(&engine);
/// let x = graph.parameter("x", array![[9.0_f32, 0.2], [-9.0, 0.6]].view())?;
/// let codebook = graph.input(6, 2)?;
/// graph.set(codebook, fsq.codebook().view())?;
/// let quantized = graph.quantize(x, codebook, fsq)?;
/// let mut recorder = engine.recorder();
/// graph.record_forward(&mut recorder)?;
/// recorder.submit()?;
/// // tanh .6 is over ½.
/// assert_eq!(graph.value(quantized)?.download()?, array![[1.0, 0.0], [-1.0, 1.0]]);
/// assert_eq!(graph.quantized(quantized)?.codes.download()?, array![[1 + 2 * 1], [0 + 2 * 2]]);
/// # Ok(())
/// # }
/// ```
pub struct Fsq {
    grid: Grid,
    bounded: Scratch<f32>,
}

impl Fsq {
    /// So many `levels` in each dimension. The publication takes 5 or more: 8, 6, 5 for 8 bits, 8, 5, 5, 5 for 10, and
    /// 7, 5, 5, 5, 5 for 12.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no dimension, one has fewer than 2 levels, or there are more than 2²⁰
    /// codewords.
    pub fn new(levels: &[u32]) -> Result<Self> {
        Ok(Self { grid: Grid::new("fsq", levels)?, bounded: Scratch::default() })
    }

    /// All codewords, (k, d): the only codebook that it takes. The first dimension changes fastest.
    pub fn codebook(&self) -> Array2<f32> {
        self.grid.codebook()
    }
}

impl Estimator for Fsq {
    fn name(&self) -> &'static str {
        "fsq"
    }

    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        _: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        let bounded = self.bounded.room(recorder.engine(), x.shape())?;
        recorder.activate(Activation::Tanh, x, bounded)?;
        self.grid.record(recorder, bounded, codebook, forward)
    }

    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()> {
        recorder.activate_grad(Activation::Tanh, pass.x, pass.gradient, pass.dx)?;
        recorder.fill(pass.dcodebook, 0.0)
    }
}
