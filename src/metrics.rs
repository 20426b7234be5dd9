//! How far vectors are apart, what quantisation lost, and how well the codes are used.
//!
//! Equation numbers are those of M. H. Vali, *Vector Quantization in Deep Neural Networks for Speech and
//! Image Processing* (Aalto University, 2025).

use std::fmt;
use std::str::FromStr;

use ndarray::{ArrayView1, ArrayView2, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A distance between a vector x and a codeword c.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Σ (x − c)² (Eq. 2.3).
    #[default]
    SquaredL2,
    /// Σ |x − c|.
    L1,
    /// Σ |x − c|^m for a whole m ≥ 1.
    Power(u32),
    /// 1 − cos(x, c); the zero vector has cosine 0 with everything.
    Cosine,
    /// −x·c: the nearest is the one of the largest inner product. The only metric that may be below 0.
    InnerProduct,
}

impl Metric {
    /// The largest m of [`Power`](Self::Power) that a codebook is trained by or that has a name: beyond it the distance is
    /// that of the largest difference in all but name, and powers leave f32 soon.
    pub const MOST_POWER: u32 = 16;

    /// Whether codebooks can be trained by it: it is a sum over the dimensions of a power of the difference, up to
    /// [`MOST_POWER`](Self::MOST_POWER).
    pub(crate) fn trains(self) -> bool {
        matches!(self, Metric::SquaredL2 | Metric::L1 | Metric::Power(1..=Self::MOST_POWER))
    }

    /// The power of the differences that it sums: its distances of vectors times s are s^power as large. 0 for the cosine.
    pub(crate) fn power(self) -> u32 {
        match self {
            Metric::SquaredL2 | Metric::InnerProduct => 2,
            Metric::L1 => 1,
            Metric::Power(m) => m,
            Metric::Cosine => 0,
        }
    }

    /// The distance in float64: what the kernels are judged by.
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::metrics::Metric;
    /// let (x, c) = (array![1.0_f32, 2.0], array![3.0_f32, 2.5]);
    /// assert_eq!(Metric::SquaredL2.distance(x.view(), c.view()), 4.25);
    /// assert_eq!(Metric::L1.distance(x.view(), c.view()), 2.5);
    /// assert_eq!(Metric::Power(3).distance(x.view(), c.view()), 8.125);
    /// assert_eq!(Metric::InnerProduct.distance(x.view(), c.view()), -8.0);
    /// ```
    pub fn distance(self, x: ArrayView1<f32>, c: ArrayView1<f32>) -> f64 {
        let pairs = || x.iter().zip(c).map(|(&x, &c)| (f64::from(x), f64::from(c)));
        match self {
            Metric::SquaredL2 => pairs().map(|(x, c)| (x - c) * (x - c)).sum(),
            Metric::L1 => pairs().map(|(x, c)| (x - c).abs()).sum(),
            Metric::Power(m) => pairs().map(|(x, c)| (x - c).abs().powi(m as i32)).sum(),
            Metric::Cosine => {
                let norms: f64 =
                    pairs().map(|(x, _)| x * x).sum::<f64>() * pairs().map(|(_, c)| c * c).sum::<f64>();
                if norms == 0.0 { 1.0 } else { 1.0 - pairs().map(|(x, c)| x * c).sum::<f64>() / norms.sqrt() }
            }
            Metric::InnerProduct => -pairs().map(|(x, c)| x * c).sum::<f64>(),
        }
    }
}

/// `l2` (the squared one), `l1`, `m:3` (any m of 1 to 16), `cosine`, `ip`.
impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::SquaredL2 => f.write_str("l2"),
            Metric::L1 => f.write_str("l1"),
            Metric::Power(m) => write!(f, "m:{m}"),
            Metric::Cosine => f.write_str("cosine"),
            Metric::InnerProduct => f.write_str("ip"),
        }
    }
}

/// ```
/// use wgvq::metrics::Metric;
/// assert_eq!("m:3".parse::<Metric>()?, Metric::Power(3));
/// assert_eq!(Metric::InnerProduct.to_string(), "ip");
/// # Ok::<(), wgvq::Error>(())
/// ```
impl FromStr for Metric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let power = |text: &str| text.parse().ok().filter(|m| (1..=Self::MOST_POWER).contains(m));
        match (text, text.strip_prefix("m:").and_then(power)) {
            ("l2", _) => Ok(Metric::SquaredL2),
            ("l1", _) => Ok(Metric::L1),
            ("cosine", _) => Ok(Metric::Cosine),
            ("ip", _) => Ok(Metric::InnerProduct),
            (_, Some(m)) => Ok(Metric::Power(m)),
            _ => Err(Error::input(format!(
                "must be l2, l1, cosine, ip, or m:P with P a whole number of 1 to {}, such as m:3",
                Self::MOST_POWER
            ))),
        }
    }
}

/// The mean squared error (Eq. 2.4): the mean over vectors of the squared norm of the error, a sum over
/// dimensions. Shapes: both (n, d); 0 for n = 0.
///
/// ```
/// use ndarray::array;
/// let x = array![[1.0_f32, 2.0], [3.0, 4.0]];
/// let decoded = array![[1.0_f32, 1.0], [3.0, 1.0]];
/// assert_eq!(wgvq::metrics::mse(x.view(), decoded.view())?, 5.0);
/// # Ok::<(), wgvq::Error>(())
/// ```
///
/// # Errors
/// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
pub fn mse(x: ArrayView2<f32>, decoded: ArrayView2<f32>) -> Result<f64> {
    if x.dim() != decoded.dim() {
        return Err(Error::shape(format!(
            "mse of {:?} vectors and {:?} decoded ones",
            x.dim(),
            decoded.dim()
        )));
    }
    let total: f64 =
        x.outer_iter().zip(decoded.outer_iter()).map(|(x, y)| Metric::SquaredL2.distance(x, y)).sum();
    Ok(total / x.nrows().max(1) as f64)
}

/// Columns whose sums a thread adds up: as many of a row as two cache lines hold.
const COLUMNS: usize = 32;

/// Distortion of many vectors, added up batch by batch in the order of the rows: the sum does not depend on
/// how the rows fall into batches.
#[derive(Clone, Debug, Default)]
pub struct Distortion {
    rows: usize,
    error: f64,
    /// The first vector of all: moments are taken about it, because about the origin they would cancel where the
    /// data lie far from it.
    origin: Vec<f64>,
    sum: Vec<f64>,
    square: f64,
}

impl Distortion {
    /// Adds the rows of `x` (n, d) and what they decode to (n, d).
    pub fn add(&mut self, x: ArrayView2<f32>, decoded: ArrayView2<f32>) {
        let errors: Vec<f64> = (0..x.nrows())
            .into_par_iter()
            .map(|row| Metric::SquaredL2.distance(x.row(row), decoded.row(row)))
            .collect();
        self.add_errors(x, errors);
    }

    /// Adds the rows of `x` (n, d), whose squared errors are known already.
    pub fn add_errors(&mut self, x: ArrayView2<f32>, errors: impl IntoIterator<Item = f64>) {
        let Some(first) = x.outer_iter().next() else { return };
        if self.rows == 0 {
            self.origin = first.iter().map(|&value| value.into()).collect();
            self.sum = vec![0.0; x.ncols()];
        }
        self.rows += x.nrows();
        self.error = errors.into_iter().fold(self.error, |sum, error| sum + error);
        let (origin, d) = (&self.origin, x.ncols());
        if d == 0 {
            return;
        }
        let x = x.as_standard_layout();
        let values = x.as_slice().expect("standard layout");
        // Every sum is added up in the order of the rows, so threads share the columns.
        let columns = self.sum.par_chunks_mut(COLUMNS).zip(origin.par_chunks(COLUMNS)).enumerate();
        columns.for_each(|(at, (sum, origin))| {
            for row in values.chunks_exact(d) {
                for ((sum, &value), &from) in sum.iter_mut().zip(&row[at * COLUMNS..]).zip(origin) {
                    *sum += f64::from(value) - from;
                }
            }
        });
        let squares: Vec<f64> = values.par_chunks_exact(d).map(|row| squared_distance(row, origin)).collect();
        self.square = squares.into_iter().fold(self.square, |sum, square| sum + square);
    }

    /// How many vectors there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The mean squared distance to the mean vector; `None` if all vectors are equal.
    fn variance(&self) -> Option<f64> {
        let n = self.rows.max(1) as f64;
        let variance = self.square / n - self.sum.iter().map(|sum| (sum / n) * (sum / n)).sum::<f64>();
        // Below that the difference is rounding: all rows are equal.
        (variance > self.square / n * 1e-13).then_some(variance)
    }

    /// The mean squared error (Eq. 2.4).
    pub fn mse(&self) -> f64 {
        self.error / self.rows.max(1) as f64
    }

    /// The error over the mean squared norm about the mean: the share of the data's variance that is lost.
    /// `None` if the data has no variance.
    pub fn relative_mse(&self) -> Option<f64> {
        self.variance().map(|variance| self.mse() / variance)
    }
}

/// The mean squared distance of the rows of `x` (n, d) to their mean, in float64; `None` where all rows are
/// equal.
pub(crate) fn variance(x: ArrayView2<f32>) -> Option<f64> {
    let mut all = Distortion::default();
    all.add_errors(x, std::iter::empty());
    all.variance()
}

/// The average quantization error (Eq. 2.2) by the norms ‖x − x̂‖_m of the errors, each of an order m: 1 for the sum of
/// magnitudes, 2 for the Euclidean length. The [mean squared error](mse) is that of the square of the latter.
///
/// ```
/// use ndarray::array;
/// use wgvq::metrics::Aqe;
/// let mut aqe = Aqe::new(vec![1, 2, 3])?;
/// aqe.add(array![[3.0_f32, 4.0], [1.0, 1.0]].view(), array![[0.0_f32, 0.0], [1.0, 3.0]].view());
/// // The errors are (3, 4) and (0, −2).
/// let means: Vec<f64> = aqe.means().map(|(_, mean)| mean).collect();
/// assert_eq!(means[..2], [(7.0 + 2.0) / 2.0, (5.0 + 2.0) / 2.0]);
/// assert!((means[2] - (91_f64.cbrt() + 2.0) / 2.0).abs() < 1e-12);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Aqe {
    orders: Vec<u32>,
    rows: usize,
    sums: Vec<f64>,
}

impl Aqe {
    /// The orders of [`Default`]: the norms that have names.
    pub const ORDERS: [u32; 2] = [1, 2];

    /// The largest order: beyond it the norm is the largest magnitude to within some per cent.
    pub const MOST: u32 = 64;

    /// By norms of these orders.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) unless each is 1 to 64.
    pub fn new(orders: Vec<u32>) -> Result<Self> {
        if let Some(order) = orders.iter().find(|order| !(1..=Self::MOST).contains(*order)) {
            return Err(Error::input(format!("a norm of order {order}; must be 1 to {}", Self::MOST)));
        }
        Ok(Self { sums: vec![0.0; orders.len()], orders, rows: 0 })
    }

    /// Whether there is no norm to measure by.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// Adds the rows of `x` (n, d) and what they decode to (n, d).
    pub fn add(&mut self, x: ArrayView2<f32>, decoded: ArrayView2<f32>) {
        let decoded = decoded.as_standard_layout();
        let x = x.slice_move(s![..x.nrows().min(decoded.nrows()), ..]);
        self.add_each(x, |row| decoded.row(row).to_slice().expect("standard layout"));
    }

    /// Adds the rows of `x` (n, d), of which each decodes to d numbers; their squared errors.
    pub(crate) fn add_each<'a>(
        &mut self,
        x: ArrayView2<f32>,
        decoded: impl Fn(usize) -> &'a [f32] + Sync,
    ) -> Vec<f64> {
        let x = x.as_standard_layout();
        // Of each row the squared error, and a norm of each order.
        let width = 1 + self.orders.len();
        let mut figures = vec![0.0; x.nrows() * width];
        let rows = figures.par_chunks_exact_mut(width).enumerate().with_min_len(64);
        rows.for_each_init(Vec::new, |errors, (row, figures)| {
            let x = x.row(row).to_slice().expect("standard layout");
            errors.clear();
            errors.extend(x.iter().zip(decoded(row)).map(|(&x, &y)| (f64::from(x) - f64::from(y)).abs()));
            figures[0] = side_by_side(errors, |error| error * error);
            figures[1..]
                .iter_mut()
                .zip(&self.orders)
                .for_each(|(of_row, &order)| *of_row = norm(errors, order));
        });
        // In the order of the rows, whatever the batches and the threads.
        for figures in figures.chunks_exact(width) {
            self.sums.iter_mut().zip(&figures[1..]).for_each(|(sum, norm)| *sum += norm);
        }
        self.rows += x.nrows();
        figures.into_iter().step_by(width).collect()
    }

    /// The same of errors that are `unit` times as large.
    pub(crate) fn times(mut self, unit: f64) -> Self {
        self.sums.iter_mut().for_each(|sum| *sum *= unit);
        self
    }

    /// Each order, and the mean of the norms of that order; nothing before a row was added.
    pub fn means(&self) -> impl Iterator<Item = (u32, f64)> {
        let rows = self.rows;
        let means = self.orders.iter().zip(&self.sums).filter(move |_| rows > 0);
        means.map(move |(&order, sum)| (order, sum / rows as f64))
    }
}

impl Default for Aqe {
    fn default() -> Self {
        Self { orders: Self::ORDERS.into(), rows: 0, sums: vec![0.0; Self::ORDERS.len()] }
    }
}

/// The norm of that order of `errors`, none negative.
fn norm(errors: &[f64], order: u32) -> f64 {
    match order {
        1 => side_by_side(errors, |error| error),
        2 => side_by_side(errors, |error| error * error).sqrt(),
        _ => {
            // Powers of the largest magnitude may be out of range.
            let largest = errors.iter().copied().fold(0.0, f64::max);
            if largest == 0.0 {
                return 0.0;
            }
            let powers = side_by_side(errors, |error| (error / largest).powi(order as i32));
            largest * powers.powf(1.0 / f64::from(order))
        }
    }
}

/// The sum of `term` over `values`, in eight sums side by side: one after another each addition would wait for the one
/// before.
fn side_by_side(values: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    const SUMS: usize = 8;
    let mut sums = [0.0; SUMS];
    for values in values.chunks(SUMS) {
        sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += term(value));
    }
    sums.iter().sum()
}

/// How often each codeword of one codebook is used.
///
/// ```
/// let usage = wgvq::metrics::Usage::from_counts(vec![50, 15, 30, 5]);
/// assert!((usage.entropy() - 1.648).abs() < 5e-4); // the example of Eq. 2.13
/// assert_eq!(usage.dead(), 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    counts: Vec<u64>,
}

impl Usage {
    /// No use of any of `k` codewords yet.
    pub fn new(k: usize) -> Self {
        Self { counts: vec![0; k] }
    }

    /// From the counts of all codewords.
    pub fn from_counts(counts: Vec<u64>) -> Self {
        Self { counts }
    }

    /// Counts one use of each of `codes`, which are below k.
    pub fn add(&mut self, codes: impl IntoIterator<Item = u32>) {
        codes.into_iter().for_each(|code| self.counts[code as usize] += 1);
    }

    /// Uses per codeword.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// All uses.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The entropy of the codes in bits (Eq. 2.12).
    pub fn entropy(&self) -> f64 {
        let total = self.total();
        let share = |&count: &u64| count as f64 / total as f64;
        self.counts.iter().filter(|&&count| count > 0).map(share).fold(0.0, |bits, p| bits - p * p.log2())
    }

    /// 2^entropy: the number of codewords that, used equally, would carry as much.
    pub fn perplexity(&self) -> f64 {
        self.entropy().exp2()
    }

    /// How many codewords were never used.
    pub fn dead(&self) -> usize {
        self.counts.iter().filter(|&&count| count == 0).count()
    }
}

/// Σ (row − origin)², in eight sums [side by side](side_by_side).
fn squared_distance(row: &[f32], origin: &[f64]) -> f64 {
    const SUMS: usize = 8;
    let mut sums = [0.0; SUMS];
    for (row, origin) in row.chunks(SUMS).zip(origin.chunks(SUMS)) {
        for ((sum, &value), &from) in sums.iter_mut().zip(row).zip(origin) {
            let difference = f64::from(value) - from;
            *sum += difference * difference;
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn distortion_does_not_depend_on_the_batches() {
        let mut rng = crate::rng::Rng::new(5, 0);
        let x = Array2::from_shape_simple_fn((100, 7), || rng.normal());
        let y = Array2::from_shape_simple_fn((100, 7), || rng.normal());
        let whole = {
            let mut all = Distortion::default();
            all.add(x.view(), y.view());
            all
        };
        let mut parts = Distortion::default();
        for rows in [0..1, 1..34, 34..34, 34..100] {
            parts.add(x.slice(s![rows.clone(), ..]), y.slice(s![rows, ..]));
        }
        assert_eq!(whole.mse().to_bits(), parts.mse().to_bits());
        assert_eq!(whole.relative_mse(), parts.relative_mse());
        assert!((whole.mse() - mse(x.view(), y.view()).unwrap()).abs() < 1e-12 * whole.mse());
    }

    #[test]
    fn equal_rows_have_no_relative_error() {
        let mut distortion = Distortion::default();
        let x = Array2::from_elem((300_000, 2), 0.1_f32);
        distortion.add(x.view(), x.view());
        assert_eq!(distortion.relative_mse(), None);
    }

    #[test]
    fn the_variance_is_right_far_from_the_origin() {
        // 1e6 ± 1: about the origin the squares would swallow the difference of 1 in 10^12.
        let x = array![[1e6_f32 + 1.0], [1e6 - 1.0], [1e6 + 1.0], [1e6 - 1.0]];
        assert_eq!(variance(x.view()), Some(1.0));
    }

    #[test]
    fn the_entropy_is_that_of_the_thesis_example() {
        // Eq. 2.13: probabilities .5, .15, .3 and .05 take 1.648 bits in place of 2.
        let entropy = Usage::from_counts(vec![50, 15, 30, 5]).entropy();
        assert!((entropy - 1.648).abs() < 5e-4, "{entropy}");
    }

    #[test]
    fn a_uniform_code_has_full_perplexity_and_an_unused_one_none() {
        let mut usage = Usage::new(4);
        usage.add([0, 1, 2, 3]);
        assert!((usage.perplexity() - 4.0).abs() < 1e-12);
        assert_eq!(Usage::new(3).entropy(), 0.0);
        assert_eq!(Usage::new(3).dead(), 3);
    }
}
