//! Training by gradient of whatever a spec names: settings, and what is built from them.

mod checkpoint;
mod curve;
mod joint_noise;
mod model;
mod run;
mod trainers;

#[cfg(test)]
mod tests;

pub use run::{GradientRun, TrainingWindow};
pub use trainers::{TRAINERS, Trainer};

use ndarray::Array2;
use serde_json::{Map, Value};

use self::curve::Stages;
pub(super) use self::model::Layout;
use super::residual::BEAM;
use super::scaled::scaled;
use super::{Quantizer, Spec};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::scale::Scale;
use crate::settings::{Settings, Spelling, not_here};
use crate::train::{Holds, Optimizer, Replacement, Rule, Schedule};
use crate::vectors::Vectors;

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

/// How to train a quantizer by gradient (Sections 3.2 and 5 of the thesis): VQ, RQ and PQ by every
/// [`Trainer`], AQ and SFVQ by NSVQ and DiVeQ.
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
/// use wgvq::{GradientTraining, Quantizer, Trainer};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((500, 4), |(row, column)| ((row * (column + 3)) % 17) as f32);
/// let training = GradientTraining::new("RQ2x3".parse()?, Trainer::NSVQ).steps(200).batch(100).seed(7);
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
    trainer: &'static Trainer,
    given: Map<String, Value>,
    spelling: Spelling,
    steps: u64,
    batch: Option<usize>,
    rule: Rule,
    rate: f64,
    schedule: Option<Schedule>,
    clip: Option<f32>,
    replacement: Option<Replacement>,
    /// Whether codewords are replaced, if they can be.
    replaces: bool,
    beam: usize,
    window: u64,
    most_vectors: usize,
    seed: u64,
}

/// The vectors that are kept on the device take at most this many bytes; of more, a random sample is.
const MOST_BYTES: usize = 1 << 30;

impl GradientTraining {
    /// Steps, unless said otherwise.
    pub const STEPS: u64 = 20_000;
    /// Vectors per step, unless said otherwise.
    pub const BATCH: usize = 1024;
    /// The first learning rate, unless said otherwise.
    pub const RATE: f64 = 0.02;
    /// Steps between two reports, unless said otherwise.
    pub const WINDOW: u64 = 100;
    /// Steps between two replacements of codewords, unless said otherwise.
    pub const REPLACE_EVERY: u64 = 500;

    /// Adam, from the first learning rate down to 0 along a cosine; codewords are replaced until nine tenths of the way;
    /// a beam of 5; the settings of the trainer at their defaults; seed 0.
    pub fn new(spec: Spec, trainer: &'static Trainer) -> Self {
        Self {
            spec,
            trainer,
            given: Map::new(),
            spelling: Spelling::Key,
            steps: Self::STEPS,
            batch: None,
            rule: Rule::Adam { betas: [0.9, 0.999], epsilon: 1e-8 },
            rate: Self::RATE,
            schedule: None,
            clip: None,
            replacement: None,
            replaces: true,
            beam: BEAM.default_count(),
            window: Self::WINDOW,
            most_vectors: usize::MAX,
            seed: 0,
        }
    }

    /// Sets a setting of the trainer, by name.
    ///
    /// ```
    /// use wgvq::{GradientTraining, Trainer};
    /// let training = GradientTraining::new("VQ8".parse()?, Trainer::SOFT).set("tau", "5:500");
    /// # let x = ndarray::Array2::from_shape_fn((100, 4), |(row, column)| ((row * (column + 3)) % 17) as f32);
    /// let error = training.set("decay", 0.9).start(&wgvq::Engine::cpu(), &x).err().unwrap();
    /// assert_eq!(error.to_string(), "decay belongs to ema; leave it out, soft has tau");
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.given.insert(name.to_string(), value.into());
        self
    }

    /// Sets settings of the trainer, which messages then spell in this way.
    pub fn set_all(mut self, given: Map<String, Value>, spelling: Spelling) -> Self {
        self.given.extend(given);
        self.spelling = spelling;
        self
    }

    /// How many steps.
    pub fn steps(mut self, steps: u64) -> Self {
        self.steps = steps;
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
        self.schedule = Some(schedule);
        self
    }

    /// The most that the norm of all gradients may be.
    pub fn clip(mut self, clip: f32) -> Self {
        self.clip = Some(clip);
        self
    }

    /// When codewords are replaced.
    pub fn replacement(mut self, replacement: Replacement) -> Self {
        self.replacement = Some(replacement);
        self.replaces = true;
        self
    }

    /// Replaces no codewords.
    pub fn without_replacement(mut self) -> Self {
        self.replacement = None;
        self.replaces = false;
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
        let scores = if self.trainer.weighs_all { 6 * codewords } else { codewords };
        let batch = self.batch.unwrap_or(Self::BATCH) * (12 * d * layout.sizes.len() + scores);
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
            (self.batch.unwrap_or(Self::BATCH) as u64, "vectors per batch"),
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
        self.settings()?;
        if let (Some(why), None) = (kind.by_noise_alone(), &self.trainer.noise) {
            return Err(Error::input(format!(
                "{} is trained by nsvq or diveq, not by {}{why}",
                self.spec, self.trainer.name
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

    /// The settings of the trainer.
    fn settings(&self) -> Result<Settings> {
        let known = self.trainer.settings;
        for (name, value) in &self.given {
            let Some(setting) = known.iter().find(|setting| setting.name == name) else {
                let has = |trainer: &&&Trainer| trainer.settings.iter().any(|setting| setting.name == name);
                let owners: Vec<&str> = TRAINERS.iter().filter(has).map(|trainer| trainer.name).collect();
                let here = known.iter().copied();
                return Err(not_here(name, self.spelling, &owners, self.trainer.name, here, ""));
            };
            setting.check(value, self.spelling)?;
        }
        Ok(Settings::new(known.to_vec(), self.given.clone()))
    }

    /// When codewords are replaced, if they are. A curve has none to spare: its segments would be torn.
    fn replacement_in_use(&self) -> Option<Replacement> {
        let default = || Replacement::new(Self::REPLACE_EVERY, self.steps / 10 * 9).ok();
        let replaces = self.replaces && self.stages().is_none();
        self.replacement.or_else(|| if replaces { default() } else { None })
    }

    fn schedule_in_use(&self) -> Schedule {
        let default = || Schedule::Cosine { steps: self.schedule_steps().max(1), floor: 0.0 };
        self.schedule.clone().unwrap_or_else(default)
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
            batch => Ok(batch.unwrap_or(Self::BATCH.min(n))),
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
        let optimizer = Optimizer::new(self.rule, self.rate).schedule(self.schedule_in_use());
        match self.clip {
            Some(norm) => optimizer.clip(norm),
            None => optimizer,
        }
    }
}
