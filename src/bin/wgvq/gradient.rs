//! `wgvq train --trainer ste|ema|soft|gumbel|nsvq|diveq|rotation`

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use wgvq::{
    Context, Engine, Error, ErrorKind, Evaluation, GradientRun, Result, Spec, TrainingWindow, Vectors,
};

use crate::args::{Common, Train, TrainerName};
use crate::figures::Figures;
use crate::progress::Progress;
use crate::{Verdict, interrupt};

pub fn run(
    command: &Train,
    common: &Common,
    data: &dyn Vectors,
    trainer: TrainerName,
    spec: Spec,
) -> Result<Verdict> {
    refuse_other_settings(command)?;
    let options = &command.gradient;
    let training = options.training(spec, trainer, command.effort.beam, common.seed)?;
    let window = options.log_every().max(1);
    if let Some(every) = options.checkpoint_every.filter(|&every| every == 0 || every % window != 0) {
        return Err(Error::input(format!(
            "a checkpoint every {every} steps; it has to be a multiple of --log-every, {window}, and not 0"
        )));
    }
    let checkpoint = command.output.with_extension("checkpoint.safetensors");
    let engine = common.engine()?;

    let mut run = training.start(&engine, data)?;
    if options.resume {
        run.resume(&checkpoint).context(|| "--resume")?;
    }
    let mut log = Log::open(options.log.as_deref(), common.force, options.resume.then(|| run.step()))?;
    if !options.resume {
        log.write(&json!({ "run": describe(command, common, engine.name(), &run, data) }))?;
    }
    let steps = options.steps();
    let first = run.step();
    let mut progress = Progress::new(common, "train", "steps", steps as usize);
    progress.skip(first as usize);
    let mut saved = options.resume.then_some(first);
    let begin = Instant::now();
    let mut trained = 0.0;
    while run.step() < steps {
        let window = run
            .advance_until(&interrupt::asked)
            .map_err(|error| with_checkpoint(error, &checkpoint, saved))?;
        trained += window.seconds;
        log.window(&window)?;
        progress.add(window.losses.len(), note(&window));
        let due = options.checkpoint_every.is_some_and(|every| window.step % every == 0);
        if (due || interrupt::asked()) && window.step < steps {
            run.save_checkpoint(&checkpoint)?;
            saved = Some(window.step);
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
    if saved.is_some() {
        std::fs::remove_file(&checkpoint).context(|| checkpoint.display())?;
    }
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
    let found = Evaluation::of(&*quantizer.prepare(engine)?, engine, data)?;
    let mut record = describe(command, common, engine.name(), run, data);
    record["mse"] = json!(found.distortion.mse());
    quantizer.save(&command.output, common.force, record)?;
    let mut figures = Figures::new(engine, &*quantizer, &found, seconds);
    figures.iterations = Some(run.step() as usize);
    figures.vectors_per_second = steps_per_second * run.batch() as f64;
    figures.with("steps_per_second", steps_per_second).print(common)
}

/// Fails for a setting of another trainer.
fn refuse_other_settings(command: &Train) -> Result<()> {
    for (given, name) in [
        (command.weights.is_some(), "--weights"),
        (command.start.is_some(), "--start"),
        (command.covariance.is_some(), "--covariance"),
        (command.refine.is_some(), "--refine"),
        (command.effort.local_search.is_some(), "--local-search"),
        (command.effort.max_error.is_some(), "--max-error"),
        (command.levels.is_some(), "--levels"),
        (command.shared, "--shared"),
        (command.rate.is_some(), "--rate"),
    ] {
        if given {
            return Err(Error::input(format!("{name} is for other trainers; leave it out")));
        }
    }
    match command.kmeans.given() {
        Some(name) => Err(Error::input(format!("{name} is for other trainers; leave it out"))),
        None => Ok(()),
    }
}

/// What the log and the model say of the run.
fn describe(command: &Train, common: &Common, device: &str, run: &GradientRun, data: &dyn Vectors) -> Value {
    let options = &command.gradient;
    json!({
        "spec": command.spec.to_string(),
        "trainer": run.method().name(),
        "steps": options.steps(),
        "batch": run.batch(),
        "lr": options.rate(),
        "seed": common.seed,
        "vectors": data.len(),
        "dim": data.dim(),
        "device": device,
    })
}

fn note(window: &TrainingWindow) -> String {
    let mean = |sum: f64| sum / window.usage.len().max(1) as f64;
    let perplexity = mean(window.usage.iter().map(|usage| usage.perplexity()).sum());
    let dead: usize = window.usage.iter().map(|usage| usage.dead()).sum();
    format!("loss {:.6}, perplexity {perplexity:.1}, dead {dead}", window.mse())
}

/// Says where to go on from.
fn with_checkpoint(error: Error, path: &Path, saved: Option<u64>) -> Error {
    // A device that failed stays one: the exit status tells it apart.
    if error.kind() != ErrorKind::Input {
        return error;
    }
    let from = match saved {
        Some(step) => format!("the last checkpoint is {}, of step {step}", path.display()),
        None => "there is no checkpoint; --checkpoint-every writes some".to_string(),
    };
    Error::input(format!("{error}; {from}"))
}

/// The log of a run: one JSON document per line, written as the run goes on.
struct Log(Option<(PathBuf, File)>);

impl Log {
    /// Goes on behind what is there if the run was `resumed` at that step.
    fn open(path: Option<&Path>, force: bool, resumed: Option<u64>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        if resumed.is_none() {
            wgvq::io::check_output(path, force)?;
        }
        let fresh = resumed.is_none();
        let file = OpenOptions::new().create(true).write(true).append(!fresh).truncate(fresh).open(path);
        let mut log = Self(Some((path.to_path_buf(), file.context(|| path.display())?)));
        if let Some(step) = resumed {
            log.write(&json!({ "resumed": step }))?;
        }
        Ok(log)
    }

    fn window(&mut self, window: &TrainingWindow) -> Result<()> {
        for (step, counts) in &window.replaced {
            self.write(&json!({ "step": step, "replaced": counts }))?;
        }
        self.write(&json!({
            "step": window.step,
            "loss": window.mse(),
            "perplexity": window.usage.iter().map(|usage| usage.perplexity()).collect::<Vec<_>>(),
            "dead": window.usage.iter().map(|usage| usage.dead()).collect::<Vec<_>>(),
            "rate": window.rate,
            "steps_per_second": window.losses.len() as f64 / window.seconds,
        }))
    }

    fn write(&mut self, line: &Value) -> Result<()> {
        let Some((path, file)) = &mut self.0 else { return Ok(()) };
        writeln!(file, "{line}").context(|| path.display())
    }
}
