//! The options of training by gradient.

use std::path::PathBuf;

use clap::Args;
use wgvq::settings::Spelling;
use wgvq::{GradientTraining, Spec, Trainer};

use crate::settings::TrainerSettings;

/// Options of `--trainer ste|ema|soft|gumbel|nsvq|diveq|rotation|simvq`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Training by gradient")]
pub struct GradientOptions {
    #[command(flatten)]
    pub settings: TrainerSettings,
    /// Write a line of JSON every so many steps to this file, for `wgvq plot`
    #[arg(long, value_name = "RUN.jsonl")]
    pub log: Option<PathBuf>,
    /// Write MODEL.checkpoint.safetensors every so many steps, a multiple of --log-every
    #[arg(long, value_name = "STEPS")]
    pub checkpoint_every: Option<u64>,
    /// Go on from the checkpoint of an interrupted run of the same command
    #[arg(long)]
    pub resume: bool,
}

impl GradientOptions {
    /// The first option that was given.
    pub fn given(&self) -> Option<String> {
        let own = [
            (self.log.is_some(), "--log"),
            (self.checkpoint_every.is_some(), "--checkpoint-every"),
            (self.resume, "--resume"),
        ];
        let setting = self.settings.0.keys().next().map(|name| Spelling::Flag.of(name));
        setting.or_else(|| own.into_iter().find(|(given, _)| *given).map(|(_, name)| name.to_string()))
    }

    /// What these options describe.
    pub fn training(
        &self,
        spec: Spec,
        trainer: &'static Trainer,
        beam: Option<usize>,
        seed: u64,
    ) -> GradientTraining {
        let training = GradientTraining::new(spec, trainer).set_all(self.settings.0.clone(), Spelling::Flag);
        let training = training.seed(seed);
        match beam {
            Some(beam) => training.beam(beam),
            None => training,
        }
    }
}
