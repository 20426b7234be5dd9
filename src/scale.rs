//! Powers of two that bring vectors into the range where squares of f32 neither vanish nor overflow.
//!
//! Multiplying by a power of two is exact, so codes do not depend on it, and distances of scaled vectors are those of
//! the vectors themselves times its square.

use std::ops::Range;

use ndarray::{Array, ArrayView1, ArrayView2, Dimension, s};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// A factor 2^e that vectors are multiplied with before they are squared, −126 ≤ e ≤ 126.
///
/// Vectors of moderate spread have the factor 1.
///
/// ```
/// use wgvq::Scale;
/// let tiny = ndarray::array![[0.0_f32, 3e-30], [1e-30, 0.0]];
/// let scale = Scale::of(tiny.view());
/// let mut scaled = tiny.clone();
/// scale.apply(&mut scaled);
/// assert!(scaled[[1, 0]] >= 1.0 && scaled[[1, 0]] < 2.0);
/// assert_eq!(scale.restore(&scaled), tiny);
/// assert!(Scale::of(ndarray::array![[0.5_f32], [9.0]].view()).is_one());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct Scale(i32);

/// Spreads between 2^−MODERATE and 2^MODERATE are left as they are: squares of a 2^20th of them, and sums of 2^40 of their
/// squares, are within f32.
const MODERATE: i32 = 20;

/// The largest exponent, so that the factor and its inverse are normal numbers.
const MOST: i32 = 126;

impl Scale {
    /// The factor 1.
    pub const ONE: Self = Self(0);

    /// The scale for `x` (n, d), by how far most vectors are from their median: where they lie is no matter, and a few far
    /// ones do not cost the others their digits.
    pub fn of(x: ArrayView2<f32>) -> Self {
        Self::for_width(Typical::of(x).width)
    }

    /// The scale that brings `x` (n, d) to a width of 1 to 2, however moderate it is.
    pub(crate) fn to_unit(x: ArrayView2<f32>) -> Self {
        Self::exactly(Typical::of(x).width)
    }

    /// The scale for the length of the rows of `x` (n, d), as most of them have it.
    pub(crate) fn of_lengths(x: ArrayView2<f32>) -> Self {
        Self::for_width(Typical::about(x, &vec![0.0; x.ncols()]))
    }

    /// The scale that brings `width` to 1 or somewhat more; 1 where it is moderate, or 0.
    pub(crate) fn for_width(width: f64) -> Self {
        let exact = Self::exactly(width);
        if exact.0.abs() < MODERATE { Self::ONE } else { exact }
    }

    fn exactly(width: f64) -> Self {
        if !(width > 0.0 && width.is_finite()) {
            return Self::ONE;
        }
        Self((-width.log2().floor() as i32).clamp(-MOST, MOST))
    }

    /// The exponent e of the factor 2^e.
    pub fn exponent(self) -> i32 {
        self.0
    }

    /// Whether the factor is 1.
    pub fn is_one(self) -> bool {
        self == Self::ONE
    }

    /// The factor 2^e.
    pub fn factor(self) -> f32 {
        2.0_f32.powi(self.0)
    }

    /// The factor that undoes it, 2^−e.
    pub fn inverse(self) -> f32 {
        2.0_f32.powi(-self.0)
    }

    /// What a squared distance of scaled vectors is multiplied with to be one of the vectors themselves: 4^−e.
    pub fn unit(self) -> f64 {
        self.unit_of(2)
    }

    /// The same for a sum of differences of that power: 2^(−e · power).
    pub(crate) fn unit_of(self, power: u32) -> f64 {
        2.0_f64.powi(-self.0).powi(power as i32)
    }

    /// Scales `values` in place.
    pub fn apply<D: Dimension>(self, values: &mut Array<f32, D>) {
        if !self.is_one() {
            let factor = self.factor();
            values.mapv_inplace(|value| value * factor);
        }
    }

    /// What [`apply`](Self::apply) made `values` of.
    pub fn restore<D: Dimension>(self, values: &Array<f32, D>) -> Array<f32, D> {
        let inverse = self.inverse();
        values.mapv(|value| value * inverse)
    }
}

impl TryFrom<i32> for Scale {
    type Error = Error;

    fn try_from(exponent: i32) -> Result<Self> {
        if (-MOST..=MOST).contains(&exponent) {
            return Ok(Self(exponent));
        }
        Err(Error::input(format!("a scale of 2^{exponent}; the exponent can be from -{MOST} to {MOST}")))
    }
}

impl From<Scale> for i32 {
    fn from(scale: Scale) -> Self {
        scale.0
    }
}

/// How most rows lie.
pub(crate) struct Typical {
    /// The median of each column.
    pub centre: Vec<f32>,
    /// The median distance of each column's values from there.
    pub deviation: Vec<f32>,
    /// The median over the rows of the largest distance of a value from the centre; if that is 0, the largest over all.
    pub width: f64,
}

/// Rows that medians are taken over.
const ROWS: usize = 255;

impl Typical {
    /// What is typical of `x` (n, d), judged by rows spread evenly over it.
    pub fn of(x: ArrayView2<f32>) -> Self {
        let some = Self::some_rows(x);
        let columns = || some.columns().into_iter();
        let centre: Vec<f32> = columns().map(|column| median(column.to_vec())).collect();
        let off = |(column, &centre): (ArrayView1<f32>, &f32)| {
            median(column.mapv(|value| (value - centre).abs()).to_vec())
        };
        let deviation = columns().zip(&centre).map(off).collect();
        let width = Self::about(x, &centre);
        Self { centre, deviation, width }
    }

    /// The median over some rows of the largest distance of a value from `centre`; if that is 0, the largest over all rows.
    fn about(x: ArrayView2<f32>, centre: &[f32]) -> f64 {
        let farthest = |row: ArrayView1<f32>| {
            let off = |(&value, &centre): (&f32, &f32)| (f64::from(value) - f64::from(centre)).abs();
            row.iter().zip(centre).map(off).fold(0.0, f64::max)
        };
        let width = median(Self::some_rows(x).outer_iter().map(farthest).collect());
        if width > 0.0 { width } else { x.outer_iter().map(farthest).fold(0.0, f64::max) }
    }

    fn some_rows(x: ArrayView2<f32>) -> ArrayView2<f32> {
        let step = x.nrows().div_ceil(ROWS).max(1);
        x.slice_move(s![..;step, ..])
    }
}

/// `value` as a multiple of 2^−10 of the power of two next below `width`: near enough to take off, and the same for numbers
/// that are moved by a round one.
pub(crate) fn round_number(value: f64, width: f64) -> f64 {
    if !(width > 0.0 && width.is_finite()) {
        return value;
    }
    let grid = (width.log2().floor() - 10.0).exp2();
    (value / grid).round() * grid
}

/// The lower median, 0 of nothing.
fn median<T: PartialOrd + Copy + Default>(mut values: Vec<T>) -> T {
    let middle = values.len().saturating_sub(1) / 2;
    let order = |a: &T, b: &T| a.partial_cmp(b).expect("values are finite");
    match values.len() {
        0 => T::default(),
        _ => *values.select_nth_unstable_by(middle, order).1,
    }
}

/// Vectors times a [`Scale`].
pub struct ScaledVectors<'a> {
    x: &'a dyn Vectors,
    scale: Scale,
}

impl<'a> ScaledVectors<'a> {
    /// `x`, scaled as it is read.
    ///
    /// ```
    /// use wgvq::{Scale, ScaledVectors, Vectors};
    /// let x = ndarray::array![[3.0_f32]];
    /// assert_eq!(ScaledVectors::new(&x, Scale::try_from(-1)?).read_rows(0..1)?, ndarray::array![[1.5]]);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn new(x: &'a dyn Vectors, scale: Scale) -> Self {
        Self { x, scale }
    }

    /// What they are multiplied with.
    pub fn scale(&self) -> Scale {
        self.scale
    }
}

impl Vectors for ScaledVectors<'_> {
    fn len(&self) -> usize {
        self.x.len()
    }

    fn dim(&self) -> usize {
        self.x.dim()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        self.x.read(rows.clone(), out)?;
        if self.scale.is_one() {
            return Ok(());
        }
        let factor = self.scale.factor();
        out.iter_mut().for_each(|value| *value *= factor);
        match out.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => {
                let (row, column) = (rows.start + at / self.dim(), at % self.dim());
                Err(Error::input(format!(
                    "the value at row {row}, column {column} is {:e}; up to {:.1e} it can be compared with the others, \
                     which are that much smaller",
                    self.x.read_rows(row..row + 1)?[[0, column]],
                    f32::MAX / factor
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn a_scale_undoes_a_power_of_two() {
        let x = array![[1.0_f32, -0.3], [0.0, 0.7], [1.5, 0.1]];
        for power in -100..=100 {
            let moved = x.mapv(|value| value * 2.0_f32.powi(power));
            let scale = Scale::of(moved.view());
            // Half of the rows are 0.5 or more from the median.
            assert!(scale.is_one() || scale.exponent() == 1 - power, "{power}: {scale:?}");
            assert_eq!(scale.unit(), 4.0_f64.powi(-scale.exponent()));
            let mut scaled = moved.clone();
            scale.apply(&mut scaled);
            assert_eq!(scale.restore(&scaled), moved);
        }
    }

    #[test]
    fn offsets_outliers_equal_vectors_and_the_ends_of_the_range() {
        assert!(Scale::of(array![[1e30_f32], [1e30]].view()).is_one());
        assert!(Scale::of(Array2::zeros((0, 3)).view()).is_one());
        assert!(Scale::of(array![[1.0_f32], [2.0], [1e30], [0.0]].view()).is_one());
        assert_eq!(Scale::of(array![[5.0_f32], [5.0], [5.0], [1e30]].view()).exponent(), -99);
        assert_eq!(Scale::of(array![[-3e38_f32], [0.0], [3e38]].view()).exponent(), -126);
        assert_eq!(Scale::of(array![[0.0_f32], [1e-45]].view()).exponent(), 126);
        assert_eq!(Scale::of_lengths(array![[-3e30_f32, 3e30]].view()).exponent(), -101);
        assert!(Scale::try_from(127).is_err() && serde_json::from_str::<Scale>("-200").is_err());
    }
}
