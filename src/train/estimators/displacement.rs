//! What NSVQ and DiVeQ share: the quantization error replaced by a vector of its length in another direction.
//!
//! With v of row i, and u = v / ‖v‖ held fixed: x' = x + ‖x − c‖ u. For the gradient g by x',
//!   dx = g + (g·u) (x − c) / ‖x − c‖,  dc = −(g·u) (x − c) / ‖x − c‖  summed over the vectors of c,
//! both without their second term where x = c.

use super::nearest::Nearest;
use super::scatter::Scatter;
use super::scratch::Scratch;
use super::{Forward, noise_seed};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::ops::{Distribution, Op};

/// Where the error is directed.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    /// Anywhere: v ~ N(0, I).
    Random,
    /// At the codeword: v ~ N(c − x, σ² I).
    Codeword { deviation: f32 },
}

/// Noise in a direction, the same for the same seed and step.
pub(crate) struct Noise {
    direction: Direction,
    seed: u64,
}

impl Noise {
    pub fn new(direction: Direction, seed: u64) -> Self {
        Self { direction, seed: noise_seed(seed) }
    }

    /// Records unit vectors `directions`, and `output`: `x` moved along them by the lengths of `residuals`. All (n, d).
    pub fn record(
        &self,
        recorder: &mut Recorder<'_>,
        step: u64,
        x: &Matrix<f32>,
        residuals: &Matrix<f32>,
        directions: &mut Matrix<f32>,
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.random_fill(Distribution::Normal, self.seed, step, directions)?;
        if let Direction::Codeword { deviation } = self.direction {
            recorder.update(Op::Mul, directions, deviation)?;
            recorder.update(Op::Sub, directions, residuals)?;
        }
        recorder.displace(x, residuals, directions, output)
    }
}

pub(crate) struct Displacement {
    name: &'static str,
    noise: Noise,
    nearest: Nearest,
    scatter: Scatter,
    dquantized: Scratch<f32>,
}

impl Displacement {
    pub fn new(name: &'static str, direction: Direction, seed: u64) -> Self {
        Self {
            name,
            noise: Noise::new(direction, seed),
            nearest: Nearest::default(),
            scatter: Scatter::default(),
            dquantized: Scratch::default(),
        }
    }

    pub fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        step: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        forward.check(self.name, x, codebook)?;
        self.nearest.record_codes(recorder, x, codebook, forward)?;
        let Forward { output, codes, loss, saved, .. } = forward;
        let [residuals, directions] = saved.room(self.name, recorder.engine(), [x.shape(); 2])?;
        recorder.residual(x, codebook, codes, residuals)?;
        self.noise.record(recorder, step, x, residuals, directions, output)?;
        recorder.fill(loss, 0.0)
    }

    pub fn record_backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        forward: &Forward,
        gradient: &Matrix<f32>,
        dx: &mut Matrix<f32>,
        dcodebook: &mut Matrix<f32>,
    ) -> Result<()> {
        let [residuals, directions] = forward.saved.get(self.name)?;
        let dquantized = self.dquantized.room(recorder.engine(), residuals.shape())?;
        recorder.displace_grad(residuals, directions, gradient, dx, dquantized)?;
        self.scatter.record(recorder, &forward.codes, dquantized, dcodebook)?;
        Ok(())
    }
}
