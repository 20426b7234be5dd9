//! Plain vector quantization: one codebook.

use std::fmt;

use ndarray::{Array2, ArrayView2, ArrayViewD, Axis};
use serde_json::{Map, Value, json};

use super::codes::check_recorded;
use super::gradient::{self, ByGradient};
use super::kinds::{Kind, Place};
use super::model::Parts;
use super::scaled::scaled;
use super::spec::{Needs, Node, Piece};
use super::training::Fit;
use super::{Coder, Layout, Quantizer, Spec, joint, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::scale::Scale;
use crate::settings::{Settings, Spelling, trained_by};
use crate::train::settings::{INIT, ITERATIONS, METRIC, MINI_BATCH, RESTARTS, SAMPLE, SPHERICAL, TOLERANCE};
use crate::train::{Holds, KMeans, Mixture};
use crate::vectors::Vectors;

/// One codebook C (k, d); a vector becomes the number of its nearest codeword (Eq. 2.1).
///
/// ```
/// use ndarray::array;
/// use wgvq::{Quantizer, Vq};
/// let engine = wgvq::Engine::cpu();
/// let x = array![[0.0_f32, 0.0], [0.2, 0.0], [9.0, 9.0], [9.0, 9.2]];
/// let vq = Vq::builder().k(2).seed(7).fit(&engine, &x)?;
/// let codes = vq.encode(&engine, &x)?;
/// let back = vq.decode(&engine, &codes)?;
/// assert!((wgvq::metrics::mse(x.view(), back.view())? - 0.01).abs() < 1e-6);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Vq {
    codebook: Array2<f32>,
    metric: Metric,
    /// Weights (k, 1) and variances (k, d) of the mixture whose means the codewords are.
    mixture: Option<(Array2<f32>, Array2<f32>)>,
}

/// The largest codebook: codes are `u32` on the device, and one more than this would be past 64 GiB at d = 1024.
pub(super) const LARGEST: usize = 1 << 24;

pub(super) static KIND: Kind = Kind {
    name: "VQ",
    letters: &["VQ"],
    title: "one codebook of any size",
    examples: &["VQ1024"],
    place: Place::Anywhere,
    settings: &[&INIT, &ITERATIONS, &TOLERANCE, &RESTARTS, &SAMPLE, &SPHERICAL, &METRIC, &MINI_BATCH],
    parse,
};

fn parse(piece: &Piece<'_>, _: Option<Spec>) -> Result<Spec> {
    Ok(spec(piece.within("codewords", piece.number()?, 1..=LARGEST)?))
}

/// One codebook of `k` codewords.
pub(super) fn spec(k: usize) -> Spec {
    Spec::new(VqSpec { k })
}

struct VqSpec {
    k: usize,
}

impl fmt::Display for VqSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VQ{}", self.k)
    }
}

impl Node for VqSpec {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn one_codebook(&self) -> Option<usize> {
        Some(self.k)
    }

    fn needs(&self, settings: &Settings) -> Result<Needs> {
        // Batches are drawn from all vectors.
        let all = settings.given_count(&MINI_BATCH).is_some();
        Ok(if all { Needs::All } else { Needs::PerCodeword(self.k) })
    }

    fn codewords(&self, _: &Settings) -> Result<usize> {
        Ok(self.k)
    }

    fn holds(&self, settings: &Settings, _: usize, d: usize) -> Result<Holds> {
        let own = KMeans::of(settings).k(self.k).holds(d);
        Ok(Holds { copies: 1.0 + own.copies, ..own })
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        let trainer = KMeans::of(fit.settings);
        let codebook = joint::cluster(&trainer, self.k, fit.seed, fit.engine, x, fit.observer)?;
        Ok(Box::new(Vq::new(codebook)?.with_metric(trainer.metric_of_codewords())?))
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Vq::from_parts(parts)?))
    }

    fn by_gradient(&self) -> Option<&dyn ByGradient> {
        Some(self)
    }
}

impl ByGradient for VqSpec {
    fn layout(&self, d: usize) -> Result<gradient::Layout> {
        Ok(gradient::Layout::whole(vec![self.k], d))
    }

    fn quantizer(&self, codebooks: Vec<Array2<f32>>, _beam: usize) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Vq::new(gradient::only(codebooks)?)?))
    }
}

/// The tensors of a mixture in a model file.
const WEIGHTS: &str = "mixture.weights";
const VARIANCES: &str = "mixture.variances";

/// How to train a [`Vq`].
#[derive(Clone, Debug)]
pub struct VqBuilder {
    k: usize,
    trainer: Option<KMeans>,
    seed: u64,
}

impl Default for VqBuilder {
    fn default() -> Self {
        Self { k: 256, trainer: None, seed: 0 }
    }
}

impl Vq {
    /// A quantizer with this codebook (k, d).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no codeword or dimension, a value is not finite, or codewords are so far
    /// apart that squared distances leave the range of f32.
    pub fn new(codebook: Array2<f32>) -> Result<Self> {
        check_codebook(codebook.view())?;
        Ok(Self { codebook, metric: Metric::SquaredL2, mixture: None })
    }

    pub(super) fn from_parts(parts: &mut Parts<'_>) -> Result<Self> {
        let vq = Self::new(parts.codebooks(1)?.remove(0))?;
        let metric = match parts.optional_setting::<Value>(METRIC.name)? {
            Some(_) => trained_by(&parts.word(&METRIC)?).unwrap_or_default(),
            None => Metric::SquaredL2,
        };
        let vq = vq.with_metric(metric)?;
        let Some(weights) = parts.optional_tensor(WEIGHTS)? else { return Ok(vq) };
        let variances = parts.tensor(VARIANCES)?;
        let (k, d) = vq.codebook.dim();
        if weights.dim() != (k, 1) || variances.dim() != (k, d) {
            return Err(Error::input(format!(
                "{WEIGHTS} is {:?} and {VARIANCES} {:?}; for {k} codewords of {d} dimensions they have to be {:?} and {:?}",
                weights.dim(),
                variances.dim(),
                (k, 1),
                (k, d)
            )));
        }
        Ok(Self { mixture: Some((weights, variances)), ..vq })
    }

    /// A quantizer with this codebook (k, d) for vectors that are scaled while they are encoded: by the
    /// [scale](crate::train::Clustering::scale) that k-means has found, and with its meaning of "nearest".
    ///
    /// ```
    /// use wgvq::train::KMeans;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = ndarray::array![[1e-25_f32], [3e-25], [8e-25], [9e-25]];
    /// let found = KMeans::new(2).fit(&engine, &x)?;
    /// let vq = wgvq::Vq::at_scale(found.codebook, found.scale, found.metric)?;
    /// let codes = vq.encode(&engine, &x)?;
    /// assert_eq!(codes.view()[[0, 0]], codes.view()[[1, 0]]);
    /// assert_ne!(codes.view()[[1, 0]], codes.view()[[2, 0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`with_metric`](Self::with_metric).
    pub fn at_scale(mut codebook: Array2<f32>, scale: Scale, metric: Metric) -> Result<Box<dyn Quantizer>> {
        scale.apply(&mut codebook);
        Ok(scaled(Box::new(Self::new(codebook)?.with_metric(metric)?), scale))
    }

    /// The means of a mixture as codewords: a vector becomes the number of the nearest one, and the mixture stays at hand.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_mixture(mixture: Mixture) -> Result<Self> {
        let weights = mixture.weights.insert_axis(Axis(1));
        Ok(Self { mixture: Some((weights, mixture.variances)), ..Self::new(mixture.means)? })
    }

    /// The mixture whose means the codewords are, if it was made from one.
    pub fn mixture(&self) -> Option<Mixture> {
        let (weights, variances) = self.mixture.clone()?;
        Some(Mixture { weights: weights.remove_axis(Axis(1)), means: self.codebook.clone(), variances })
    }

    /// Says how to train one.
    pub fn builder() -> VqBuilder {
        VqBuilder::default()
    }

    /// The same codebook with another meaning of "nearest" ([`KMeans::metric`]). What codes stand for stays as it is, and so
    /// do the distances that encoding reports, which are squared.
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::metrics::Metric;
    /// use wgvq::{Quantizer, Vq};
    /// let engine = wgvq::Engine::cpu();
    /// let (codebook, x) = (array![[3.0_f32, 0.0], [2.0, 2.0]], array![[0.0_f32, 0.0]]);
    /// let vq = Vq::new(codebook)?;
    /// assert_eq!(vq.encode(&engine, &x)?.view(), array![[1]]);
    /// assert_eq!(vq.with_metric(Metric::L1)?.encode(&engine, &x)?.view(), array![[0]]);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) for a metric that codebooks are not trained by.
    pub fn with_metric(self, metric: Metric) -> Result<Self> {
        METRIC.check(&json!(metric.to_string()), Spelling::Key)?;
        Ok(Self { metric, ..self })
    }

    /// What "nearest" means.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The codewords, (k, d).
    pub fn codebook(&self) -> &Array2<f32> {
        &self.codebook
    }
}

/// Fails unless there is a codeword, a dimension, and every squared distance between codewords is within f32.
pub(super) fn check_codebook(codebook: ArrayView2<f32>) -> Result<()> {
    let (k, d) = codebook.dim();
    if k == 0 || d == 0 {
        return Err(Error::input(format!("a codebook of {k} × {d}; both have to be at least 1")));
    }
    if let Some(((code, column), value)) = codebook.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(Error::input(format!(
            "codeword {code}, column {column} is {value}; every value has to be finite"
        )));
    }
    // The sum of d squares of differences that large is f32::MAX. Where a column lies is no matter.
    let most = f64::from((f32::MAX / d as f32).sqrt());
    for (column, values) in codebook.columns().into_iter().enumerate() {
        let low = values.fold(f32::INFINITY, |low, &value| low.min(value));
        let high = values.fold(f32::NEG_INFINITY, |high, &value| high.max(value));
        if f64::from(high) - f64::from(low) > most {
            return Err(Error::input(format!(
                "column {column} of the codewords goes from {low:e} to {high:e}; it can span {most:.1e} at most, as \
                 squared distances are f32"
            )));
        }
    }
    Ok(())
}

impl VqBuilder {
    /// How many codewords; 256 if not said.
    pub fn k(mut self, k: usize) -> Self {
        self.k = k;
        self
    }

    /// The trainer's settings, in place of [`KMeans::new`]'s. Its k and seed are taken from this builder.
    pub fn trainer(mut self, trainer: KMeans) -> Self {
        self.trainer = Some(trainer);
        self
    }

    /// The seed of everything random; 0 if not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Trains on `x` (n, d), n ≥ k.
    ///
    /// # Errors
    /// As [`KMeans::fit`].
    pub fn fit(self, engine: &Engine, x: &dyn Vectors) -> Result<Vq> {
        let trainer = self.trainer.unwrap_or_else(|| KMeans::new(self.k)).k(self.k).seed(self.seed);
        Vq::new(trainer.fit(engine, x)?.codebook)?.with_metric(trainer.metric_of_codewords())
    }
}

impl sealed::Sealed for Vq {}

impl Quantizer for Vq {
    fn spec(&self) -> Spec {
        spec(self.codebook.nrows())
    }

    fn layout(&self) -> Layout<'_> {
        Layout::of([&self.codebook])
    }

    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        let mut tensors = vec![("codebook.0".to_string(), self.codebook.view().into_dyn())];
        if let Some((weights, variances)) = &self.mixture {
            tensors.push((WEIGHTS.into(), weights.view().into_dyn()));
            tensors.push((VARIANCES.into(), variances.view().into_dyn()));
        }
        tensors
    }

    fn settings(&self) -> Map<String, Value> {
        let metric = (self.metric != Metric::SquaredL2).then(|| json!(self.metric.to_string()));
        metric.map(|metric| (METRIC.name.into(), metric)).into_iter().collect()
    }

    fn prepare_with(&self, engine: &Engine, _: &Settings) -> Result<Box<dyn Coder>> {
        Ok(Box::new(VqCoder { codebook: Codebook::new(engine, self.codebook.view(), self.metric)? }))
    }
}

struct VqCoder {
    codebook: Codebook,
}

impl VqCoder {
    fn is_squared(&self) -> bool {
        self.codebook.metric() == Metric::SquaredL2
    }
}

impl Coder for VqCoder {
    fn codebook(&self) -> Option<&Codebook> {
        self.is_squared().then_some(&self.codebook)
    }

    fn dim(&self) -> usize {
        self.codebook.d()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        vec![self.codebook.k()]
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.assign(x, &self.codebook, codes, distances)?;
        if self.is_squared() {
            return Ok(());
        }
        let mut decoded = recorder.engine().uninitialized(x.rows(), x.cols())?;
        recorder.gather(self.codebook.codewords(), codes, &mut decoded)?;
        recorder.row_distances(x, &decoded, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        recorder.gather(self.codebook.codewords(), codes, decoded)
    }

    fn record_codebooks(&mut self, recorder: &mut Recorder<'_>, codebooks: &[&Matrix<f32>]) -> Result<()> {
        recorder.copy(codebooks[0], self.codebook.codewords_mut())?;
        recorder.prepare_codebook(&mut self.codebook)
    }
}
