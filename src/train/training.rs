//! The vectors that a codebook is trained on, on a device.

use ndarray::{Array2, ArrayView1, Axis};
use rayon::prelude::*;

use super::frame::Frame;
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::metrics::{self, Aqe, Metric};
use crate::ops::Op;

/// The training vectors on the device.
pub(super) struct Training {
    pub x: Matrix<f32>,
    pub weights: Option<Matrix<f32>>,
    /// The number of vectors, or the sum of their weights.
    pub total: f64,
    /// The mean squared distance of unweighted vectors to their mean, if it is not 0.
    pub variance: Option<f64>,
    /// What a distance between them is multiplied with to be one between the vectors as they came.
    pub unit: f64,
    /// The same for a length.
    pub unit_of_lengths: f64,
    /// The largest magnitude of a value.
    pub reach: f32,
}

impl Training {
    pub fn upload(
        engine: &Engine,
        rows: Array2<f32>,
        weights: Option<Vec<f32>>,
        spherical: bool,
    ) -> Result<Self> {
        if u32::try_from(rows.nrows()).is_err() {
            let n = rows.nrows();
            return Err(Error::input(format!(
                "{n} training vectors; at most {} can be, a sample does",
                u32::MAX
            )));
        }
        let mut x = engine.upload(rows.view())?;
        let most = |row: ArrayView1<f32>| row.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let reach = rows.axis_iter(Axis(0)).into_par_iter().map(most).reduce(|| 0.0, f32::max);
        if spherical {
            let mut unit = engine.uninitialized(x.rows(), x.cols())?;
            let mut recorder = engine.recorder();
            recorder.normalize(&x, &mut unit)?;
            recorder.submit()?;
            x = unit;
        }
        let variance = if weights.is_some() {
            None
        } else if spherical {
            metrics::variance(x.download()?.view())
        } else {
            metrics::variance(rows.view())
        };
        let total = weights.as_ref().map_or(rows.nrows() as f64, |w| w.iter().map(|&w| f64::from(w)).sum());
        let weights = match weights {
            Some(weights) => Some(engine.upload(ArrayView1::from(&weights[..]).insert_axis(Axis(1)))?),
            None => None,
        };
        Ok(Self { x, weights, total, variance, unit: 1.0, unit_of_lengths: 1.0, reach })
    }

    /// The same vectors, which are in `frame`: the figures are of them as they came.
    pub fn counted_in(self, frame: &Frame, metric: Metric) -> Self {
        let unit = |power| frame.scale().unit_of(power);
        Self { unit: unit(metric.power()), unit_of_lengths: unit(1), ..self }
    }

    /// Adds the errors that `codes` (n, 1) leave, and returns the (weighted) sum of their squares.
    pub fn add_errors(&self, codes: &Matrix<u32>, codebook: &Array2<f32>, aqe: &mut Aqe) -> Result<f64> {
        /// Values that are read back at a time.
        const VALUES: usize = 1 << 16;
        let (n, d) = self.x.shape();
        let mut squares = 0.0;
        let height = (VALUES / d).max(1);
        let codebook = codebook.as_standard_layout();
        for first in (0..n).step_by(height) {
            let rows = first..(first + height).min(n);
            let chosen = codes.download_rows(rows.clone())?;
            let x = self.x.download_rows(rows.clone())?;
            let codeword = |row| codebook.row(chosen[[row, 0]] as usize).to_slice().expect("standard layout");
            let of_rows = aqe.add_each(x.view(), codeword);
            let weights = self.weights.as_ref().map(|weights| weights.download_rows(rows)).transpose()?;
            let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| f64::from(weights[[row, 0]]));
            // In the order of the rows, whatever the batches.
            squares =
                of_rows.iter().enumerate().fold(squares, |sum, (row, square)| sum + weight(row) * square);
        }
        Ok(squares)
    }

    /// The mean of a sum over the vectors, which has to be finite.
    pub fn mean(&self, sum: f32) -> Result<f64> {
        if sum.is_finite() {
            return Ok(f64::from(sum) / self.total * self.unit);
        }
        Err(Error::input(
            "the sum of the distances is over what f32 holds: a few vectors are too far from the others",
        ))
    }

    /// Writes the (weighted) sum of `distances` to row `slot` of `objectives`.
    pub fn objective(
        &self,
        recorder: &mut Recorder<'static>,
        distances: &Matrix<f32>,
        objectives: &mut Matrix<f32>,
        slot: usize,
    ) -> Result<()> {
        let Some(weights) = &self.weights else { return recorder.reduce_sum(distances, objectives, slot) };
        let mut weighted = recorder.engine().uninitialized(distances.rows(), 1)?;
        recorder.elementwise(Op::Mul, distances, weights, &mut weighted)?;
        recorder.reduce_sum(&weighted, objectives, slot)
    }
}
