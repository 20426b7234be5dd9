//! Training by gradient of whatever a spec names: settings, and what is built from them.

mod batches;
mod checkpoint;
mod codewords;
mod curve;
mod joint_noise;
mod model;
mod run;
mod settings;
mod trainers;

#[cfg(test)]
mod tests;

pub use run::{GradientRun, TrainingWindow};
pub use trainers::{TRAINERS, Trainer};

use ndarray::Array2;
use serde_json::{Map, Value};

pub(super) use self::batches::Batches;
use self::curve::Stages;
pub(super) use self::model::Layout;
use self::settings::known_to;
use self::settings::{
    BATCH, CLIP, LOG_EVERY, LR, OF_REPLACEMENT, OPTIMIZER, REPLACE_EVERY, REPLACE_LAST, REPLACE_SHARE,
    SCHEDULE, START_FROM, STEPS, WARM_UP,
};
use super::residual::BEAM;
use super::scaled::scaled;
use super::{Quantizer, Spec};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::scale::Scale;
use crate::settings::{Pace, Setting, Settings, Spelling, listed, not_here};
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

/// How to train a quantizer by gradient (Sections 3.2 and 5 of the thesis): VQ by every
/// [`Trainer`], RQ and PQ by all but SimVQ, AQ and SFVQ by NSVQ and DiVeQ.
///
/// The vectors are moved and scaled to a mean of 0 and a mean variance of 1 per dimension while they are trained on, so
/// that a learning rate means the same for all data; codebooks and figures are in the data's own units. Codebooks start
/// from a few iterations of k-means, those of later stages of what the stages before leave over.
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
    /// What was given is checked at the start.
    settings: Settings,
    spelling: Spelling,
    /// In place of the settings of the same name.
    rule: Option<Rule>,
    schedule: Option<Schedule>,
    beam: usize,
    most_vectors: usize,
    seed: u64,
}

/// The vectors that are kept on the device take at most this many bytes; of more, a random sample is.
const MOST_BYTES: usize = 1 << 30;

impl GradientTraining {
    /// What every training by gradient can be told, whatever its trainer.
    ///
    /// ```
    /// let steps = wgvq::GradientTraining::SETTINGS.iter().find(|setting| setting.name == "steps").unwrap();
    /// assert_eq!(steps.default.to_string(), "20000");
    /// ```
    pub const SETTINGS: &'static [&'static Setting] = settings::ALL;

    /// All settings at their defaults, a beam of 5, and seed 0.
    pub fn new(spec: Spec, trainer: &'static Trainer) -> Self {
        Self {
            spec,
            trainer,
            settings: Settings::new(known_to(trainer), Map::new()),
            spelling: Spelling::Key,
            rule: None,
            schedule: None,
            beam: BEAM.default_count(),
            most_vectors: usize::MAX,
            seed: 0,
        }
    }

    /// Sets one of the [settings](Self::SETTINGS) or one of the trainer, by name.
    ///
    /// ```
    /// use wgvq::{GradientTraining, Trainer};
    /// let training = GradientTraining::new("VQ8".parse()?, Trainer::SOFT).set("tau", "5:500");
    /// # let x = ndarray::Array2::from_shape_fn((100, 4), |(row, column)| ((row * (column + 3)) % 17) as f32);
    /// let error = training.set("decay", 0.9).start(&wgvq::Engine::cpu(), &x).err().unwrap();
    /// assert!(error.to_string().starts_with("decay belongs to ema; leave it out, soft has"));
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(name, value.into());
        self
    }

    /// Sets several, which messages then spell in this way.
    pub fn set_all(mut self, given: Map<String, Value>, spelling: Spelling) -> Self {
        given.into_iter().for_each(|(name, value)| self.settings.insert(&name, value));
        self.spelling = spelling;
        self
    }

    /// What the setting of that name is, as given or by default; `None` if there is none, or nothing is its default.
    ///
    /// ```
    /// let training = wgvq::GradientTraining::new("VQ8".parse()?, wgvq::Trainer::NSVQ).steps(50);
    /// assert_eq!(training.value("steps").unwrap(), 50);
    /// assert_eq!(training.value("batch").unwrap(), 1024);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn value(&self, name: &str) -> Option<Value> {
        self.settings.value(name)
    }

    /// How many steps.
    pub fn steps(self, steps: u64) -> Self {
        self.set(STEPS.name, steps)
    }

    /// Vectors per step. If not said 1024, or all there are where there are fewer.
    pub fn batch(self, batch: usize) -> Self {
        self.set(BATCH.name, batch)
    }

    /// The first learning rate, for data of unit variance.
    pub fn rate(self, rate: f64) -> Self {
        self.set(LR.name, rate)
    }

    /// The optimizer's rule, in place of the setting `optimizer`.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    /// How the learning rate changes, in place of the settings `schedule` and `warm_up`: over all steps, or over those of
    /// each stage of an SFVQ.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = Some(schedule);
        self
    }

    /// The most that the norm of all gradients may be.
    pub fn clip(self, clip: f32) -> Self {
        self.set(CLIP.name, clip)
    }

    /// Steps between two replacements of codewords that are hardly used; 0 for none.
    pub fn replace_every(self, steps: u64) -> Self {
        self.set(REPLACE_EVERY.name, steps)
    }

    /// The width of the beam of RQ and AQ, in training by noise and afterwards.
    pub fn beam(mut self, beam: usize) -> Self {
        self.beam = beam;
        self
    }

    /// Steps per call of [`GradientRun::advance`], after which losses and use are read back.
    pub fn log_every(self, steps: u64) -> Self {
        self.set(LOG_EVERY.name, steps)
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
        let map = if self.trainer.is_linear { d * d } else { 0 };
        // Of each vector of a batch: what the operations between it and the loss hold, and a score of every codeword where
        // all of them have a part in it.
        let scores = if self.trainer.weighs_all { 6 * codewords } else { codewords };
        let batch = self.settings.count(&BATCH) as f64 * (12 * d * layout.sizes.len() + scores) as f64;
        Ok(Holds {
            copies: 2.0,
            beside: 10.0,
            squares: 0.0,
            fixed: 4.0 * (10.0 * (numbers + map) as f64 + batch),
        })
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
        while run.step() < self.all_steps() {
            run.advance()?;
        }
        run.quantizer()
    }

    fn check(&self) -> Result<()> {
        let kind = self.kind()?;
        self.check_settings()?;
        let by_noise_alone = kind.by_noise_alone();
        let can = |trainer: &Trainer| {
            (by_noise_alone.is_none() || trainer.noise.is_some())
                && (!trainer.is_linear || self.spec.one_codebook().is_some())
        };
        if !can(self.trainer) {
            let those: Vec<&str> =
                TRAINERS.iter().filter(|trainer| can(trainer)).map(|trainer| trainer.name).collect();
            return Err(Error::input(format!(
                "{} is trained by {}, not by {}{}",
                self.spec,
                listed(&those, "or"),
                self.trainer.name,
                by_noise_alone.unwrap_or(", which is for one codebook such as VQ256")
            )));
        }
        let Some(stages) = self.stages() else { return Ok(()) };
        let stages = stages.at(u64::MAX) + 1;
        let steps = self.all_steps();
        if steps < stages {
            return Err(Error::input(format!(
                "{steps} steps for {}; it has {stages} stages, each of at least one step",
                self.spec
            )));
        }
        Ok(())
    }

    /// Fails for a setting that this training has not, or that cannot be what was given.
    fn check_settings(&self) -> Result<()> {
        for (name, value) in self.settings.given() {
            let known = known_to(self.trainer);
            let Some(setting) = known.iter().find(|setting| setting.name == name) else {
                let has = |trainer: &&&Trainer| known_to(trainer).iter().any(|setting| setting.name == name);
                let owners: Vec<&str> = TRAINERS.iter().filter(has).map(|trainer| trainer.name).collect();
                return Err(not_here(name, self.spelling, &owners, self.trainer.name, known.into_iter(), ""));
            };
            setting.check(value, self.spelling)?;
        }
        let is_curve = self.stages().is_some();
        let given = |setting: &Setting| self.settings.given().get(setting.name);
        if is_curve && given(&START_FROM).is_some() {
            let name = self.spelling.of(START_FROM.name);
            return Err(Error::input(format!(
                "{name}: a curve starts along the longest axis of the vectors; leave it out"
            )));
        }
        let never = given(&REPLACE_EVERY).is_some_and(|every| *every == 0);
        let of_replacement = OF_REPLACEMENT.iter().find(|setting| {
            // That there is none may be said where there is none.
            given(setting).is_some() && !(setting.name == REPLACE_EVERY.name && never)
        });
        match of_replacement {
            Some(setting) if is_curve || never => Err(Error::input(format!(
                "{}: no codewords are replaced here{}; leave it out",
                self.spelling.of(setting.name),
                if is_curve { ", where they are the corners of a curve" } else { "" }
            ))),
            _ => Ok(()),
        }
    }

    /// The settings of the trainer.
    fn settings_of_trainer(&self) -> Settings {
        Settings::new(self.trainer.settings.to_vec(), self.settings.given().clone())
    }

    /// Steps from beginning to end.
    fn all_steps(&self) -> u64 {
        self.settings.count(&STEPS) as u64
    }

    /// Whether codebooks start from k-means.
    fn starts_from_kmeans(&self) -> bool {
        self.settings.word(&START_FROM) == Some(settings::KMEANS)
    }

    /// When codewords are replaced, if they are. A curve has none to spare: its segments would be torn. Those of a linear map
    /// cannot move alone.
    fn replacement_in_use(&self) -> Option<Replacement> {
        let last = self.settings.given_count(&REPLACE_LAST).map(|last| last as u64);
        let last = last.unwrap_or_else(|| self.all_steps() / 10 * 9);
        let every = Replacement::new(self.settings.count(&REPLACE_EVERY) as u64, last).ok();
        let can_move_alone = self.stages().is_none() && !self.trainer.is_linear;
        every?.share(self.settings.number(&REPLACE_SHARE)).ok().filter(|_| can_move_alone)
    }

    fn schedule_in_use(&self) -> Schedule {
        if let Some(schedule) = &self.schedule {
            return schedule.clone();
        }
        let warm_up = self.settings.count(&WARM_UP) as u64;
        let schedule = match self.settings.word(&SCHEDULE).and_then(|word| Pace::of(&word.into())) {
            Some(Pace::Constant) => Schedule::Constant,
            Some(Pace::Step { every, factor }) => Schedule::Step { every, factor },
            Some(Pace::Cosine) | None => {
                let steps = self.schedule_steps().saturating_sub(warm_up).max(1);
                Schedule::Cosine { steps, floor: 0.0 }
            }
        };
        if warm_up > 0 { schedule.warm_up(warm_up) } else { schedule }
    }

    fn rule_in_use(&self) -> Rule {
        let named = || self.settings.word(&OPTIMIZER).and_then(settings::rule);
        self.rule.or_else(named).unwrap_or(Rule::ADAM)
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
        let batch = self.settings.count(&BATCH);
        if self.settings.given_count(&BATCH).is_some() && batch > n {
            return Err(Error::input(format!(
                "batches of {batch} vectors of {n}; a batch can have {n} at most"
            )));
        }
        Ok(batch.min(n))
    }

    fn stages(&self) -> Option<Stages> {
        let kind = self.spec.node().by_gradient()?;
        kind.curve_bits().map(|bits| Stages::new(bits, self.all_steps()))
    }

    /// Steps that the schedule of learning rates is run through in: those of a stage of an SFVQ, all of any other.
    fn schedule_steps(&self) -> u64 {
        self.stages().map_or_else(|| self.all_steps(), |stages| stages.length())
    }

    fn optimizer(&self) -> Optimizer {
        let optimizer =
            Optimizer::new(self.rule_in_use(), self.settings.number(&LR)).schedule(self.schedule_in_use());
        match self.settings.given_number(&CLIP) {
            Some(norm) => optimizer.clip(norm as f32),
            None => optimizer,
        }
    }
}
