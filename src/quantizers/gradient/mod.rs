//! Training by gradient of whatever a spec names: settings, and what is built from them.

mod checkpoint;
mod curve;
mod joint_noise;
mod model;
mod run;

#[cfg(test)]
mod tests;

pub use run::{GradientRun, TrainingWindow};

use ndarray::Array2;

use self::curve::Stages;
pub(super) use self::model::Layout;
use super::scaled::scaled;
use super::{Quantizer, Spec};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::scale::Scale;
use crate::train::estimators::{
    Diveq, Ema, Estimator, Gumbel, Nsvq, Rotation, SfDiveq, SfNsvq, Soft, Ste, Temperature,
};
use crate::train::{Holds, Optimizer, Replacement, Rule, Schedule};
use crate::vectors::Vectors;

/// How the gradient gets through the quantizer: an estimator, with its own numbers.
///
/// Squared distances are counted in units of the data's variance (the mean squared distance of a vector from the mean of
/// all), so that τ and sharpness mean the same for all data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// [`Ste`], with this weight β₂ of the commitment loss.
    Ste {
        /// β₂
        commitment: f32,
    },
    /// [`Ema`]: moving averages, without an optimizer.
    Ema {
        /// γ
        decay: f32,
    },
    /// [`Soft`] of this temperature.
    Soft {
        /// τ
        temperature: Temperature,
    },
    /// [`Gumbel`] of this sharpness and temperature.
    Gumbel {
        /// What distances are multiplied with in the probabilities.
        sharpness: f32,
        /// τ
        temperature: Temperature,
    },
    /// [`Nsvq`]; with several codebooks one noise term for the whole error.
    Nsvq,
    /// [`Diveq`]; with several codebooks one noise term for the whole error.
    Diveq {
        /// σ, in units of the data's standard deviation.
        deviation: f32,
    },
    /// [`Rotation`], with this weight β₂ of the commitment loss.
    Rotation {
        /// β₂
        commitment: f32,
    },
}

impl Method {
    /// What the estimator is called.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Ste { .. } => "ste",
            Method::Ema { .. } => "ema",
            Method::Soft { .. } => "soft",
            Method::Gumbel { .. } => "gumbel",
            Method::Nsvq => "nsvq",
            Method::Diveq { .. } => "diveq",
            Method::Rotation { .. } => "rotation",
        }
    }

    /// An estimator for vectors of `d` dimensions of unit variance each.
    fn estimator(&self, d: usize, seed: u64) -> Result<Box<dyn Estimator>> {
        // The variance of a vector is d.
        let scaled = |temperature: &Temperature, by: f32| temperature.scaled(1.0 / by);
        Ok(match self {
            Method::Ste { commitment } => Box::new(Ste::new(1.0, *commitment)?),
            Method::Ema { decay } => Box::new(Ema::new(*decay, 0.25)?),
            Method::Soft { temperature } => Box::new(Soft::new(scaled(temperature, d as f32)?)),
            Method::Gumbel { sharpness, temperature } => {
                Box::new(Gumbel::new(sharpness / d as f32, *temperature, seed)?)
            }
            Method::Nsvq => Box::new(Nsvq::new(seed)),
            Method::Diveq { deviation } => Box::new(Diveq::new(*deviation, seed)?),
            Method::Rotation { commitment } => Box::new(Rotation::new(1.0, *commitment)?),
        })
    }

    /// The estimator for a curve.
    fn curve_estimator(&self, seed: u64) -> Result<Box<dyn Estimator>> {
        Ok(match self {
            Method::Diveq { deviation } => Box::new(SfDiveq::new(*deviation, seed)?),
            _ => Box::new(SfNsvq::new(seed)),
        })
    }
}

/// What training by gradient asks of a kind that can be trained so.
pub(super) trait ByGradient {
    /// Its codebooks, for vectors of `d` dimensions.
    fn layout(&self, d: usize) -> Result<Layout>;

    /// The quantizer of these codebooks, searched with a beam of that width.
    fn quantizer(&self, codebooks: Vec<Array2<f32>>, beam: usize) -> Result<Box<dyn Quantizer>>;

    /// The scales that vectors are encoded at: that of the vectors `x`, or one for each part.
    fn scales(&self, x: &Array2<f32>, _: &Layout) -> Vec<Scale> {
        vec![Scale::of(x.view())]
    }

    /// The same as [`quantizer`](Self::quantizer) at these scales, of codebooks in the vectors' own units.
    fn at_scales(
        &self,
        mut codebooks: Vec<Array2<f32>>,
        scales: &[Scale],
        beam: usize,
    ) -> Result<Box<dyn Quantizer>> {
        let scale = scales.first().copied().unwrap_or_default();
        codebooks.iter_mut().for_each(|codebook| scale.apply(codebook));
        Ok(scaled(self.quantizer(codebooks, beam)?, scale))
    }

    /// The quantizer whose codes the first half of a run by noise takes, if that is another.
    fn start(&self, _codebooks: Vec<Array2<f32>>, _beam: usize) -> Result<Option<Box<dyn Quantizer>>> {
        Ok(None)
    }

    /// If only noise passes the gradient on: what a message has to say of it.
    fn by_noise_alone(&self) -> Option<&'static str> {
        None
    }

    /// Bits of the corners, if the codebook is a curve.
    fn curve_bits(&self) -> Option<u32> {
        None
    }
}

/// The codebook of a quantizer that has one.
pub(super) fn only(codebooks: Vec<Array2<f32>>) -> Result<Array2<f32>> {
    let [only] = <[_; 1]>::try_from(codebooks)
        .map_err(|codebooks| Error::input(format!("{} codebooks; one is needed", codebooks.len())))?;
    Ok(only)
}

/// Steps of a window, at most: each has its loss in memory until the end of the window.
const MOST_WINDOW: u64 = 1 << 20;

/// Vectors per step, unless said otherwise.
const BATCH: usize = 1024;

/// How to train a quantizer by gradient (Sections 3.2 and 5 of the thesis): VQ, RQ and PQ by every [`Method`], AQ and SFVQ
/// by NSVQ and DiVeQ.
///
/// The vectors are moved and scaled to a mean of 0 and a mean variance of 1 per dimension while they are trained on, so
/// that a learning rate means the same for all data; codebooks and figures are in the data's own units. Codewords start as
/// vectors of the data, those of later stages as what the stages before leave over of some.
///
/// The curve of an SFVQ starts with four corners along the longest axis of the data and doubles them from stage to stage
/// (Publication IV); each stage has its share of the steps, and the whole schedule of learning rates.
///
/// ```
/// use wgvq::train::Rule;
/// use wgvq::{GradientTraining, Method, Quantizer};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((500, 4), |(row, column)| ((row * (column + 3)) % 17) as f32);
/// let training = GradientTraining::new("RQ2x3".parse()?, Method::Nsvq).steps(200).batch(100).seed(7);
/// let mut run = training.start(&engine, &x)?;
/// let first = run.advance()?;
/// while run.step() < 200 {
///     run.advance()?;
/// }
/// let rq = run.quantizer()?;
/// assert_eq!(rq.spec().to_string(), "RQ2x3");
/// let back = rq.decode(&engine, &rq.encode(&engine, &x)?)?;
/// assert!(wgvq::metrics::mse(x.view(), back.view())? < first.losses[0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GradientTraining {
    spec: Spec,
    method: Method,
    steps: u64,
    batch: Option<usize>,
    rule: Rule,
    rate: f64,
    schedule: Schedule,
    clip: Option<f32>,
    replacement: Option<Replacement>,
    beam: usize,
    window: u64,
    most_vectors: usize,
    seed: u64,
}

/// The vectors that are kept on the device take at most this many bytes; of more, a random sample is.
const MOST_BYTES: usize = 1 << 30;

impl GradientTraining {
    /// 20,000 steps of 1024 vectors by Adam, from a learning rate of 0.02 down to 0 along a cosine; codewords are replaced
    /// every 500 steps until nine tenths of the way; a beam of 5; seed 0.
    pub fn new(spec: Spec, method: Method) -> Self {
        Self {
            spec,
            method,
            steps: 0,
            batch: None,
            rule: Rule::Adam { betas: [0.9, 0.999], epsilon: 1e-8 },
            rate: 0.02,
            schedule: Schedule::Constant,
            clip: None,
            replacement: None,
            beam: 5,
            window: 100,
            most_vectors: usize::MAX,
            seed: 0,
        }
        .steps(20_000)
    }

    /// How many steps. Sets the [schedule](Self::schedule) and the [replacement](Self::replacement) to the defaults for so
    /// many, so it comes before them.
    pub fn steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self.schedule = Schedule::Cosine { steps: self.schedule_steps().max(1), floor: 0.0 };
        // A curve has no codewords to spare: its segments would be torn.
        self.replacement =
            if self.stages().is_some() { None } else { Replacement::new(500, steps / 10 * 9).ok() };
        self
    }

    /// Vectors per step; if not said 1024, or all there are where there are fewer.
    pub fn batch(mut self, batch: usize) -> Self {
        self.batch = Some(batch);
        self
    }

    /// The optimizer's rule.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    /// The learning rate, for data of unit variance.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// How the learning rate changes: over all steps, or over those of each stage of an SFVQ.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// The most that the norm of all gradients may be.
    pub fn clip(mut self, clip: Option<f32>) -> Self {
        self.clip = clip;
        self
    }

    /// When codewords are replaced, if they are.
    pub fn replacement(mut self, replacement: Option<Replacement>) -> Self {
        self.replacement = replacement;
        self
    }

    /// The width of the beam of RQ and AQ, in training by noise and afterwards.
    pub fn beam(mut self, beam: usize) -> Self {
        self.beam = beam;
        self
    }

    /// Steps per call of [`GradientRun::advance`], after which losses and use are read back; 100 if not said.
    pub fn window(mut self, window: u64) -> Self {
        self.window = window;
        self
    }

    /// Trains on a random sample of at most that many vectors, and of 1 GiB of them.
    pub fn most_vectors(mut self, rows: usize) -> Self {
        self.most_vectors = rows;
        self
    }

    /// Codewords of the largest codebook: it takes as many vectors at least.
    ///
    /// # Errors
    /// As [`start`](Self::start), for a spec that cannot be trained so.
    pub fn codewords(&self, d: usize) -> Result<usize> {
        Ok(self.kind()?.layout(d)?.sizes.into_iter().max().unwrap_or(1))
    }

    /// How many of `n` vectors of `d` dimensions it trains on.
    pub fn sample_size(&self, n: usize, d: usize) -> usize {
        n.min(self.most_vectors).min(MOST_BYTES / (4 * d.max(1)))
    }

    /// What it holds of vectors of `d` dimensions.
    ///
    /// # Errors
    /// As [`start`](Self::start), for a spec that cannot be trained so.
    pub fn holds(&self, d: usize) -> Result<Holds> {
        let layout = self.kind()?.layout(d)?;
        let codewords: usize = layout.sizes.iter().sum();
        let numbers: usize =
            layout.sizes.iter().zip(&layout.columns).map(|(k, columns)| k * columns.len()).sum();
        // Of each vector of a batch: what the operations between it and the loss hold, and a score of every codeword where
        // all of them have a part in it.
        let scores = match self.method {
            Method::Soft { .. } | Method::Gumbel { .. } => 6 * codewords,
            _ => codewords,
        };
        let batch = self.batch.unwrap_or(BATCH) * (12 * d * layout.sizes.len() + scores);
        Ok(Holds { copies: 2.0, beside: 10.0, squares: 0.0, fixed: 4.0 * (10 * numbers + batch) as f64 })
    }

    /// The seed of everything random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Brings `x` to the device, and makes everything ready for the first step.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) for settings that make no sense, a spec that cannot be trained so, or fewer
    /// vectors than codewords or than a [batch](Self::batch) that was asked for;
    /// [`Device`](crate::ErrorKind::Device) if there is no room.
    pub fn start(&self, engine: &Engine, x: &dyn Vectors) -> Result<GradientRun> {
        self.check()?;
        GradientRun::new(self, engine, x)
    }

    /// Trains from beginning to end.
    ///
    /// # Errors
    /// As [`start`](Self::start) and [`GradientRun::advance`].
    pub fn fit(&self, engine: &Engine, x: &dyn Vectors) -> Result<Box<dyn Quantizer>> {
        let mut run = self.start(engine, x)?;
        while run.step() < self.steps {
            run.advance()?;
        }
        run.quantizer()
    }

    fn check(&self) -> Result<()> {
        for (number, what) in [
            (self.steps, "steps"),
            (self.batch.unwrap_or(BATCH) as u64, "vectors per batch"),
            (self.window, "steps per window"),
        ] {
            if number == 0 {
                return Err(Error::input(format!("0 {what}; at least 1 is needed")));
            }
        }
        if self.window > MOST_WINDOW {
            return Err(Error::input(format!(
                "{} steps between two reports; must be at most {MOST_WINDOW}",
                self.window
            )));
        }
        let kind = self.kind()?;
        let by_noise = matches!(self.method, Method::Nsvq | Method::Diveq { .. });
        if let (Some(why), false) = (kind.by_noise_alone(), by_noise) {
            return Err(Error::input(format!(
                "{} is trained by nsvq or diveq, not by {}{why}",
                self.spec,
                self.method.name()
            )));
        }
        let Some(stages) = self.stages() else { return Ok(()) };
        if self.replacement.is_some() {
            return Err(Error::input(format!(
                "codewords of {} are not replaced: they are the corners of a curve; leave replacement out",
                self.spec
            )));
        }
        let stages = stages.at(u64::MAX) + 1;
        if self.steps < stages {
            return Err(Error::input(format!(
                "{} steps for {}; it has {stages} stages, each of at least one step",
                self.steps, self.spec
            )));
        }
        Ok(())
    }

    /// The kind, as one that is trained by gradient.
    fn kind(&self) -> Result<&dyn ByGradient> {
        self.spec.node().by_gradient().ok_or_else(|| {
            Error::input(format!(
                "{} cannot be trained by gradient; VQ256, RQ8x8, PQ8x8, AQ8x8 and SFVQ8 can",
                self.spec
            ))
        })
    }

    /// Vectors per step where there are `n`.
    fn batch_of(&self, n: usize) -> Result<usize> {
        match self.batch {
            Some(batch) if batch > n => {
                Err(Error::input(format!("batches of {batch} vectors of {n}; a batch can have {n} at most")))
            }
            batch => Ok(batch.unwrap_or(BATCH.min(n))),
        }
    }

    fn stages(&self) -> Option<Stages> {
        let kind = self.spec.node().by_gradient()?;
        kind.curve_bits().map(|bits| Stages::new(bits, self.steps))
    }

    /// Steps that the schedule of learning rates is run through in: those of a stage of an SFVQ, all of any other.
    pub fn schedule_steps(&self) -> u64 {
        self.stages().map_or(self.steps, |stages| stages.length())
    }

    fn optimizer(&self) -> Optimizer {
        Optimizer::new(self.rule, self.rate).schedule(self.schedule.clone()).clip(self.clip)
    }
}
