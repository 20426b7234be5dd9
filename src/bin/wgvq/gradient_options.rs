//! What can be typed for training by gradient.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use wgvq::train::estimators::Temperature;
use wgvq::train::{Replacement, Rule, Schedule};
use wgvq::{Error, GradientTraining, Method, Result, Spec};

use crate::args::TrainerName;

/// Settings of `--trainer ste|ema|soft|gumbel|nsvq|diveq|rotation`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training by gradient")]
pub struct GradientOptions {
    /// Steps [default: 20000]
    #[arg(long)]
    pub steps: Option<u64>,
    /// Vectors per step [default: 1024, or all where there are fewer]
    #[arg(long)]
    pub batch: Option<usize>,
    /// Learning rate, for data of unit variance: vectors are scaled to that [default: 0.02]
    #[arg(long)]
    pub lr: Option<f64>,
    /// Rule of the optimizer [default: adam]
    #[arg(long, value_enum)]
    pub optimizer: Option<OptimizerName>,
    /// How the learning rate goes on: constant, cosine (to 0 at the end), or step:EVERY:FACTOR [default: cosine]
    #[arg(long)]
    pub schedule: Option<ScheduleName>,
    /// Steps over which the learning rate rises at the beginning
    #[arg(long, value_name = "STEPS")]
    pub warm_up: Option<u64>,
    /// The most that the norm of all gradients may be
    #[arg(long, value_name = "NORM")]
    pub clip: Option<f32>,
    /// Replace codewords that are hardly used after every so many steps; 0 for never [default: 500]
    #[arg(long, value_name = "STEPS")]
    pub replace_every: Option<u64>,
    /// The share of batches below which a codeword counts as hardly used [default: 0.01]
    #[arg(long, value_name = "SHARE")]
    pub replace_share: Option<f64>,
    /// The last step at which codewords are replaced [default: nine tenths of all]
    #[arg(long, value_name = "STEP")]
    pub replace_last: Option<u64>,
    /// Inverse temperature τ of soft and gumbel, or FIRST:LAST to anneal it; for soft per squared distance in units of the
    /// data's variance [default: 20:1000 for soft, 1 for gumbel]
    #[arg(long, value_name = "TAU|FIRST:LAST")]
    pub tau: Option<Tau>,
    /// Decay of the moving averages of ema [default: 0.99]
    #[arg(long)]
    pub decay: Option<f32>,
    /// Write a line of JSON every so many steps to this file, for `wgvq plot`
    #[arg(long, value_name = "RUN.jsonl")]
    pub log: Option<PathBuf>,
    /// Steps between two reports [default: 100]
    #[arg(long, value_name = "STEPS")]
    pub log_every: Option<u64>,
    /// Write MODEL.checkpoint.safetensors every so many steps, a multiple of --log-every
    #[arg(long, value_name = "STEPS")]
    pub checkpoint_every: Option<u64>,
    /// Go on from the checkpoint of an interrupted run of the same command
    #[arg(long)]
    pub resume: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OptimizerName {
    Sgd,
    /// SGD with a momentum of 0.9
    Momentum,
    /// The same with Nesterov's momentum
    Nesterov,
    Rmsprop,
    Adagrad,
    Adam,
    Adamw,
}

impl From<OptimizerName> for Rule {
    fn from(name: OptimizerName) -> Self {
        match name {
            OptimizerName::Sgd => Rule::Sgd { momentum: 0.0, nesterov: false },
            OptimizerName::Momentum => Rule::Sgd { momentum: 0.9, nesterov: false },
            OptimizerName::Nesterov => Rule::Sgd { momentum: 0.9, nesterov: true },
            OptimizerName::Rmsprop => Rule::RmsProp { smoothing: 0.99, epsilon: 1e-8 },
            OptimizerName::Adagrad => Rule::AdaGrad { epsilon: 1e-10 },
            OptimizerName::Adam => Rule::Adam { betas: [0.9, 0.999], epsilon: 1e-8 },
            OptimizerName::Adamw => Rule::AdamW { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.01 },
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub enum ScheduleName {
    Constant,
    Cosine,
    Step { every: u64, factor: f64 },
}

impl FromStr for ScheduleName {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let step = |every: &str, factor: &str| Some((every.parse().ok()?, factor.parse().ok()?));
        match parts[..] {
            ["constant"] => Ok(Self::Constant),
            ["cosine"] => Ok(Self::Cosine),
            ["step", every, factor] => step(every, factor)
                .map(|(every, factor)| Self::Step { every, factor })
                .ok_or_else(|| format!("'{text}' is no schedule; a step schedule is such as step:5000:0.5")),
            _ => Err(format!("'{text}' is no schedule; constant, cosine and step:5000:0.5 are")),
        }
    }
}

/// τ, fixed or from one to another.
#[derive(Clone, Copy, Debug)]
pub struct Tau(f32, f32);

impl FromStr for Tau {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) => Ok(Self(first, last)),
            _ => Err(format!("'{text}' is no τ; such are 0.1, or 20:1000 to anneal it")),
        }
    }
}

/// Steps of a run.
const STEPS: u64 = 20_000;

/// The first learning rate.
const RATE: f64 = 0.02;

/// Steps between two reports.
const LOG_EVERY: u64 = 100;

/// Steps between two replacements.
const REPLACE_EVERY: u64 = 500;

/// The sharpness of [`Method::Gumbel`]: nearly hard draws, which train best.
const SHARPNESS: f32 = 500.0;

/// β₂ of the VQ-VAE.
const COMMITMENT: f32 = 0.25;

/// σ of the published code of DiVeQ.
const DEVIATION: f32 = 1e-3;

impl GradientOptions {
    /// The first setting that was given.
    pub fn given(&self) -> Option<&'static str> {
        let given = [
            (self.steps.is_some(), "--steps"),
            (self.batch.is_some(), "--batch"),
            (self.lr.is_some(), "--lr"),
            (self.optimizer.is_some(), "--optimizer"),
            (self.schedule.is_some(), "--schedule"),
            (self.warm_up.is_some(), "--warm-up"),
            (self.clip.is_some(), "--clip"),
            (self.replace_every.is_some(), "--replace-every"),
            (self.replace_share.is_some(), "--replace-share"),
            (self.replace_last.is_some(), "--replace-last"),
            (self.tau.is_some(), "--tau"),
            (self.decay.is_some(), "--decay"),
            (self.log.is_some(), "--log"),
            (self.log_every.is_some(), "--log-every"),
            (self.checkpoint_every.is_some(), "--checkpoint-every"),
            (self.resume, "--resume"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }

    pub fn steps(&self) -> u64 {
        self.steps.unwrap_or(STEPS)
    }

    pub fn rate(&self) -> f64 {
        self.lr.unwrap_or(RATE)
    }

    pub fn log_every(&self) -> u64 {
        self.log_every.unwrap_or(LOG_EVERY)
    }

    /// What these settings describe.
    pub fn training(
        &self,
        spec: Spec,
        trainer: TrainerName,
        beam: Option<usize>,
        seed: u64,
    ) -> Result<GradientTraining> {
        let steps = self.steps();
        let replaced = spec.kind().name != "SFVQ";
        let mut training = GradientTraining::new(spec, self.method(trainer)?)
            .steps(steps)
            .rate(self.rate())
            .window(self.log_every())
            .seed(seed);
        if let Some(name) = self.optimizer {
            training = training.rule(name.into());
        }
        if let Some(batch) = self.batch {
            training = training.batch(batch);
        }
        if let Some(beam) = beam {
            training = training.beam(beam);
        }
        let span = training.schedule_steps();
        let warm_up = self.warm_up.unwrap_or(0);
        let schedule = match self.schedule.unwrap_or(ScheduleName::Cosine) {
            ScheduleName::Constant => Schedule::Constant,
            ScheduleName::Cosine => {
                Schedule::Cosine { steps: span.saturating_sub(warm_up).max(1), floor: 0.0 }
            }
            ScheduleName::Step { every, factor } => Schedule::Step { every, factor },
        };
        training = training.schedule(if warm_up > 0 { schedule.warm_up(warm_up) } else { schedule });
        // The corners of a curve are not replaced.
        let every = self.replace_every.unwrap_or(if replaced { REPLACE_EVERY } else { 0 });
        let replacement = if every == 0 {
            for (given, name) in [
                (self.replace_share.is_some(), "--replace-share"),
                (self.replace_last.is_some(), "--replace-last"),
            ] {
                if given {
                    return Err(Error::input(format!(
                        "{name}: no codewords are replaced here; leave it out"
                    )));
                }
            }
            None
        } else {
            let last = self.replace_last.unwrap_or(steps / 10 * 9);
            let replacement = Replacement::new(every, last)?;
            Some(match self.replace_share {
                Some(share) => replacement.share(share)?,
                None => replacement,
            })
        };
        Ok(training.replacement(replacement).clip(self.clip))
    }

    fn method(&self, trainer: TrainerName) -> Result<Method> {
        for (given, name, of) in [
            (self.tau.is_some(), "--tau", &[TrainerName::Soft, TrainerName::Gumbel][..]),
            (self.decay.is_some(), "--decay", &[TrainerName::Ema]),
        ] {
            if given && !of.contains(&trainer) {
                return Err(Error::input(format!("{name} is for other trainers; leave it out")));
            }
        }
        for (given, name) in [
            (self.lr.is_some(), "--lr"),
            (self.optimizer.is_some(), "--optimizer"),
            (self.schedule.is_some(), "--schedule"),
            (self.warm_up.is_some(), "--warm-up"),
            (self.clip.is_some(), "--clip"),
        ] {
            if given && trainer == TrainerName::Ema {
                return Err(Error::input(format!(
                    "{name}: moving averages follow no gradient; leave it out with ema"
                )));
            }
        }
        let temperature = |first, last| {
            let Tau(first, last) = self.tau.unwrap_or(Tau(first, last));
            Temperature::annealed(first, last, self.steps().max(1))
        };
        Ok(match trainer {
            TrainerName::Ste => Method::Ste { commitment: COMMITMENT },
            TrainerName::Ema => Method::Ema { decay: self.decay.unwrap_or(0.99) },
            TrainerName::Soft => Method::Soft { temperature: temperature(20.0, 1000.0)? },
            TrainerName::Gumbel => {
                Method::Gumbel { sharpness: SHARPNESS, temperature: temperature(1.0, 1.0)? }
            }
            TrainerName::Nsvq => Method::Nsvq,
            TrainerName::Diveq => Method::Diveq { deviation: DEVIATION },
            TrainerName::Rotation => Method::Rotation { commitment: COMMITMENT },
            TrainerName::Kmeans | TrainerName::Em => unreachable!("these do not train by gradient"),
        })
    }
}
