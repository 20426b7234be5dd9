//! Training of whatever a spec names.

pub(super) mod memory;

use std::ops::ControlFlow;

use ndarray::Array2;
use serde_json::{Map, Value};

use super::Quantizer;
use super::fit_sums::{FitSums, Plan};
use super::scaled::scaled;
use super::spec::{Needs, Spec};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::scale::{Scale, ScaledVectors};
use crate::settings::{Settings, Spelling, Stage};
use crate::train::{Holds, Iteration, KMeans, Observer};
use crate::vectors::Vectors;

/// How to train the quantizer that a [`Spec`] names. What is not [set](Self::set) is as the [settings](Spec::settings) of the
/// spec have it.
///
/// ```
/// use wgvq::{Quantizer, Spec, Training};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((300, 6), |(row, column)| ((row * (column + 2)) % 16) as f32);
/// for spec in ["VQ16", "PQ2x4", "RQ2x4", "AQ2x4"] {
///     let spec: Spec = spec.parse()?;
///     let training = Training::new(spec.clone()).set("iters", 5).seed(7);
///     assert_eq!(training.fit(&engine, &x, &mut ())?.quantizer.spec(), spec);
/// }
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Training {
    spec: Spec,
    given: Map<String, Value>,
    spelling: Spelling,
    most_vectors: usize,
    seed: u64,
}

/// What [`Training::fit`] made.
pub struct Trained {
    /// The quantizer.
    pub quantizer: Box<dyn Quantizer>,
    /// The vectors it was trained on: all that were given or a sample, (n, d).
    pub sample: Array2<f32>,
}

/// What a kind trains with.
pub(super) struct Fit<'a> {
    pub engine: &'a Engine,
    pub settings: &'a Settings,
    pub seed: u64,
    pub observer: &'a mut dyn Observer,
    /// Whether parts may have scales of their own.
    pub has_part_scales: bool,
}

impl Fit<'_> {
    /// The same for what is behind a rotation, which leaves no column its own scale.
    pub fn behind_a_rotation(&mut self) -> Fit<'_> {
        Fit { observer: &mut *self.observer, has_part_scales: false, ..*self }
    }
}

/// Vectors that the figures of a quantizer that is trained on all of them are of, at most.
const SAMPLE_OF_ALL: usize = 1 << 16;

impl Training {
    /// All settings at their defaults, seed 0.
    pub fn new(spec: Spec) -> Self {
        Self { spec, given: Map::new(), spelling: Spelling::Key, most_vectors: usize::MAX, seed: 0 }
    }

    /// Sets a setting of the spec, by name.
    ///
    /// ```
    /// use wgvq::Training;
    /// let training = Training::new("RQ4x6".parse()?).set("beam", 8).set("init", "kmeans++");
    /// # let x = ndarray::Array2::from_shape_fn((300, 6), |(row, column)| ((row * (column + 2)) % 16) as f32);
    /// assert!(training.set("levels", "uniform").fit(&wgvq::Engine::cpu(), &x, &mut ()).is_err());
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.given.insert(name.to_string(), value.into());
        self
    }

    /// Sets settings of the spec, which messages then spell in this way.
    pub fn set_all(mut self, given: Map<String, Value>, spelling: Spelling) -> Self {
        self.given.extend(given);
        self.spelling = spelling;
        self
    }

    /// Trains on a random sample of at most that many vectors, whatever the settings say. Quantizers without codebooks see
    /// all vectors, and have the figures of so many.
    pub fn most_vectors(mut self, rows: usize) -> Self {
        self.most_vectors = rows;
        self
    }

    /// The seed of everything random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Trains on `x`, telling `observer` of each iteration.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the spec and the vectors do not go together, or a setting is for another
    /// quantizer; [`Cancelled`](crate::ErrorKind::Cancelled) if the observer says so.
    pub fn fit(&self, engine: &Engine, x: &dyn Vectors, observer: &mut dyn Observer) -> Result<Trained> {
        let settings = self.settings()?;
        let node = self.spec.node();
        let sample = node.sample(&self.sampler(&settings)?, x)?;
        if self.fits_by_sums()? {
            return Ok(Trained { quantizer: FitSums::of(self, x, 0)?.next(x, 0)?.fitted(self)?, sample });
        }
        let scale = if node.scales_itself() { Scale::ONE } else { Scale::of(sample.view()) };
        let seen: &dyn Vectors = match node.needs(&settings)? {
            Needs::All => x,
            Needs::PerCodeword(_) | Needs::Sample(_) => &sample,
        };
        let mut fit = Fit { engine, settings: &settings, seed: self.seed, observer, has_part_scales: true };
        let quantizer = fit_scaled(&self.spec, seen, scale, &mut fit)?;
        Ok(Trained { quantizer, sample })
    }

    /// The k-means of its settings, of as many codewords as the largest codebook of the spec has.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), for a spec that cannot be trained or settings that it does not have.
    pub fn kmeans(&self) -> Result<KMeans> {
        let settings = self.settings()?;
        let kmeans = KMeans::of(&settings).k(self.codewords()?);
        Ok(kmeans.most_vectors(self.most_vectors).seed(self.seed))
    }

    /// Codewords of the largest codebook that k-means makes: it takes as many vectors at least.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), for a spec that cannot be trained or settings that it does not have.
    pub fn codewords(&self) -> Result<usize> {
        self.spec.node().codewords(&self.settings()?)
    }

    /// How many of `n` vectors [`Trained::sample`] would be.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), for a spec that cannot be trained or settings that it does not have.
    pub fn sample_size(&self, n: usize) -> Result<usize> {
        Ok(self.sampler(&self.settings()?)?.sample_size(n))
    }

    /// The numbers of the vectors that training reads of `n`, in ascending order.
    ///
    /// Where the vectors lie on many machines, each passes on those of its own, and [`fit`](Self::fit) of them, one below another
    /// by their numbers, makes the same model to the last bit as of all vectors in one place.
    ///
    /// ```
    /// use ndarray::Axis;
    /// use wgvq::{Quantizer, Training};
    /// let engine = wgvq::Engine::cpu();
    /// let x = ndarray::Array2::from_shape_fn((3000, 4), |(row, column)| ((row * (column + 7)) % 101) as f32);
    /// let training = Training::new("PQ2x3".parse()?).set("sample", 20).seed(5);
    /// let rows = training.sample_rows(x.nrows())?;
    /// assert_eq!(rows.len(), 160);
    /// let whole = training.fit(&engine, &x, &mut ())?;
    /// let sampled = training.fit(&engine, &x.select(Axis(0), &rows), &mut ())?;
    /// assert_eq!(whole.quantizer.codebooks(), sampled.quantizer.codebooks());
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Self::fit), for a spec that cannot be trained or settings that it does not have; and
    /// [`Input`](crate::ErrorKind::Input) for one that [sees all vectors](Self::sees_all).
    pub fn sample_rows(&self, n: usize) -> Result<Vec<usize>> {
        if self.sees_all()? {
            let how = if self.fits_by_sums()? { "take sums of blocks" } else { "bring them to one place" };
            return Err(Error::input(format!(
                "{} is trained on all vectors, not on a sample; {how}",
                self.spec
            )));
        }
        let rows = self.sampler(&self.settings()?)?.sample_rows(n);
        Ok(rows.unwrap_or_else(|| (0..n).collect()))
    }

    /// Whether it sees all vectors, and not a sample of them.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), for a spec that cannot be trained or settings that it does not have.
    pub fn sees_all(&self) -> Result<bool> {
        Ok(self.spec.node().needs(&self.settings()?)? == Needs::All)
    }

    /// Whether it sees all vectors and [sums of blocks](crate::FitSums) are enough for it.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), for a spec that cannot be trained or settings that it does not have.
    pub fn fits_by_sums(&self) -> Result<bool> {
        Ok(self.plan_of_sums()?.is_some())
    }

    pub(super) fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What is fitted by sums of blocks, if that does.
    pub(super) fn plan_of_sums(&self) -> Result<Option<Plan>> {
        let wanted = self.spec.node().even_levels(&self.settings()?);
        Ok(wanted.map(|wanted| Plan { spec: self.spec.to_string(), wanted }))
    }

    /// What it holds of a sample of `n` vectors of `d` dimensions.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), for a spec that cannot be trained or settings that it does not have.
    pub fn holds(&self, n: usize, d: usize) -> Result<Holds> {
        self.spec.node().holds(&self.settings()?, n, d)
    }

    fn settings(&self) -> Result<Settings> {
        self.spec.check(&self.given, Stage::Train, self.spelling)
    }

    /// The k-means that the vectors to train on are drawn by, of as many codewords as count for it.
    fn sampler(&self, settings: &Settings) -> Result<KMeans> {
        let sampler =
            KMeans::of(settings).without_mini_batch().most_vectors(self.most_vectors).seed(self.seed);
        Ok(match self.spec.node().needs(settings)? {
            Needs::PerCodeword(k) => sampler.k(k),
            Needs::Sample(rows) => sampler.k(1).sample_per_codeword(rows),
            Needs::All => sampler.k(1).sample_per_codeword(SAMPLE_OF_ALL),
        })
    }
}

/// Trains on `x` times `scale`.
fn fit_scaled(spec: &Spec, x: &dyn Vectors, scale: Scale, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
    if scale.is_one() {
        return spec.node().fit(x, fit);
    }
    let settings = fit.settings.times(1.0 / scale.unit());
    let observer = &mut InUnits { observer: &mut *fit.observer, unit: scale.unit() };
    let mut inner = Fit { settings: &settings, observer, ..*fit };
    let spec = spec.times(scale.factor());
    Ok(scaled(spec.node().fit(&ScaledVectors::new(x, scale), &mut inner)?, scale))
}

/// Tells an observer of squared errors of scaled vectors, as errors of the vectors themselves.
pub(super) struct InUnits<'a> {
    pub observer: &'a mut dyn Observer,
    /// What an error is multiplied with.
    pub unit: f64,
}

impl Observer for InUnits<'_> {
    fn iteration(&mut self, iteration: &Iteration) -> ControlFlow<()> {
        self.observer.iteration(&Iteration { mse: iteration.mse * self.unit, ..*iteration })
    }

    fn cancelled(&self) -> bool {
        self.observer.cancelled()
    }
}
