//! Training of whatever a spec names.

use ndarray::Array2;

use super::{Additive, Product, Quantizer, Residual, Spec, Vq, joint};
use crate::Vectors;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::train::{KMeans, Observer};

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
    seed: u64,
}

/// What [`Training::fit`] made.
pub struct Trained {
    /// The quantizer.
    pub quantizer: Box<dyn Quantizer>,
    /// The vectors it was trained on: all that were given or a sample, (n, d).
    pub sample: Array2<f32>,
}

/// Rounds of fitting a rotation.
const ROTATIONS: usize = 20;

/// Rounds of local search that an LSQ searches with unless told otherwise.
const LOCAL_SEARCH: usize = 8;

impl Training {
    /// The quantizer's own settings, seed 0.
    pub fn new(spec: Spec) -> Self {
        Self { spec, trainer: None, beam: None, refinements: None, local_search: None, seed: 0 }
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
        let (has_beam, has_refinements, has_local_search, sizes) = match &self.spec {
            Spec::Vq { k } => (false, false, false, vec![*k]),
            Spec::Product { bits, .. } => (false, false, false, vec![1 << bits]),
            Spec::OptimizedProduct { bits, .. } => (false, true, false, vec![1 << bits]),
            Spec::Residual { bits } => (true, true, false, joint::sizes(bits)?),
            Spec::ProductResidual { bits, .. } => (true, true, false, vec![1 << bits]),
            Spec::Additive { bits, .. } => (true, true, false, vec![1 << bits]),
            Spec::LocalSearch { bits, .. } => (true, true, true, vec![1 << bits]),
            other => return Err(Error::input(format!("{other} cannot be trained yet"))),
        };
        for (given, has, name) in [
            (self.beam.is_some(), has_beam, "a beam"),
            (self.refinements.is_some(), has_refinements, "refinements"),
            (self.local_search.is_some(), has_local_search, "local search"),
        ] {
            if given && !has {
                return Err(Error::input(format!("{} has no {name}; leave the setting out", self.spec)));
            }
        }
        let sampler = self.trainer.clone().unwrap_or_else(|| KMeans::new(1));
        let sample = joint::sample(&sampler, &sizes, self.seed, x)?;
        let quantizer = self.fit_all(engine, &sample, observer)?;
        Ok(Trained { quantizer, sample })
    }

    fn fit_all(
        &self,
        engine: &Engine,
        x: &Array2<f32>,
        observer: &mut dyn Observer,
    ) -> Result<Box<dyn Quantizer>> {
        let trainer = self.trainer.clone().map(|trainer| trainer.sample_per_codeword(None));
        Ok(match &self.spec {
            Spec::Vq { k } => {
                let trainer = trainer.unwrap_or_else(|| KMeans::new(*k));
                Box::new(Vq::new(joint::cluster(&trainer, *k, self.seed, engine, x, observer)?)?)
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
            other => return Err(Error::input(format!("{other} cannot be trained yet"))),
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
