//! `wgvq train`

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use serde_json::json;
use wgvq::train::{Ended, Evolution, Holds, Init, Iteration, KMeans, Observer};
use wgvq::{Context, Error, Result, ScalarLevels, Spec, Training, Vectors, Vq, io};

use crate::args::{Common, InitName, KMeansOptions, LevelsName, NamedOutputs, Train, TrainerName};
use crate::figures::{Figures, Loss, LossOf};
use crate::memory::Sample;
use crate::progress::Progress;
use crate::{Verdict, eval, gradient, interrupt, mixture};

pub fn run(command: &Train, common: &Common) -> Result<Verdict> {
    let inputs = command.data.data.iter().chain(&command.weights).chain(&command.start);
    let mut claims = common.reads(inputs)?;
    claims.writes_model(&command.output)?;
    let data = io::open_all(&command.data.data)?;
    let spec = command.spec.clone();
    let spec = if command.tree { spec.into_tree().context(|| "--tree")? } else { spec };
    if matches!(spec, Spec::Vq { .. }) {
        refuse_other_settings(command)?;
    }
    let by_default =
        if matches!(spec, Spec::SpaceFilling { .. }) { TrainerName::Nsvq } else { TrainerName::Kmeans };
    match (command.trainer.unwrap_or(by_default), spec) {
        (TrainerName::Kmeans | TrainerName::Em, _) if command.gradient.given().is_some() => {
            let name = command.gradient.given().unwrap_or_default();
            Err(Error::input(format!(
                "{name} is for training by gradient, such as --trainer nsvq; leave it out"
            )))
        }
        (TrainerName::Em, _) => mixture::run(command, common, &data),
        (TrainerName::Kmeans, _) if command.covariance.is_some() => {
            Err(Error::input("--covariance is for --trainer em; leave it out with kmeans"))
        }
        (TrainerName::Kmeans, spec @ Spec::SpaceFilling { .. }) => {
            Err(Error::input(format!("{spec} is trained by nsvq or diveq, not by kmeans")))
        }
        (TrainerName::Kmeans, Spec::Vq { k }) => train_vq(command, common, &data, k),
        (TrainerName::Kmeans, spec) => train_any(command, common, &data, spec),
        (trainer, spec) => gradient::run(command, common, claims, &data, trainer, spec),
    }
}

/// Fails for a setting that one codebook has not.
fn refuse_other_settings(command: &Train) -> Result<()> {
    for (given, name) in [
        (command.effort.beam.is_some(), "--beam"),
        (command.effort.max_error.is_some(), "--max-error"),
        (command.refine.is_some(), "--refine"),
        (command.effort.local_search.is_some(), "--local-search"),
        (command.levels.is_some(), "--levels"),
        (command.shared, "--shared"),
        (command.rate.is_some(), "--rate"),
    ] {
        if given {
            return Err(Error::input(format!(
                "{name} is for other quantizers than {}; leave it out",
                command.spec
            )));
        }
    }
    Ok(())
}

/// Bytes beside each vector that is given with a weight: the weight as read and as kept, and its number.
const WEIGHING: f64 = 16.0;

/// One codebook, with all that k-means has to offer.
fn train_vq(command: &Train, common: &Common, data: &dyn Vectors, k: usize) -> Result<Verdict> {
    let mut trainer = command.kmeans.apply(KMeans::new(k)).seed(common.seed);
    if let Some(path) = &command.start {
        let model = wgvq::load(path).context(|| "--start")?;
        let [codebook] = model.quantizer.codebooks()[..] else {
            return Err(Error::input(format!("--start: {} has not one codebook", model.quantizer.spec())));
        };
        trainer = trainer.init(Init::From(codebook.clone()));
    }
    if command.kmeans.mini_batch.is_some() && command.kmeans.sample.is_some() {
        return Err(Error::input(
            "--sample: batches are drawn from all vectors; leave it out with --mini-batch",
        ));
    }
    let holds = trainer.holds(data.dim());
    let weighing = if command.weights.is_some() { WEIGHING * data.len() as f64 } else { 0.0 };
    let sample = Sample {
        vectors: trainer.sample_size(data.len()),
        dim: data.dim(),
        codewords: command.kmeans.may_sample().then_some(k),
        instead: match command.kmeans.mini_batch {
            Some(_) => "take a smaller --mini-batch",
            None => "take a smaller --sample",
        },
    };
    let holds = Holds { fixed: holds.fixed + weighing, ..holds };
    trainer = trainer.most_vectors(common.training_vectors(&holds, &sample)?);
    let weights = match &command.weights {
        Some(path) => Some(read_weights(path).context(|| "--weights")?),
        None => None,
    };
    let engine = common.engine()?;

    let start = Instant::now();
    let total = command.kmeans.most_iterations();
    let mut watch = Watch::new(Progress::new(common, "train", "iterations", total));
    let found = trainer.fit_observed(&engine, data, weights.as_deref(), &mut watch)?;
    let seconds = start.elapsed().as_secs_f64();
    let done = watch.iterations;
    watch.progress.finish();

    let vq = Vq::at_scale(found.codebook, found.scale)?;
    let iterations = found.history.len();
    // Batches are drawn from all vectors, and those are judged.
    let of = if command.kmeans.mini_batch.is_some() { LossOf::DrawnFrom } else { LossOf::TrainedOn };
    let training = json!({
        "trainer": "kmeans",
        "seed": common.seed,
        "iterations": iterations,
        "ended": found.ended,
        "spherical": command.kmeans.spherical,
        "vectors": found.rows,
        "mse": found.mse,
        "loss_of": of,
    });
    vq.save(&command.output, common.force, training)?;
    let loss = Loss { n: found.rows, of, mse: Some(found.mse), relative_mse: found.relative_mse };
    let mut figures = Figures::of_loss(&engine, &*vq, loss, &[found.usage], seconds);
    figures.iterations = Some(iterations);
    // What went through the assignment: every vector in every iteration of every run, or every batch.
    let per_iteration = command.kmeans.mini_batch.map_or(found.rows, |batch| batch.min(found.rows));
    figures.vectors_per_second = (per_iteration * done) as f64 / seconds;
    if command.kmeans.spherical {
        // The figures are of vectors scaled to unit length, which those of `eval` are not.
        figures = figures.with("spherical", true);
    }
    figures
        .with("ended", found.ended)
        .with("vectors_given", data.len())
        .with("history", (!found.history.is_empty() && common.json).then_some(found.history))
        .print(common)?;
    if found.ended == Ended::Cancelled {
        let output = command.output.display();
        return Err(Error::cancelled(format!(
            "stopped after {iterations} iterations; the codebook so far is in {output}, --start {output} goes on"
        )));
    }
    Ok(Verdict::Done)
}

/// Any other quantizer: its figures are those of the vectors it was trained on.
fn train_any(command: &Train, common: &Common, data: &dyn Vectors, spec: Spec) -> Result<Verdict> {
    for (given, name) in [
        (command.weights.is_some(), "--weights"),
        (command.start.is_some(), "--start"),
        (command.kmeans.spherical, "--spherical"),
        (command.kmeans.mini_batch.is_some(), "--mini-batch"),
    ] {
        if given {
            return Err(Error::input(format!("{name} is for VQ; leave it out with {spec}")));
        }
    }
    let training = Training::new(spec.clone())
        .beam(command.effort.beam)
        .max_error(command.effort.max_error)
        .refinements(command.refine)
        .local_search(command.effort.local_search)
        .levels(command.levels.map(|levels| match levels {
            LevelsName::Uniform => ScalarLevels::Uniform,
            LevelsName::LloydMax => ScalarLevels::LloydMax,
        }))
        .shared(command.shared)
        .rate(command.rate)
        .seed(common.seed);
    let training = match command.kmeans.given() {
        None => training,
        Some(_) => training.kmeans(command.kmeans.apply(Training::default_kmeans(&spec))),
    };
    let sample = Sample {
        vectors: training.sample_size(data.len())?,
        dim: data.dim(),
        codewords: command.kmeans.may_sample().then_some(training.codewords()?),
        instead: "take a smaller --sample",
    };
    let holds = training.holds(data.len(), data.dim())?;
    let training = training.most_vectors(common.training_vectors(&holds, &sample)?);
    let engine = common.engine()?;

    let start = Instant::now();
    let mut watch = Watch::new(Progress::open_ended(common, "train", "iterations"));
    let trained = training.fit(&engine, data, &mut watch)?;
    let seconds = start.elapsed().as_secs_f64();
    let iterations = watch.iterations;
    watch.progress.finish();

    let quantizer = &*trained.quantizer;
    let judged = trained.sample.nrows();
    let left = common.memory().saturating_sub(4 * trained.sample.len() as u64);
    let found = eval::judge(quantizer, &engine, &trained.sample, common, left, |_| Ok(()))?;
    // These see all vectors.
    let whole = matches!(spec, Spec::Scalar { .. } | Spec::Lattice { .. });
    let of = LossOf::after_training(if whole { data.len() } else { judged }, judged);
    let record = json!({
        "trainer": "kmeans",
        "seed": common.seed,
        "iterations": iterations,
        "vectors": trained.sample.nrows(),
        "mse": found.distortion.mse(),
        "loss_of": of,
    });
    quantizer.save(&command.output, common.force, record)?;
    let mut figures = Figures::new(&engine, quantizer, &found, of, seconds);
    figures.iterations = Some(iterations);
    figures.with("vectors_given", data.len()).print(common)?;
    Ok(Verdict::Done)
}

fn read_weights(path: &Path) -> Result<Vec<f32>> {
    let weights = io::open(path)?;
    if weights.dim() != 1 {
        let shown = path.display();
        return Err(Error::input(format!("{shown}: {} columns; weights have one per vector", weights.dim())));
    }
    Ok(weights.to_array()?.into_iter().collect())
}

/// Iterations of k-means of one codebook, unless said otherwise.
const ITERATIONS: usize = 25;

impl KMeansOptions {
    /// The first setting that was given.
    pub fn given(&self) -> Option<&'static str> {
        let given = [
            (self.init.is_some(), "--init"),
            (self.iters.is_some(), "--iters"),
            (self.tolerance.is_some(), "--tolerance"),
            (self.restarts.is_some(), "--restarts"),
            (self.sample.is_some(), "--sample"),
            (self.spherical, "--spherical"),
            (self.mini_batch.is_some(), "--mini-batch"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }

    /// `trainer` with the settings that were given.
    pub fn apply(&self, mut trainer: KMeans) -> KMeans {
        if let Some(init) = self.init {
            trainer = trainer.init(match init {
                InitName::Random => Init::Random,
                InitName::PlusPlus => Init::PlusPlus,
                InitName::Parallel => Init::Parallel,
                InitName::Evolution => Init::Evolution(Evolution::new()),
            });
        }
        if let Some(iterations) = self.iters {
            trainer = trainer.iterations(iterations);
        }
        if let Some(tolerance) = self.tolerance {
            trainer = trainer.tolerance(tolerance);
        }
        if let Some(restarts) = self.restarts {
            trainer = trainer.restarts(restarts);
        }
        if let Some(sample) = self.sample {
            trainer = trainer.sample_per_codeword((sample > 0).then_some(sample));
        }
        trainer.spherical(self.spherical).mini_batch(self.mini_batch)
    }

    /// Whether nobody has said how many vectors are in memory.
    pub fn may_sample(&self) -> bool {
        self.sample.is_none() && self.mini_batch.is_none()
    }

    /// Iterations at most of all the runs of one k-means.
    pub fn most_iterations(&self) -> usize {
        self.restarts.unwrap_or(1).saturating_mul(self.iters.unwrap_or(ITERATIONS))
    }
}

/// Shows progress, and listens to Ctrl-C.
pub struct Watch {
    pub progress: Progress,
    /// Seen so far, over all runs.
    pub iterations: usize,
}

impl Watch {
    pub fn new(progress: Progress) -> Self {
        Self { progress, iterations: 0 }
    }
}

impl Observer for Watch {
    fn iteration(&mut self, iteration: &Iteration) -> ControlFlow<()> {
        self.iterations += 1;
        self.progress.add(1, format!("mse {:.6} {}", iteration.mse, LossOf::TrainedOn));
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn cancelled(&self) -> bool {
        interrupt::asked()
    }
}
