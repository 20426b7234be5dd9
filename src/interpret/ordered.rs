//! The codewords of a codebook as the corners of a curve, in the order of their indices.

use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::metrics::Metric;

/// A codebook (k, d) whose order is asked for, k ≥ 2.
///
/// ```
/// use ndarray::array;
/// use wgvq::interpret::OrderedCodebook;
/// let curve = OrderedCodebook::new(array![[0.0_f32, 0.0], [3.0, 4.0], [3.0, 5.0]])?;
/// let jumps = curve.jumps();
/// assert_eq!((jumps.mean, jumps.max, jumps.total), (3.0, 5.0, 6.0));
/// assert_eq!(curve.direction(0)?, array![3.0, 4.0]);
/// assert_eq!(curve.shift(array![[1.0_f32, 1.0]].view(), 0, -0.5)?, array![[-0.5, -1.0]]);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OrderedCodebook {
    codewords: Array2<f32>,
}

/// Lengths ‖c_{s+1} − c_s‖ of the steps from each codeword to the next: short ones are what an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Jumps {
    /// The mean of the k − 1.
    pub mean: f64,
    /// The longest.
    pub max: f64,
    /// All together, the length of the curve.
    pub total: f64,
}

/// The most codewords whose pairs are all looked at.
const MOST_PAIRED: usize = 2048;

impl OrderedCodebook {
    /// Measures the order of these `codewords` (k, d).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there are fewer than two codewords, no dimension, or a value that is not
    /// finite.
    pub fn new(codewords: Array2<f32>) -> Result<Self> {
        let (k, d) = codewords.dim();
        if k < 2 || d == 0 {
            return Err(Error::input(format!(
                "a codebook of {k} codewords of {d} dimensions has no order; it takes at least 2 of at least 1"
            )));
        }
        match codewords.indexed_iter().find(|(_, value)| !value.is_finite()) {
            None => Ok(Self { codewords }),
            Some(((code, column), value)) => Err(Error::input(format!(
                "codeword {code}, column {column} is {value}; every value has to be finite"
            ))),
        }
    }

    /// The codewords, (k, d).
    pub fn codewords(&self) -> &Array2<f32> {
        &self.codewords
    }

    /// How far it is from each codeword to the next.
    pub fn jumps(&self) -> Jumps {
        let lengths = (1..self.codewords.nrows()).map(|s| self.distance(s - 1, s));
        let (total, max) = lengths.fold((0.0, 0.0_f64), |(sum, max), length| (sum + length, max.max(length)));
        Jumps { mean: total / (self.codewords.nrows() - 1) as f64, max, total }
    }

    /// Pearson's correlation, over all pairs of codewords, of the distance |i − j| of their indices with the distance
    /// ‖c_i − c_j‖: 1 for codewords evenly along a line, about 0 for those without an order. A curve that fills a space
    /// of many dimensions comes back near to where it was, so it stays well below 1. `None` where all distances are
    /// equal, as with two codewords.
    ///
    /// Of more than 2048 codewords, that many are looked at, evenly spread over the indices.
    pub fn order(&self) -> Option<f64> {
        let k = self.codewords.nrows();
        let paired = k.min(MOST_PAIRED);
        let indices: Vec<usize> = (0..paired).map(|at| at * (k - 1) / (paired - 1)).collect();
        let distances: Vec<Vec<f64>> = (0..paired)
            .into_par_iter()
            .map(|at| indices[..at].iter().map(|&i| self.distance(i, indices[at])).collect())
            .collect();
        let pairs = distances.iter().enumerate().flat_map(|(at, row)| {
            let indices = &indices;
            row.iter().zip(indices).map(move |(&distance, &i)| ((indices[at] - i) as f64, distance))
        });
        correlation(pairs)
    }

    /// D_s = c_{s+1} − c_s, the direction (d) of segment `s`, 0 to k − 2.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no such segment.
    pub fn direction(&self, s: usize) -> Result<Array1<f32>> {
        let segments = self.codewords.nrows() - 1;
        if s >= segments {
            return Err(Error::input(format!("direction {s} of {segments}; the last is {}", segments - 1)));
        }
        Ok(&self.codewords.row(s + 1) - &self.codewords.row(s))
    }

    /// x + α D_s for every row of `x` (n, d): moves vectors the way that the curve goes from codeword `s` to the next.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no segment `s`, or a result is not finite;
    /// [`Shape`](crate::ErrorKind::Shape) if the dimensions differ.
    pub fn shift(&self, x: ArrayView2<f32>, s: usize, alpha: f32) -> Result<Array2<f32>> {
        let step = alpha * self.direction(s)?;
        if x.ncols() != step.len() {
            return Err(Error::shape(format!(
                "vectors of {} dimensions along a direction of {}",
                x.ncols(),
                step.len()
            )));
        }
        let shifted = &x + &step;
        match shifted.indexed_iter().find(|(_, value)| !value.is_finite()) {
            None => Ok(shifted),
            Some(((row, column), value)) => Err(Error::input(format!(
                "α = {alpha} makes the value at row {row}, column {column} {value}; a smaller one keeps it finite"
            ))),
        }
    }

    fn distance(&self, i: usize, j: usize) -> f64 {
        Metric::SquaredL2.distance(self.codewords.row(i), self.codewords.row(j)).sqrt()
    }
}

/// Pearson's correlation of pairs; `None` where one side does not vary.
fn correlation(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Option<f64> {
    let (n, a, b) = pairs.clone().fold((0.0, 0.0, 0.0), |(n, a, b), pair| (n + 1.0, a + pair.0, b + pair.1));
    let (mean_a, mean_b) = (a / n, b / n);
    let (aa, bb, ab) = pairs.fold((0.0, 0.0, 0.0), |(aa, bb, ab), (a, b)| {
        let (a, b) = (a - mean_a, b - mean_b);
        (aa + a * a, bb + b * b, ab + a * b)
    });
    // Below that the variance is rounding.
    let varies = |squares: f64, mean: f64| squares > n * (1e-12 * mean).powi(2);
    (varies(aa, mean_a) && varies(bb, mean_b)).then(|| ab / (aa * bb).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use ndarray::array;

    fn order(codewords: Array2<f32>) -> Option<f64> {
        OrderedCodebook::new(codewords).unwrap().order()
    }

    #[test]
    fn a_line_is_ordered_and_random_codewords_are_not() {
        let line = |k: usize| Array2::from_shape_fn((k, 3), |(s, column)| s as f32 * (column as f32 - 1.5));
        for k in [3, 60, 5000] {
            let found = order(line(k)).unwrap();
            assert!((found - 1.0).abs() < 1e-9, "{k}: {found}");
        }
        let mut rng = Rng::new(5, 0);
        for k in [100, 3000] {
            let found = order(Array2::from_shape_simple_fn((k, 4), || rng.normal())).unwrap();
            // How near to the middle its two ends are makes a fifth of the variance of a distance of indices, and about
            // half of that of a distance of codewords: by chance these correlate with a spread of √(0.2 · 0.5 / k).
            assert!(found.abs() < 4.0 * (0.1 / k.min(MOST_PAIRED) as f64).sqrt(), "{k}: {found}");
        }
    }

    #[test]
    fn the_correlation_worked_by_hand() {
        // Index distances 1 1 2 of the pairs 01 12 02, distances 1 3 2: means 4/3 and 2, covariance 0.
        assert!(order(array![[0.0], [1.0], [-2.0]]).unwrap().abs() < 1e-15);
        // 1 3 4: covariance (-1/3)(-5/3) + (-1/3)(1/3) + (2/3)(4/3) = 4/3, variances 2/3 and 14/3.
        let want = (4.0 / 3.0) / (2.0_f64 / 3.0 * 14.0 / 3.0).sqrt();
        assert!((order(array![[0.0], [1.0], [4.0]]).unwrap() - want).abs() < 1e-15);
    }

    #[test]
    fn distances_that_do_not_differ_have_no_order() {
        assert_eq!(order(array![[0.0], [1.0]]), None);
        assert_eq!(order(Array2::from_elem((9, 3), 0.1)), None);
        assert_eq!(order(Array2::eye(5)), None);
    }

    #[test]
    fn directions_lead_from_a_codeword_to_the_next() {
        let codebook = OrderedCodebook::new(array![[0.0, 1.0], [2.0, 0.0], [2.0, 5.0]]).unwrap();
        for s in 0..2 {
            let row = codebook.codewords().slice(ndarray::s![s..s + 1, ..]);
            assert_eq!(codebook.shift(row, s, 1.0).unwrap().row(0), codebook.codewords().row(s + 1));
        }
        assert!(codebook.direction(2).unwrap_err().to_string().contains("direction 2 of 2; the last is 1"));
        let x = array![[0.0_f32, 0.0], [1.0, f32::MAX]];
        let error = codebook.shift(x.view(), 1, f32::MAX).unwrap_err().to_string();
        assert!(error.contains("row 0, column 1 inf"), "{error}");
        assert!(codebook.shift(array![[1.0]].view(), 0, 1.0).is_err());
    }

    #[test]
    fn what_has_no_order_is_refused() {
        let message = |codewords| OrderedCodebook::new(codewords).unwrap_err().to_string();
        assert!(message(array![[1.0, 2.0]]).contains("1 codewords of 2 dimensions"));
        assert!(message(Array2::zeros((3, 0))).contains("3 codewords of 0"));
        assert!(message(array![[1.0], [f32::NAN]]).contains("codeword 1, column 0 is NaN"));
    }
}
