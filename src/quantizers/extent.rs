//! How far the training vectors reach, found in one pass over all of them.

use super::projection::batches;
use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// The least, the greatest and the mean value of each dimension.
pub(super) struct Extent {
    pub low: Vec<f32>,
    pub high: Vec<f32>,
    pub mean: Vec<f64>,
}

impl Extent {
    /// The extent of all of `x`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is nothing to learn from, or if the values are so far apart that
    /// their squared distances are no `f32`.
    pub fn of(x: &dyn Vectors) -> Result<Self> {
        let (n, d) = (x.len(), x.dim());
        if n == 0 || d == 0 {
            return Err(Error::input(format!(
                "{n} vectors of {d} dimensions; training needs at least one of each"
            )));
        }
        let (mut low, mut high, mut sum) = (vec![f32::INFINITY; d], vec![f32::NEG_INFINITY; d], vec![0.0; d]);
        for rows in batches(n, d) {
            for row in x.read_rows(rows)?.rows() {
                for (j, &value) in row.iter().enumerate() {
                    low[j] = low[j].min(value);
                    high[j] = high[j].max(value);
                    sum[j] += f64::from(value);
                }
            }
        }
        let square = |(&low, &high): (&f32, &f32)| (f64::from(high) - f64::from(low)).powi(2);
        let diagonal = low.iter().zip(&high).map(square).sum::<f64>();
        if diagonal > f64::from(f32::MAX) {
            return Err(Error::input(format!(
                "the vectors span {:.1e}, whose square is no f32; scale them down",
                diagonal.sqrt()
            )));
        }
        Ok(Self { low, high, mean: sum.into_iter().map(|sum| sum / n as f64).collect() })
    }
}
