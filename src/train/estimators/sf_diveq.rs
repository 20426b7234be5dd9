//! SF-DiVeQ: space-filling vector quantization by noise that is directed at the corners of a segment.
//!
//! Vali, Bäckström and Solin, "DiVeQ: Differentiable vector quantization using the reparameterization trick", 2025.
//!   forward   x' = x + (1 − λ) ‖c_s − x‖ sg[v / ‖v‖] + λ ‖c_{s+1} − x‖ sg[w / ‖w‖],
//!             v = ε + (c_s − x) and w = η + (c_{s+1} − x) with ε, η ~ N(0, σ² I) per vector,
//!             s the segment whose point (`dither.rs`, which draws λ) is nearest
//!   backward  that of DiVeQ to each of the two corners, by its share
//! As σ goes to 0, x' goes to the point.

use super::displacement::{Direction, Noise};
use super::dither::Dither;
use super::nearest::Nearest;
use super::scatter::Scatter;
use super::scratch::Scratch;
use super::{Backward, Estimator, Forward, check_weight};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::ops::Op;

/// Directed noise to a piecewise linear curve, whose corners the codebook is (Vali, Bäckström and Solin 2025).
///
/// Needs two corners at least. Codes are those of segments, from 0 to k − 2.
///
/// ```
/// use wgvq::train::estimators::{Estimator, SfDiveq};
/// let sf_diveq = SfDiveq::new(1e-3, 7)?;
/// assert_eq!(sf_diveq.name(), "sf-diveq");
/// # Ok::<(), wgvq::Error>(())
/// ```
pub struct SfDiveq {
    dither: Dither,
    nearest: Nearest,
    /// The noise about the start and about the stop of a segment.
    noise: [Noise; 2],
    scatter: Scatter,
    /// What goes to the start and to the stop: outputs and gradients of the vectors, (n, d), and of the segments, (k − 1, d).
    moved: [Scratch<f32>; 2],
    dmoved: [Scratch<f32>; 2],
    dends: [Scratch<f32>; 2],
}

const NAME: &str = "sf-diveq";

impl SfDiveq {
    /// Noise of standard `deviation` σ, of which the published code has 1e-3; noise and points are drawn by `seed`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if σ is negative or not finite.
    pub fn new(deviation: f32, seed: u64) -> Result<Self> {
        check_weight("sf-diveq: the standard deviation", deviation)?;
        let noise = |seed| Noise::new(Direction::Codeword { deviation }, seed);
        Ok(Self {
            dither: Dither::new(seed),
            nearest: Nearest::default(),
            noise: [noise(seed), noise(seed.wrapping_add(1 << 63))],
            scatter: Scatter::default(),
            moved: Default::default(),
            dmoved: Default::default(),
            dends: Default::default(),
        })
    }
}

impl Estimator for SfDiveq {
    fn name(&self) -> &'static str {
        NAME
    }

    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        step: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        forward.check(NAME, x, codebook)?;
        let drawn = self.dither.record(recorder, codebook, step)?;
        self.nearest.record_codes(recorder, x, drawn.points, forward)?;
        let Forward { output, codes, loss, saved, .. } = forward;
        let (shape, column) = (x.shape(), (x.rows(), 1));
        let [shares, residuals, directions, other_residuals, other_directions] =
            saved.room(NAME, recorder.engine(), [column, shape, shape, shape, shape])?;
        recorder.gather(drawn.shares, codes, shares)?;
        let pairs = [(drawn.starts, residuals, directions), (drawn.stops, other_residuals, other_directions)];
        for (((corners, residuals, directions), noise), moved) in
            pairs.into_iter().zip(&self.noise).zip(&mut self.moved)
        {
            let moved = moved.room(recorder.engine(), shape)?;
            recorder.residual(x, corners, codes, residuals)?;
            noise.record(recorder, step, x, residuals, directions, moved)?;
        }
        // The first and the share of the difference.
        let [first, second] = &mut self.moved;
        let (first, second) = (first.room(recorder.engine(), shape)?, second.room(recorder.engine(), shape)?);
        recorder.update(Op::Sub, second, &*first)?;
        recorder.update(Op::Mul, second, &*shares)?;
        recorder.elementwise(Op::Add, &*first, &*second, output)?;
        recorder.fill(loss, 0.0)
    }

    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()> {
        let Backward { x, codebook, forward, gradient, dx, dcodebook } = pass;
        let [shares, residuals, directions, other_residuals, other_directions] = forward.saved.get(NAME)?;
        let engine = recorder.engine().clone();
        let ends = (codebook.rows().saturating_sub(1), codebook.cols());
        let [first, second] = &mut self.moved;
        let (to_start, to_stop) = (first.room(&engine, x.shape())?, second.room(&engine, x.shape())?);
        recorder.elementwise(Op::Mul, gradient, shares, to_stop)?;
        recorder.elementwise(Op::Sub, gradient, &*to_stop, to_start)?;
        let [dmoved, other_dx] = &mut self.dmoved;
        let (dmoved, other_dx) = (dmoved.room(&engine, x.shape())?, other_dx.room(&engine, x.shape())?);
        let [starts, stops] = &mut self.dends;
        let (starts, stops) = (starts.room(&engine, ends)?, stops.room(&engine, ends)?);
        recorder.displace_grad(residuals, directions, to_start, dx, dmoved)?;
        self.scatter.record(recorder, &forward.codes, dmoved, starts)?;
        recorder.displace_grad(other_residuals, other_directions, to_stop, other_dx, dmoved)?;
        self.scatter.record(recorder, &forward.codes, dmoved, stops)?;
        recorder.update(Op::Add, dx, &*other_dx)?;
        self.dither.record_ends(recorder, starts, stops, dcodebook)
    }
}
