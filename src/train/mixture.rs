//! Gaussian mixtures by expectation maximization: clustering where a vector can belong to several clusters in part.

use std::ops::{ControlFlow, Range};

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use serde::Serialize;

use super::frame::Frame;
use super::{Ended, Holds, Iteration, KMeans, Observer};
use crate::engine::{Engine, Matrix};
use crate::error::{Error, Result};
use crate::scale::Scale;
use crate::vectors::Vectors;

/// Which shapes the components of a mixture may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// A variance for each dimension.
    #[default]
    Diagonal,
    /// One variance for all dimensions of a component.
    Spherical,
}

/// Σ_k w_k N(μ_k, diag σ²_k): a density over vectors of d dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// The share w of each component, (k), adding up to 1.
    pub weights: Array1<f32>,
    /// The means μ, (k, d).
    pub means: Array2<f32>,
    /// The variances σ², (k, d).
    pub variances: Array2<f32>,
}

/// How to fit a [`Mixture`]: EM (Dempster, Laird and Rubin 1977) from a k-means start.
///
/// Each iteration finds how far every component is responsible for every vector, then the weights, means and variances that
/// are most likely given that; the likelihood of the vectors never falls. A component that explains less than a millionth
/// of a vector stays where it is. Both steps are one matrix product with the vectors and their squares, about the
/// vectors' mean: variances below 2⁻²⁰ of the squared distance to that mean have no digits left.
///
/// ```
/// use wgvq::train::GaussianMixture;
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((200, 1), |(row, _)| (row % 2) as f32 * 10.0 + (row / 2) as f32 / 100.0);
/// let found = GaussianMixture::new(2).fit(&engine, &x)?;
/// let mut means: Vec<f32> = found.mixture.means.iter().copied().collect();
/// means.sort_by(f32::total_cmp);
/// assert!((means[0] - 0.495).abs() < 1e-3 && (means[1] - 10.495).abs() < 1e-3);
/// let shares = found.mixture.responsibilities(&engine, &x)?;
/// assert!(shares.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-6));
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GaussianMixture {
    k: usize,
    covariance: Covariance,
    iterations: usize,
    tolerance: f64,
    start: KMeans,
    seed: u64,
}

/// What [`GaussianMixture::fit`] found.
#[derive(Clone, Debug)]
pub struct MixtureFit {
    /// The density of vectors times the scale.
    pub mixture: Mixture,
    /// The power of two that vectors are multiplied with, so that variances are within f32; most often 1.
    pub scale: Scale,
    /// The mean over the vectors of the logarithm of their density, in nats: that of the vectors as they came.
    pub log_likelihood: f64,
    /// The same before each iteration.
    pub history: Vec<f64>,
    /// What ended the run.
    pub ended: Ended,
    /// How many vectors it was fitted to: fewer than given if a sample was.
    pub rows: usize,
}

/// The variance below which none may fall, as a share of that of all vectors: a component of one vector would have the
/// density of a needle.
const FLOOR: f64 = 1e-6;

/// Vectors that a component has to explain to be moved.
const LEAST: f64 = 1e-6;

/// Scores that exist at once: a batch of vectors times k.
const SCORES: usize = 1 << 23;

/// Vectors of a batch for `k` components.
fn batch_rows(k: usize) -> usize {
    (SCORES / k.max(1)).clamp(256, 1 << 20)
}

impl GaussianMixture {
    /// `k` components with diagonal covariance: 100 iterations at most, 256 vectors per component at most, and a start from
    /// 5 iterations of k-means.
    pub fn new(k: usize) -> Self {
        Self {
            k,
            covariance: Covariance::default(),
            iterations: 100,
            tolerance: 1e-4,
            start: KMeans::new(k).iterations(5),
            seed: 0,
        }
    }

    /// The shape of the components.
    pub fn covariance(mut self, covariance: Covariance) -> Self {
        self.covariance = covariance;
        self
    }

    /// The limit of iterations.
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }

    /// The run ends once an iteration gains less than this in the mean log-likelihood, in nats per dimension.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The k-means that the means start from, and how many vectors are sampled; k and seed are taken from this builder.
    pub fn start(mut self, start: KMeans) -> Self {
        self.start = start;
        self
    }

    /// The seed of everything random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many of `n` vectors it is fitted to.
    pub fn sample_size(&self, n: usize) -> usize {
        self.start.clone().k(self.k).sample_size(n)
    }

    /// What it holds of a sample of `n` vectors of `d` dimensions.
    pub fn holds(&self, n: usize, d: usize) -> Holds {
        let scores = self.sample_size(n).min(batch_rows(self.k)) as f64 * self.k as f64;
        let components = 2.0 * self.k as f64 * d as f64;
        Holds { copies: 6.1, beside: 10.0, squares: 0.0, fixed: 4.0 * (3.0 * scores + 10.0 * components) }
    }

    /// Fits to `x` (n, d), n ≥ k.
    ///
    /// # Errors
    /// As [`KMeans::fit`], and if all vectors are the same or squares leave the range of f32.
    pub fn fit(&self, engine: &Engine, x: &dyn Vectors) -> Result<MixtureFit> {
        self.fit_observed(engine, x, &mut ())
    }

    /// [`fit`](Self::fit), telling `observer` of each iteration; the mean squared distance there is that to the means, each
    /// by its responsibility.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_observed(
        &self,
        engine: &Engine,
        x: &dyn Vectors,
        observer: &mut dyn Observer,
    ) -> Result<MixtureFit> {
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            return Err(Error::input(format!("the tolerance is {}; it cannot be negative", self.tolerance)));
        }
        let start = self.start.clone().k(self.k).seed(self.seed);
        start.check(x, None)?;
        let mut x = start.sample(x, None)?.0;
        // Logarithms are not exact in powers of two: all vectors are fitted at the same size.
        let (scale, fitted) = (Scale::of(x.view()), Scale::to_unit(x.view()));
        fitted.apply(&mut x);
        let start = start.within(&Frame::scaled(fitted));
        let (n, d) = x.dim();
        // The density of scaled vectors is less by the volume that theirs is larger by.
        let volume = f64::from(fitted.exponent()) * d as f64 * std::f64::consts::LN_2;
        let centre = x.mapv(f64::from).mean_axis(Axis(0)).expect("k vectors or more");
        let variance = x
            .outer_iter()
            .map(|x| x.iter().zip(&centre).map(|(&x, c)| (f64::from(x) - c).powi(2)).sum::<f64>())
            .sum::<f64>()
            / (n * d) as f64;
        if variance == 0.0 || !((variance * d as f64) as f32).is_finite() {
            return Err(Error::input(format!(
                "the vectors have a variance of {variance}; a mixture needs one above 0 that f32 can hold"
            )));
        }
        let floor = FLOOR * variance;
        let clusters = start.all_vectors().fit(engine, &x)?;
        let spread = (clusters.mse / d as f64).max(floor);
        let mut found = Density {
            weights: Array1::from_elem(self.k, 1.0 / self.k as f64),
            means: clusters.codebook.mapv(f64::from) - &centre,
            variances: Array2::from_elem((self.k, d), spread),
        };
        let data = Data::new(engine, &x, &centre, self.k)?;
        let mut history: Vec<f64> = Vec::new();
        let mut ended = Ended::IterationLimit;
        for number in 0..self.iterations {
            let (log_likelihood, sums) = data.expect(&found)?;
            let log_likelihood = log_likelihood + volume;
            let settled =
                history.last().is_some_and(|last| log_likelihood - last <= self.tolerance * d as f64);
            history.push(log_likelihood);
            let (next, mse) = self.maximize(&found, &sums, n, floor);
            found = next;
            let told = observer.iteration(&Iteration { number, restart: 0, mse: mse * fitted.unit() });
            if told == ControlFlow::Break(()) || observer.cancelled() {
                ended = Ended::Cancelled;
                break;
            }
            if settled {
                ended = Ended::Converged;
                break;
            }
        }
        let (log_likelihood, _) = data.expect(&found)?;
        let back = f64::from(scale.exponent() - fitted.exponent()).exp2();
        let mixture = Mixture {
            weights: found.weights.mapv(|w| w as f32),
            means: (&found.means + &centre).mapv(|m| (m * back) as f32),
            variances: found.variances.mapv(|v| (v * back * back) as f32),
        };
        Ok(MixtureFit { mixture, scale, log_likelihood: log_likelihood + volume, history, ended, rows: n })
    }

    /// The most likely density for `sums` (k, 2d + 1): of each component the responsibilities' sums of x, x² and 1. And
    /// the mean squared distance to the means.
    fn maximize(&self, before: &Density, sums: &Array2<f64>, n: usize, floor: f64) -> (Density, f64) {
        let d = before.means.ncols();
        let mut next = before.clone();
        let mut squares = 0.0;
        for (component, sums) in sums.outer_iter().enumerate() {
            let mass = sums[2 * d];
            next.weights[component] = mass / n as f64;
            if mass < LEAST {
                continue;
            }
            let mean = sums.slice(s![..d]).mapv(|sum| sum / mass);
            let mut variance = sums.slice(s![d..2 * d]).mapv(|sum| sum / mass) - &mean * &mean;
            squares += mass * variance.sum().max(0.0);
            if self.covariance == Covariance::Spherical {
                let mean = variance.sum() / d as f64;
                variance.fill(mean);
            }
            next.means.row_mut(component).assign(&mean);
            next.variances.row_mut(component).assign(&variance.mapv(|variance| variance.max(floor)));
        }
        let total = next.weights.sum();
        next.weights.mapv_inplace(|weight| weight / total);
        (next, squares / n as f64)
    }
}

/// A mixture about the mean of the vectors, with the digits that the steps between need.
#[derive(Clone)]
struct Density {
    weights: Array1<f64>,
    means: Array2<f64>,
    variances: Array2<f64>,
}

impl Density {
    /// The coefficients by which [x, x², 1] gives log (w N(x)) of each component, (k, 2d + 1).
    fn coefficients(&self) -> Array2<f32> {
        let (k, d) = self.means.dim();
        Array2::from_shape_fn((k, 2 * d + 1), |(component, at)| {
            let (means, variances) = (self.means.row(component), self.variances.row(component));
            let value = if at < d {
                means[at] / variances[at]
            } else if at < 2 * d {
                -0.5 / variances[at - d]
            } else {
                let terms = means.iter().zip(&variances);
                let sum: f64 = terms.map(|(m, v)| m * m / v + (std::f64::consts::TAU * v).ln()).sum();
                self.weights[component].max(f64::MIN_POSITIVE).ln() - 0.5 * sum
            };
            value as f32
        })
    }
}

/// Vectors on a device, as rows of [x, x², 1] about their mean, in batches.
struct Data {
    batches: Vec<Matrix<f32>>,
    rows: usize,
}

impl Data {
    fn new(engine: &Engine, x: &Array2<f32>, centre: &Array1<f64>, k: usize) -> Result<Self> {
        let height = batch_rows(k);
        let batches = (0..x.nrows()).step_by(height).map(|first| {
            let rows = first..x.nrows().min(first + height);
            engine.upload(features(x.slice(s![rows, ..]), centre).view())
        });
        Ok(Self { batches: batches.collect::<Result<_>>()?, rows: x.nrows() })
    }

    /// The mean log-likelihood, and the sums of the vectors by responsibility, (k, 2d + 1).
    fn expect(&self, density: &Density) -> Result<(f64, Array2<f64>)> {
        let coefficients = density.coefficients();
        let (k, columns) = coefficients.dim();
        if let Some(((component, _), _)) = coefficients.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::input(format!(
                "component {component} of the mixture is out of the range of f32; scale the vectors"
            )));
        }
        let mut total = 0.0;
        let mut sums = Array2::zeros((k, columns));
        for batch in &self.batches {
            let engine = batch.engine();
            let mut shares = engine.uninitialized(batch.rows(), k)?;
            let mut log_sums = engine.uninitialized(batch.rows(), 1)?;
            record_shares(engine, batch, &coefficients, &mut shares, &mut log_sums)?;
            let mut products = engine.uninitialized(k, columns)?;
            let mut recorder = engine.recorder();
            recorder.transposed_matmul(&shares, batch, &mut products)?;
            recorder.submit()?;
            total += log_sums.download()?.iter().map(|&log_sum| f64::from(log_sum)).sum::<f64>();
            sums += &products.download()?.mapv(f64::from);
        }
        Ok((total / self.rows as f64, sums))
    }
}

/// How far each component is responsible for each row of `batch`, and the logarithms of the rows' densities.
fn record_shares(
    engine: &Engine,
    batch: &Matrix<f32>,
    coefficients: &Array2<f32>,
    shares: &mut Matrix<f32>,
    log_sums: &mut Matrix<f32>,
) -> Result<()> {
    let coefficients = engine.upload(coefficients.view())?;
    let mut scores = engine.uninitialized(shares.rows(), shares.cols())?;
    let mut recorder = engine.recorder();
    recorder.matmul_transposed(batch, &coefficients, &mut scores)?;
    recorder.soft_weights(&scores, 1.0, shares, log_sums)?;
    recorder.submit()
}

/// [x, x², 1] about `centre`.
fn features(x: ArrayView2<f32>, centre: &Array1<f64>) -> Array2<f32> {
    let (n, d) = x.dim();
    Array2::from_shape_fn((n, 2 * d + 1), |(row, at)| {
        if at == 2 * d {
            return 1.0;
        }
        let moved = f64::from(x[[row, at % d]]) - centre[at % d];
        (if at < d { moved } else { moved * moved }) as f32
    })
}

impl Mixture {
    /// How far each component is responsible for each of `x` (n, d), (n, k): rows add up to 1.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the dimensions differ or a value is not finite.
    pub fn responsibilities(&self, engine: &Engine, x: &dyn Vectors) -> Result<Array2<f32>> {
        let k = self.weights.len();
        let mut all = Array2::zeros((x.len(), k));
        self.each_batch(engine, x, |rows, shares, _| {
            all.slice_mut(s![rows, ..]).assign(&shares.download()?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The mean over `x` (n, d) of the logarithm of its density, in nats.
    ///
    /// # Errors
    /// As [`responsibilities`](Self::responsibilities).
    pub fn log_likelihood(&self, engine: &Engine, x: &dyn Vectors) -> Result<f64> {
        let mut total = 0.0;
        self.each_batch(engine, x, |_, _, log_sums| {
            total += log_sums.download()?.iter().map(|&log_sum| f64::from(log_sum)).sum::<f64>();
            Ok(())
        })?;
        Ok(total / x.len() as f64)
    }

    fn each_batch(
        &self,
        engine: &Engine,
        x: &dyn Vectors,
        mut each: impl FnMut(Range<usize>, &Matrix<f32>, &Matrix<f32>) -> Result<()>,
    ) -> Result<()> {
        let (k, d) = self.means.dim();
        if x.dim() != d {
            return Err(Error::input(format!("the vectors have {} dimensions, the mixture {d}", x.dim())));
        }
        // About the means' mean, which is near that of the vectors.
        let means = self.means.mapv(f64::from);
        let centre = means.mean_axis(Axis(0)).ok_or_else(|| Error::input("a mixture of no components"))?;
        let density = Density {
            weights: self.weights.mapv(f64::from),
            means: means - &centre,
            variances: self.variances.mapv(f64::from),
        };
        let coefficients = density.coefficients();
        let height = batch_rows(k);
        for first in (0..x.len()).step_by(height) {
            let rows = first..x.len().min(first + height);
            let batch = engine.upload(features(x.read_rows(rows.clone())?.view(), &centre).view())?;
            let mut shares = engine.uninitialized(rows.len(), k)?;
            let mut log_sums = engine.uninitialized(rows.len(), 1)?;
            record_shares(engine, &batch, &coefficients, &mut shares, &mut log_sums)?;
            each(rows, &shares, &log_sums)?;
        }
        Ok(())
    }
}
