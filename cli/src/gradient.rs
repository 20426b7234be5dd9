//! `wgvq train --trainer ste|ema|soft|gumbel|nsvq|diveq|rotation|simvq`

use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};
use wgvq::io::{self, Claims};
use wgvq::settings::Spelling;
use wgvq::{Context, Engine, Error, ErrorKind, GradientRun, Result, Spec, Trainer, TrainingWindow, Vectors};

use crate::args::Common;
use crate::eval::Norms;
use crate::figures::{Figures, LossOf};
use crate::memory::Sample;
use crate::progress::Progress;
use crate::run_log::Log;
use crate::train::Train;
use crate::{Verdict, eval, interrupt, mixture};

pub fn run(
    command: &Train,
    common: &Common,
    mut claims: Claims,
    data: &dyn Vectors,
    trainer: &'static Trainer,
    spec: Spec,
) -> Result<Verdict> {
    refuse_other_settings(command, trainer, &spec)?;
    let options = &command.gradient;
    let beam = command.settings.0.get("beam").and_then(Value::as_u64).map(|beam| beam as usize);
    let training = options.training(spec, trainer, beam, common.seed);
    let window = training.value("log_every").and_then(|steps| steps.as_u64()).unwrap_or(1);
    if let Some(every) = options.checkpoint_every.filter(|&every| every == 0 || every % window != 0) {
        return Err(Error::input(format!(
            "a checkpoint every {every} steps; it has to be a multiple of --log-every, {window}, and not 0"
        )));
    }
    let mut checkpoint = Checkpoint::claim(command, common, &mut claims)?;
    if let Some(log) = &options.log {
        if options.resume { claims.keeps(log) } else { claims.writes(log) }.context(|| "--log")?;
    }
    let sample = Sample {
        vectors: training.sample_size(data.len(), data.dim()),
        dim: data.dim(),
        codewords: Some(training.codewords(data.dim())?),
        instead: "take a smaller --batch, or fewer codewords",
    };
    let vectors = common.training_vectors(&training.holds(data.dim())?, &sample)?;
    let training = training.most_vectors(vectors);
    let engine = common.engine()?;

    let mut run = training.start(&engine, data)?;
    if options.resume {
        checkpoint.resume(&mut run).context(|| "--resume")?;
    }
    let mut log = Log::open(options.log.as_deref(), common.force, options.resume.then(|| run.step()))?;
    if !options.resume {
        let mut said = describe(command, common, engine.name(), &run);
        said["loss_of"] = json!(LossOf::Batches);
        log.write(&json!({ "run": said }))?;
    }
    let steps = run.steps();
    let first = run.step();
    let mut progress = Progress::new(common, "train", "steps", steps as usize);
    progress.skip(first as usize);
    let begin = Instant::now();
    let mut trained = 0.0;
    while run.step() < steps {
        let window = run.advance_until(&interrupt::asked).map_err(|error| checkpoint.tell(error))?;
        trained += window.seconds;
        log.window(&window)?;
        progress.add(window.losses.len(), note(&window));
        let due = options.checkpoint_every.is_some_and(|every| window.step % every == 0);
        if (due || interrupt::asked()) && window.step < steps {
            checkpoint.save(&mut run)?;
        }
        if interrupt::asked() && window.step < steps {
            return Err(Error::cancelled(format!(
                "stopped after step {}; the same command with --resume goes on",
                window.step
            )));
        }
    }
    progress.finish();
    write_model(
        command,
        common,
        &engine,
        &run,
        data,
        begin,
        (run.step() - first) as f64 / trained.max(1e-9),
    )?;
    // The model is there: nothing is left to resume.
    checkpoint.remove()?;
    Ok(Verdict::Done)
}

fn write_model(
    command: &Train,
    common: &Common,
    engine: &Engine,
    run: &GradientRun,
    data: &dyn Vectors,
    begin: Instant,
    steps_per_second: f64,
) -> Result<()> {
    let quantizer = run.quantizer()?;
    let seconds = begin.elapsed().as_secs_f64();
    let found = eval::judge_by(
        &*quantizer,
        engine,
        data,
        common,
        common.memory(),
        &mut Norms::default(),
        |_| Ok(()),
    )?;
    let of = LossOf::after_training(run.vectors(), data.len());
    let mut record = describe(command, common, engine.name(), run);
    record["mse"] = json!(found.distortion.mse());
    record["loss_of"] = json!(of);
    quantizer.save(&command.output, common.force, record)?;
    let mut figures = Figures::new(engine, &*quantizer, &found, of, seconds);
    figures.iterations = Some(run.step() as usize);
    figures.vectors_per_second = steps_per_second * run.batch() as f64;
    figures.with("steps_per_second", steps_per_second).print(common)
}

/// Fails for a setting of another trainer.
fn refuse_other_settings(command: &Train, trainer: &Trainer, spec: &Spec) -> Result<()> {
    let is_mixture = |name: &str| spec.one_codebook().is_some() && !mixture::KMEANS_ALONE.contains(&name);
    let others = [
        (command.covariance.is_some(), "--covariance".to_string(), "em"),
        (command.weights.is_some(), "--weights".to_string(), "kmeans"),
        (command.start.is_some(), "--start".to_string(), "kmeans"),
    ];
    let settings = command.settings.0.keys().map(|name| {
        let owners = if is_mixture(name) { "kmeans or em" } else { "kmeans" };
        (name != "beam", Spelling::Flag.of(name), owners)
    });
    match others.into_iter().chain(settings).find(|(is_other, ..)| *is_other) {
        Some((_, name, owners)) => {
            Err(Error::input(format!("{name} is for --trainer {owners}; leave it out with {}", trainer.name)))
        }
        None => Ok(()),
    }
}

/// What the log and the model say of the run.
fn describe(command: &Train, common: &Common, device: &str, run: &GradientRun) -> Value {
    json!({
        "spec": command.spec.to_string(),
        "trainer": run.trainer().name,
        "steps": run.steps(),
        "batch": run.batch(),
        "lr": run.training().value("lr"),
        "seed": common.seed,
        "vectors": run.vectors(),
        "dim": run.dim(),
        "device": device,
    })
}

fn note(window: &TrainingWindow) -> String {
    let mean = |sum: f64| sum / window.usage.len().max(1) as f64;
    let perplexity = mean(window.usage.iter().map(|usage| usage.perplexity()).sum());
    let dead: usize = window.usage.iter().map(|usage| usage.dead()).sum();
    format!("loss {:.6} {}, perplexity {perplexity:.1}, dead {dead}", window.mse(), LossOf::Batches)
}

/// The file beside the model that the state of the run is saved to.
struct Checkpoint {
    path: PathBuf,
    /// Whether the file is there and ours: this run's, or of one that it goes on with or begins anew.
    there: bool,
    /// The step that this run would go on from.
    step: Option<u64>,
}

impl Checkpoint {
    /// Takes the name. Fails where it is that of somebody else's file, or of an earlier run's checkpoint that the command
    /// neither resumes nor, by `--force`, gives up.
    fn claim(command: &Train, common: &Common, claims: &mut Claims) -> Result<Self> {
        let path = command.output.with_extension("checkpoint.safetensors");
        let shown = path.display();
        claims.keeps(&path).context(|| "the checkpoint")?;
        let there = path.symlink_metadata().is_ok();
        if there && !GradientRun::is_checkpoint(&path) {
            return Err(Error::input(format!(
                "{shown}: is no checkpoint of a training run, and this run would save its own there; move it away, or \
                 give another -o"
            )));
        }
        if there && !command.gradient.resume && !common.force {
            return Err(Error::input(format!(
                "{shown}: is the checkpoint of an earlier run; --resume goes on with it, --force starts over"
            )));
        }
        Ok(Self { path, there, step: None })
    }

    fn resume(&mut self, run: &mut GradientRun) -> Result<()> {
        run.resume(&self.path)?;
        self.step = Some(run.step());
        Ok(())
    }

    fn save(&mut self, run: &mut GradientRun) -> Result<()> {
        if !self.there {
            io::check_output(&self.path, false)?;
        }
        run.save_checkpoint(&self.path)?;
        (self.there, self.step) = (true, Some(run.step()));
        Ok(())
    }

    fn remove(self) -> Result<()> {
        if self.there { std::fs::remove_file(&self.path).context(|| self.path.display()) } else { Ok(()) }
    }

    /// Says where to go on from.
    fn tell(&self, error: Error) -> Error {
        // A device that failed stays one: the exit status tells it apart.
        if error.kind() != ErrorKind::Input {
            return error;
        }
        let from = match self.step {
            Some(step) => format!("the last checkpoint is {}, of step {step}", self.path.display()),
            None => "there is no checkpoint; --checkpoint-every writes some".to_string(),
        };
        Error::input(format!("{error}; {from}"))
    }
}
