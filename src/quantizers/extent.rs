//! How far the training vectors reach, found in one pass over all of them.

use super::projection::batches;
use crate::error::{Error, Result};
use crate::scale::Scale;
use crate::vectors::Vectors;

/// The least and the greatest value of each dimension.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ranges {
    pub low: Vec<f32>,
    pub high: Vec<f32>,
}

impl Ranges {
    /// Those of all of `x`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is nothing to learn from; what reading `x` fails with.
    pub fn of(x: &dyn Vectors) -> Result<Self> {
        Self::while_seeing(x, |_, _| ())
    }

    /// Those of all of `x`, of which `see` gets each value with its column.
    fn while_seeing(x: &dyn Vectors, mut see: impl FnMut(usize, f32)) -> Result<Self> {
        let (n, d) = (x.len(), x.dim());
        if n == 0 || d == 0 {
            return Err(Error::input(format!(
                "{n} vectors of {d} dimensions; training needs at least one of each"
            )));
        }
        let mut ranges = Self { low: vec![f32::INFINITY; d], high: vec![f32::NEG_INFINITY; d] };
        for rows in batches(n, d) {
            for row in x.read_rows(rows)?.rows() {
                for (j, &value) in row.iter().enumerate() {
                    // Which of −0 and 0 is the least would depend on the order.
                    let unsigned = value + 0.0;
                    ranges.low[j] = ranges.low[j].min(unsigned);
                    ranges.high[j] = ranges.high[j].max(unsigned);
                    see(j, value);
                }
            }
        }
        Ok(ranges)
    }

    /// Takes in those of other vectors, of as many dimensions.
    pub fn add(&mut self, other: &Self) {
        self.low.iter_mut().zip(&other.low).for_each(|(low, &other)| *low = low.min(other));
        self.high.iter_mut().zip(&other.high).for_each(|(high, &other)| *high = high.max(other));
    }

    /// Those of the vectors times `scale`.
    pub fn times(mut self, scale: Scale) -> Self {
        self.low.iter_mut().chain(&mut self.high).for_each(|end| *end *= scale.factor());
        self
    }

    /// The width of each.
    pub fn widths(&self) -> impl Iterator<Item = f64> {
        self.low.iter().zip(&self.high).map(|(&low, &high)| f64::from(high) - f64::from(low))
    }

    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if values are so far apart that their squared distances are no `f32`.
    pub fn check(&self) -> Result<()> {
        let diagonal = self.widths().map(|width| width.powi(2)).sum::<f64>();
        if diagonal > f64::from(f32::MAX) {
            return Err(Error::input(format!(
                "the vectors span {:.1e}, whose square is no f32; scale them down",
                diagonal.sqrt()
            )));
        }
        Ok(())
    }
}

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
        let mut sum = vec![0.0; x.dim()];
        let ranges = Ranges::while_seeing(x, |column, value| sum[column] += f64::from(value))?;
        ranges.check()?;
        let Ranges { low, high } = ranges;
        Ok(Self { low, high, mean: sum.into_iter().map(|sum| sum / x.len() as f64).collect() })
    }
}
