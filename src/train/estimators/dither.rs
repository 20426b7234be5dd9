//! The points of a curve that vectors are quantized to in training: one on each segment, where chance puts it.
//!
//!   p_s = (1 − λ_s) c_s + λ_s c_{s+1},  λ_s ~ U(0, 1) for each segment s, the same for a whole batch
//!   dc_s = (1 − λ_s) dp_s + λ_{s−1} dp_{s−1}

use super::noise_seed;
use super::scratch::Scratch;
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::ops::{Distribution, Op};

/// Draws a point on each segment between k corners, and takes gradients back to them. Keeps its buffers.
pub(super) struct Dither {
    seed: u64,
    ends: Option<Ends>,
    /// λ (k − 1, 1).
    shares: Scratch<f32>,
    /// Where segments start and end, (k − 1, d).
    starts: Scratch<f32>,
    stops: Scratch<f32>,
    points: Scratch<f32>,
    moved: Scratch<f32>,
    shifted: Scratch<f32>,
}

/// Which corners the k − 1 segments start and stop at, and for each of the k corners which segment starts and stops there:
/// `NONE` at the ends of the curve.
struct Ends {
    starts: Matrix<u32>,
    stops: Matrix<u32>,
    started: Matrix<u32>,
    stopped: Matrix<u32>,
}

/// A row that no matrix has: [`Recorder::gather`] leaves alone what would come from it.
const NONE: u32 = u32::MAX;

impl Ends {
    fn new(engine: &Engine, k: usize) -> Result<Self> {
        let column = |numbers: Vec<u32>| -> Result<Matrix<u32>> {
            let rows = numbers.len();
            let numbers = ndarray::Array2::from_shape_vec((rows, 1), numbers).expect("a column");
            engine.upload(numbers.view())
        };
        let last = k as u32 - 1;
        Ok(Self {
            starts: column((0..last).collect())?,
            stops: column((1..=last).collect())?,
            started: column((0..last).chain([NONE]).collect())?,
            stopped: column([NONE].into_iter().chain(0..last).collect())?,
        })
    }
}

/// What [`Dither::record`] drew.
pub(super) struct Drawn<'a> {
    /// p (k − 1, d)
    pub points: &'a Matrix<f32>,
    /// λ (k − 1, 1)
    pub shares: &'a Matrix<f32>,
    /// c_0 … c_{k−2} and c_1 … c_{k−1}, (k − 1, d).
    pub starts: &'a Matrix<f32>,
    pub stops: &'a Matrix<f32>,
}

impl Dither {
    pub fn new(seed: u64) -> Self {
        // Other numbers than those of the noise.
        let seed = noise_seed(!seed);
        Self {
            seed,
            ends: None,
            shares: Scratch::default(),
            starts: Scratch::default(),
            stops: Scratch::default(),
            points: Scratch::default(),
            moved: Scratch::default(),
            shifted: Scratch::default(),
        }
    }

    /// Records the points of step `step`.
    pub fn record(
        &mut self,
        recorder: &mut Recorder<'_>,
        corners: &Matrix<f32>,
        step: u64,
    ) -> Result<Drawn<'_>> {
        let engine = recorder.engine().clone();
        let (k, d) = corners.shape();
        if k < 2 {
            return Err(Error::shape(format!("a curve of {k} corners; it needs at least 2")));
        }
        self.ends.take_if(|ends| ends.started.rows() != k || !ends.started.engine().is(&engine));
        if self.ends.is_none() {
            self.ends = Some(Ends::new(&engine, k)?);
        }
        let ends = self.ends.as_ref().expect("just made");
        let shares = self.shares.room(&engine, (k - 1, 1))?;
        let starts = self.starts.room(&engine, (k - 1, d))?;
        let stops = self.stops.room(&engine, (k - 1, d))?;
        let points = self.points.room(&engine, (k - 1, d))?;
        recorder.random_fill(Distribution::Uniform, self.seed, step, shares)?;
        recorder.gather(corners, &ends.starts, starts)?;
        recorder.gather(corners, &ends.stops, stops)?;
        recorder.elementwise(Op::Sub, &*stops, &*starts, points)?;
        recorder.update(Op::Mul, points, &*shares)?;
        recorder.update(Op::Add, points, &*starts)?;
        Ok(Drawn { points, shares, starts, stops })
    }

    /// Records the gradients `dcorners` (k, d) from those of the points that were drawn last, (k − 1, d).
    pub fn record_gradient(
        &mut self,
        recorder: &mut Recorder<'_>,
        dpoints: &mut Matrix<f32>,
        dcorners: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let shares = self.shares.room(&engine, (dpoints.rows(), 1))?;
        let mut moved = std::mem::take(&mut self.moved);
        let at_stops = moved.room(&engine, dpoints.shape())?;
        recorder.elementwise(Op::Mul, &*dpoints, &*shares, at_stops)?;
        recorder.update(Op::Sub, dpoints, &*at_stops)?;
        self.record_ends(recorder, dpoints, at_stops, dcorners)?;
        self.moved = moved;
        Ok(())
    }

    /// Records the gradients `dcorners` (k, d) from those of where segments start and stop, (k − 1, d) each.
    pub fn record_ends(
        &mut self,
        recorder: &mut Recorder<'_>,
        at_starts: &Matrix<f32>,
        at_stops: &Matrix<f32>,
        dcorners: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let ends = self.ends.as_ref().ok_or_else(|| Error::shape("a backward pass before a forward pass"))?;
        let shifted = self.shifted.room(&engine, dcorners.shape())?;
        recorder.fill(dcorners, 0.0)?;
        recorder.gather(at_starts, &ends.started, dcorners)?;
        recorder.fill(shifted, 0.0)?;
        recorder.gather(at_stops, &ends.stopped, shifted)?;
        recorder.update(Op::Add, dcorners, &*shifted)
    }
}
