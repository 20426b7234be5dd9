//! The options of training by gradient.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use wgvq::settings::Spelling;
use wgvq::train::{Replacement, Rule, Schedule};
use wgvq::{Error, GradientTraining, Result, Spec, Trainer};

use crate::settings::TrainerSettings;

/// Settings of `--trainer ste|ema|soft|gumbel|nsvq|diveq|rotation`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training by gradient")]
pub struct GradientOptions {
    #[arg(long, help = format!("Steps [default: {}]", GradientTraining::STEPS))]
    pub steps: Option<u64>,
    #[arg(long, help = format!(
        "Vectors per step [default: {}, or all where there are fewer]", GradientTraining::BATCH
    ))]
    pub batch: Option<usize>,
    #[arg(long, help = format!(
        "Learning rate, for data of unit variance: vectors are scaled to that [default: {}]", GradientTraining::RATE
    ))]
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
    #[arg(long, value_name = "STEPS", help = format!(
        "Replace codewords that are hardly used after every so many steps; 0 for never [default: {}]",
        GradientTraining::REPLACE_EVERY
    ))]
    pub replace_every: Option<u64>,
    /// The share of batches below which a codeword counts as hardly used [default: 0.01]
    #[arg(long, value_name = "SHARE")]
    pub replace_share: Option<f64>,
    /// The last step at which codewords are replaced [default: nine tenths of all]
    #[arg(long, value_name = "STEP")]
    pub replace_last: Option<u64>,
    #[command(flatten)]
    pub trainer: TrainerSettings,
    /// Write a line of JSON every so many steps to this file, for `wgvq plot`
    #[arg(long, value_name = "RUN.jsonl")]
    pub log: Option<PathBuf>,
    #[arg(long, value_name = "STEPS", help = format!(
        "Steps between two reports [default: {}]", GradientTraining::WINDOW
    ))]
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

impl GradientOptions {
    /// The first setting that was given.
    pub fn given(&self) -> Option<String> {
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
            (self.log.is_some(), "--log"),
            (self.log_every.is_some(), "--log-every"),
            (self.checkpoint_every.is_some(), "--checkpoint-every"),
            (self.resume, "--resume"),
        ];
        let own = given.into_iter().find(|(given, _)| *given).map(|(_, name)| name.to_string());
        own.or_else(|| self.trainer.0.keys().next().map(|name| Spelling::Flag.of(name)))
    }

    pub fn steps(&self) -> u64 {
        self.steps.unwrap_or(GradientTraining::STEPS)
    }

    pub fn rate(&self) -> f64 {
        self.lr.unwrap_or(GradientTraining::RATE)
    }

    pub fn log_every(&self) -> u64 {
        self.log_every.unwrap_or(GradientTraining::WINDOW)
    }

    /// What these settings describe.
    pub fn training(
        &self,
        spec: Spec,
        trainer: &'static Trainer,
        beam: Option<usize>,
        seed: u64,
    ) -> Result<GradientTraining> {
        let steps = self.steps();
        let replaced = spec.kind().name != "SFVQ";
        self.refuse_without_gradient(trainer)?;
        let mut training = GradientTraining::new(spec, trainer)
            .set_all(self.trainer.0.clone(), Spelling::Flag)
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
        let every = self.replace_every.unwrap_or(if replaced { GradientTraining::REPLACE_EVERY } else { 0 });
        training = if every == 0 {
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
            training.without_replacement()
        } else {
            let last = self.replace_last.unwrap_or(steps / 10 * 9);
            let replacement = Replacement::new(every, last)?;
            training.replacement(match self.replace_share {
                Some(share) => replacement.share(share)?,
                None => replacement,
            })
        };
        Ok(match self.clip {
            Some(norm) => training.clip(norm),
            None => training,
        })
    }

    /// Fails for a setting of the optimizer where there is none.
    fn refuse_without_gradient(&self, trainer: &Trainer) -> Result<()> {
        for (given, name) in [
            (self.lr.is_some(), "--lr"),
            (self.optimizer.is_some(), "--optimizer"),
            (self.schedule.is_some(), "--schedule"),
            (self.warm_up.is_some(), "--warm-up"),
            (self.clip.is_some(), "--clip"),
        ] {
            if given && !trainer.follows_gradient {
                return Err(Error::input(format!(
                    "{name}: {} follows no gradient; leave it out",
                    trainer.name
                )));
            }
        }
        Ok(())
    }
}
