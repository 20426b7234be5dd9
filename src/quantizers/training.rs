//! Training of whatever a spec names.

mod memory;

use std::ops::ControlFlow;

use ndarray::Array2;

use super::{
    Additive, GradientTraining, LatticeVq, Method, Product, Quantizer, Residual, Scalar, ScalarLevels, Spec,
    TreeResidual, Vq, joint, product, scaled::scaled, tree_residual,
};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::scale::{Scale, ScaledVectors};
use crate::train::{Iteration, KMeans, Observer};
use crate::vectors::Vectors;

/// How to train the quantizer that a [`Spec`] names; what is not said is as in the quantizer's own builder.
///
/// ```
/// use wgvq::{Quantizer, Spec, Training};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((300, 6), |(row, column)| ((row * (column + 2)) % 16) as f32);
/// for spec in ["VQ16", "PQ2x4", "RQ2x4", "AQ2x4"] {
///     let spec: Spec = spec.parse()?;
///     let trained = Training::new(spec.clone()).seed(7).fit(&engine, &x, &mut ())?;
///     assert_eq!(trained.quantizer.spec(), spec);
/// }
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Training {
    spec: Spec,
    trainer: Option<KMeans>,
    beam: Option<usize>,
    refinements: Option<usize>,
    local_search: Option<usize>,
    max_error: Option<f64>,
    levels: Option<ScalarLevels>,
    shared: bool,
    rate: Option<f64>,
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

/// Vectors that the figures of a quantizer without codebooks are of, at most.
const SAMPLE: usize = 1 << 16;

/// Rounds of fitting a rotation.
const ROTATIONS: usize = 20;

/// Rounds of local search that an LSQ searches with unless told otherwise.
const LOCAL_SEARCH: usize = 8;

impl Training {
    /// The quantizer's own settings, seed 0.
    pub fn new(spec: Spec) -> Self {
        Self {
            spec,
            trainer: None,
            beam: None,
            refinements: None,
            local_search: None,
            max_error: None,
            levels: None,
            shared: false,
            rate: None,
            most_vectors: usize::MAX,
            seed: 0,
        }
    }

    /// The settings of k-means that the codebooks of `spec` are found with unless told otherwise; k and seed are set for
    /// each. All others in the crate that have a default for a kind have it from the same place.
    ///
    /// ```
    /// use wgvq::{Spec, Training};
    /// # fn main() -> wgvq::Result<()> {
    /// let spec: Spec = "RQ2x4".parse()?;
    /// // All as it would be, but for a tolerance of its own.
    /// let kmeans = Training::default_kmeans(&spec).tolerance(1e-3);
    /// let training = Training::new(spec).kmeans(kmeans);
    /// # let x = ndarray::Array2::from_shape_fn((300, 6), |(row, column)| ((row * (column + 2)) % 16) as f32);
    /// # training.fit(&wgvq::Engine::cpu(), &x, &mut ())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn default_kmeans(spec: &Spec) -> KMeans {
        match spec {
            Spec::Product { .. } | Spec::OptimizedProduct { .. } => product::trainer(),
            spec if spec.is_joint() => joint::trainer(),
            _ => KMeans::new(1),
        }
    }

    /// The settings of k-means, wherever codebooks come from it; k and seed are set for each.
    pub fn kmeans(mut self, trainer: KMeans) -> Self {
        self.trainer = Some(trainer);
        self
    }

    /// The width of the beam of RQ, PRQ, AQ and LSQ.
    pub fn beam(mut self, beam: Option<usize>) -> Self {
        self.beam = beam;
        self
    }

    /// How often the codebooks of RQ, PRQ, AQ and LSQ are refitted jointly, or the rotation of OPQ, at most.
    pub fn refinements(mut self, refinements: Option<usize>) -> Self {
        self.refinements = refinements;
        self
    }

    /// Rounds of local search of LSQ.
    pub fn local_search(mut self, rounds: Option<usize>) -> Self {
        self.local_search = rounds;
        self
    }

    /// The squared error at which RQ gives a vector no more codes.
    pub fn max_error(mut self, max_error: Option<f64>) -> Self {
        self.max_error = max_error;
        self
    }

    /// Where the levels of SQ lie.
    pub fn levels(mut self, levels: Option<ScalarLevels>) -> Self {
        self.levels = levels;
        self
    }

    /// Whether all dimensions share the levels of SQ.
    pub fn shared(mut self, shared: bool) -> Self {
        self.shared = shared;
        self
    }

    /// Bits of entropy per dimension that the scale of a lattice is chosen for, where the spec has none.
    pub fn rate(mut self, rate: Option<f64>) -> Self {
        self.rate = rate;
        self
    }

    /// Trains on a random sample of at most that many vectors, whatever the settings of k-means say. Quantizers without
    /// codebooks see all vectors, and have the figures of so many.
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
        self.check_settings()?;
        let sampler = self.sampler()?;
        let sample = match &self.spec {
            Spec::TreeResidual { stages, bits } => {
                tree_residual::sample(&sampler, *stages, *bits, self.seed, x)?
            }
            _ => {
                sampler.check(x, None)?;
                sampler.sample(x, None)?.0
            }
        };
        if matches!(self.spec, Spec::Scalar { .. } | Spec::Lattice { .. }) {
            // These need no codebook, and see all vectors.
            let quantizer = self.fit_scaled(Scale::of(sample.view()), engine, x, observer)?;
            return Ok(Trained { quantizer, sample });
        }
        let scale = match &self.spec {
            // These see to it themselves: parts have scales of their own.
            Spec::Product { .. } | Spec::ProductResidual { .. } | Spec::SpaceFilling { .. } => Scale::ONE,
            _ => Scale::of(sample.view()),
        };
        let quantizer = self.fit_scaled(scale, engine, &sample, observer)?;
        Ok(Trained { quantizer, sample })
    }

    /// Codewords of the largest codebook that k-means makes: it takes as many vectors at least.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), for a spec that cannot be trained.
    pub fn codewords(&self) -> Result<usize> {
        match &self.spec {
            Spec::TreeResidual { bits, .. } => Ok(tree_residual::sampled_codewords(1, *bits)),
            _ => Ok(self.sampler()?.codewords()),
        }
    }

    /// How many of `n` vectors [`Trained::sample`] would be.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), for a spec that cannot be trained.
    pub fn sample_size(&self, n: usize) -> Result<usize> {
        Ok(self.sampler()?.sample_size(n))
    }

    /// The k-means that the vectors to train on are drawn by, of as many codewords as count for it.
    fn sampler(&self) -> Result<KMeans> {
        let sampler = self.trainer.clone().unwrap_or_else(|| KMeans::new(1));
        let sampler = sampler.most_vectors(self.most_vectors).seed(self.seed);
        Ok(match &self.spec {
            Spec::Vq { k } => sampler.k(*k),
            Spec::TreeResidual { stages, bits } => {
                sampler.k(tree_residual::sampled_codewords(*stages, *bits))
            }
            Spec::Residual { bits } => sampler.k(joint::sizes(bits)?.into_iter().max().unwrap_or(1)),
            Spec::Product { bits, .. }
            | Spec::OptimizedProduct { bits, .. }
            | Spec::ProductResidual { bits, .. }
            | Spec::Additive { bits, .. }
            | Spec::LocalSearch { bits, .. }
            | Spec::SpaceFilling { bits, .. } => sampler.k(joint::sizes(&[*bits])?[0]),
            Spec::Scalar { .. } | Spec::Lattice { .. } => sampler.k(1).sample_per_codeword(Some(SAMPLE)),
            Spec::Equalized { .. } => return Err(made_by_equalizing(&self.spec)),
        })
    }

    /// Trains on `x` times `scale`.
    fn fit_scaled(
        &self,
        scale: Scale,
        engine: &Engine,
        x: &dyn Vectors,
        observer: &mut dyn Observer,
    ) -> Result<Box<dyn Quantizer>> {
        if scale.is_one() {
            return self.fit_all(engine, x, observer);
        }
        let inner = Self {
            spec: self.spec.clone().times(scale.factor()),
            max_error: self.max_error.map(|error| error / scale.unit()),
            ..self.clone()
        };
        let observer = &mut InUnits { observer, unit: scale.unit() };
        Ok(scaled(inner.fit_all(engine, &ScaledVectors::new(x, scale), observer)?, scale))
    }

    /// Fails for a setting that the quantizer has not.
    fn check_settings(&self) -> Result<()> {
        let spec = &self.spec;
        let joint = spec.is_joint();
        let rotated = matches!(spec, Spec::OptimizedProduct { .. });
        let local = matches!(spec, Spec::LocalSearch { .. });
        let scalar = matches!(spec, Spec::Scalar { .. });
        let lattice = matches!(spec, Spec::Lattice { scale: None, .. });
        let has_kmeans = !scalar
            && !matches!(spec, Spec::Lattice { .. } | Spec::SpaceFilling { .. } | Spec::Equalized { .. });
        for (given, has, name) in [
            (self.trainer.is_some(), has_kmeans, "k-means"),
            (self.beam.is_some(), joint, "beam"),
            (self.refinements.is_some(), joint || rotated, "refinements"),
            (self.local_search.is_some(), local, "local search"),
            (self.max_error.is_some(), matches!(spec, Spec::Residual { .. }), "variable rate"),
            (self.levels.is_some(), scalar, "levels"),
            (self.shared, scalar, "levels to share"),
            (self.rate.is_some(), lattice, "scale to choose for a rate"),
        ] {
            if given && !has {
                return Err(Error::input(format!("{spec} has no {name}; leave the setting out")));
            }
        }
        Ok(())
    }

    fn fit_all(
        &self,
        engine: &Engine,
        x: &dyn Vectors,
        observer: &mut dyn Observer,
    ) -> Result<Box<dyn Quantizer>> {
        let trainer = self.trainer.clone().map(|trainer| trainer.sample_per_codeword(None));
        Ok(match &self.spec {
            Spec::Vq { k } => {
                let trainer = trainer.unwrap_or_else(|| KMeans::new(*k));
                Box::new(Vq::new(joint::cluster(&trainer, *k, self.seed, engine, x, observer)?)?)
            }
            Spec::Scalar { bits } => {
                let levels = self.levels.unwrap_or_default();
                let builder =
                    Scalar::builder().bits(*bits).levels(levels).shared(self.shared).seed(self.seed);
                Box::new(builder.fit(engine, x)?)
            }
            Spec::Lattice { lattice, scale } => {
                let mut builder = LatticeVq::builder(*lattice).seed(self.seed);
                if let Some(scale) = scale {
                    builder = builder.scale(*scale);
                }
                if let Some(rate) = self.rate {
                    builder = builder.rate(rate);
                }
                Box::new(builder.fit(engine, x)?)
            }
            Spec::Product { parts, bits } => {
                let builder = self.product(*parts, 1, *bits, trainer);
                Box::new(builder.fit_observed(engine, x, observer)?)
            }
            Spec::OptimizedProduct { parts, bits } => {
                let rounds = self.refinements.unwrap_or(ROTATIONS);
                let builder = self.product(*parts, 1, *bits, trainer);
                Box::new(builder.fit_rotated(engine, x, rounds, observer)?)
            }
            Spec::ProductResidual { parts, stages, bits } => {
                let builder = self.product(*parts, *stages, *bits, trainer);
                Box::new(builder.fit_observed(engine, x, observer)?)
            }
            Spec::Residual { bits } => {
                let mut builder = Residual::builder().stage_bits(bits.clone()).seed(self.seed);
                if let Some(beam) = self.beam {
                    builder = builder.beam(beam);
                }
                if let Some(refinements) = self.refinements {
                    builder = builder.refinements(refinements);
                }
                if let Some(max_error) = self.max_error {
                    builder = builder.max_error(max_error as f32);
                }
                if let Some(trainer) = trainer {
                    builder = builder.trainer(trainer);
                }
                Box::new(builder.fit_observed(engine, x, observer)?)
            }
            Spec::Additive { codebooks, bits } | Spec::LocalSearch { codebooks, bits } => {
                let mut builder = Additive::builder().codebooks(*codebooks).bits(*bits).seed(self.seed);
                if matches!(self.spec, Spec::LocalSearch { .. }) {
                    builder = builder.local_search(self.local_search.unwrap_or(LOCAL_SEARCH));
                }
                if let Some(beam) = self.beam {
                    builder = builder.beam(beam);
                }
                if let Some(refinements) = self.refinements {
                    builder = builder.refinements(refinements);
                }
                if let Some(trainer) = trainer {
                    builder = builder.trainer(trainer);
                }
                Box::new(builder.fit_observed(engine, x, observer)?)
            }
            Spec::SpaceFilling { .. } => {
                let training = GradientTraining::new(self.spec.clone(), Method::Nsvq).seed(self.seed);
                training.fit(engine, x)?
            }
            Spec::Equalized { .. } => return Err(made_by_equalizing(&self.spec)),
            Spec::TreeResidual { stages, bits } => {
                let mut builder = TreeResidual::builder().stages(*stages).bits(*bits).seed(self.seed);
                if let Some(trainer) = trainer {
                    builder = builder.trainer(trainer);
                }
                Box::new(builder.fit_observed(engine, x, observer)?)
            }
        })
    }

    fn product(
        &self,
        parts: usize,
        stages: usize,
        bits: u32,
        trainer: Option<KMeans>,
    ) -> super::ProductBuilder {
        let mut builder = Product::builder().parts(parts).stages(stages).bits(bits).seed(self.seed);
        if let Some(beam) = self.beam {
            builder = builder.beam(beam);
        }
        if let Some(refinements) = self.refinements {
            builder = builder.refinements(refinements);
        }
        if let Some(trainer) = trainer {
            builder = builder.trainer(trainer);
        }
        builder
    }
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

fn made_by_equalizing(spec: &Spec) -> Error {
    Error::input(format!("{spec} is made from an SFVQ and vectors (wgvq equalize), not trained"))
}
