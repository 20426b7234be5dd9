//! `wgvq train`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};
use wgvq::metrics::Metric;
use wgvq::settings::Spelling;
use wgvq::train::{Ended, Holds, Init, Iteration, Observer};
use wgvq::{Context, Error, KINDS, Result, Spec, TRAINERS, Trainer, Training, Vectors, Vq, io};

use crate::args::{Common, Data, NamedOutputs};
use crate::eval::Norms;
use crate::figures::{self, Figures, Loss, LossOf};
use crate::gradient_options::GradientOptions;
use crate::memory::Sample;
use crate::mixture::CovarianceName;
use crate::progress::Progress;
use crate::settings::TrainSettings;
use crate::{Verdict, eval, gradient, interrupt, mixture};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq train vectors.npy --spec VQ1024 -o vq.safetensors\n  wgvq train vectors.npy --spec OPQ16,PQ16x8 -o opq.safetensors\n  wgvq train vectors.npy --spec RQ8x8 --trainer nsvq --steps 4000 --log run.jsonl -o rq.safetensors"
)]
pub struct Train {
    #[command(flatten)]
    pub data: Data,
    #[arg(long, help = specs())]
    pub spec: Spec,
    /// Let the code of each stage of RQ choose the codebook of the next: RQ4x6 becomes TRQ4x6
    #[arg(long)]
    pub tree: bool,
    /// The model file to write
    #[arg(short, long, value_name = "MODEL.safetensors")]
    pub output: PathBuf,
    /// How the codebooks are found [default: kmeans, and nsvq for SFVQ]
    #[arg(long, value_parser = trainers())]
    pub trainer: Option<TrainerChoice>,
    /// Shape of the mixture's components [default: diagonal]
    #[arg(long, value_enum)]
    pub covariance: Option<CovarianceName>,
    #[command(flatten)]
    pub settings: TrainSettings,
    /// Weights of the vectors, a file of one column
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Go on from this model's codebook
    #[arg(long, value_name = "MODEL", conflicts_with = "init")]
    pub start: Option<PathBuf>,
    #[command(flatten)]
    pub gradient: GradientOptions,
}

/// How codebooks are found.
#[derive(Clone, Copy, Debug)]
pub enum TrainerChoice {
    KMeans,
    /// A Gaussian mixture by expectation maximization.
    Em,
    Gradient(&'static Trainer),
}

fn trainers() -> impl TypedValueParser<Value = TrainerChoice> {
    let own = [
        PossibleValue::new(KMEANS).help("Clustering"),
        PossibleValue::new(EM).help("A Gaussian mixture by expectation maximization"),
    ];
    let by_gradient = TRAINERS
        .iter()
        .map(|trainer| PossibleValue::new(trainer.name).help(format!("Gradient: {}", trainer.title)));
    PossibleValuesParser::new(own.into_iter().chain(by_gradient)).map(|name| match Trainer::named(&name) {
        Some(trainer) => TrainerChoice::Gradient(trainer),
        None if name == EM => TrainerChoice::Em,
        None => TrainerChoice::KMeans,
    })
}

/// What can be trained, by an example of each way to write it. An EVQ is made of an SFVQ.
fn specs() -> String {
    let kinds = KINDS.iter().filter(|kind| kind.name != "EVQ");
    let examples: Vec<&str> = kinds.flat_map(|kind| kind.examples).copied().collect();
    format!("What to train, with numbers of your own: {}", examples.join(" · "))
}

const KMEANS: &str = "kmeans";
const EM: &str = "em";

pub fn run(command: &Train, common: &Common) -> Result<Verdict> {
    let inputs = command.data.data.iter().chain(&command.weights).chain(&command.start);
    let mut claims = common.reads(inputs)?;
    claims.writes_model(&command.output)?;
    let data = io::open_all(&command.data.data)?;
    let spec = command.spec.clone();
    let spec = if command.tree { spec.into_tree().context(|| "--tree")? } else { spec };
    let is_curve = spec.kind().name == "SFVQ";
    let by_default = if is_curve { TrainerChoice::Gradient(Trainer::NSVQ) } else { TrainerChoice::KMeans };
    match command.trainer.unwrap_or(by_default) {
        TrainerChoice::KMeans | TrainerChoice::Em if command.gradient.given().is_some() => {
            let name = command.gradient.given().unwrap_or_default();
            Err(Error::input(format!(
                "{name} is for training by gradient, such as --trainer nsvq; leave it out"
            )))
        }
        TrainerChoice::Em => mixture::run(command, common, &data),
        TrainerChoice::KMeans if command.covariance.is_some() => {
            Err(Error::input("--covariance is for --trainer em; leave it out with kmeans"))
        }
        TrainerChoice::KMeans if is_curve => {
            Err(Error::input(format!("{spec} is trained by nsvq or diveq, not by kmeans")))
        }
        TrainerChoice::KMeans if spec.one_codebook().is_some() => train_vq(command, common, &data, spec),
        TrainerChoice::KMeans => train_any(command, common, &data, spec),
        TrainerChoice::Gradient(trainer) => gradient::run(command, common, claims, &data, trainer, spec),
    }
}

/// Bytes beside each vector that is given with a weight: the weight as read and as kept, and its number.
const WEIGHING: f64 = 16.0;

/// One codebook, with all that k-means has to offer.
fn train_vq(command: &Train, common: &Common, data: &dyn Vectors, spec: Spec) -> Result<Verdict> {
    let given = &command.settings.0;
    let training = Training::new(spec).set_all(given.clone(), Spelling::Flag).seed(common.seed);
    let k = training.codewords()?;
    let mut trainer = training.kmeans()?;
    if let Some(path) = &command.start {
        let model = wgvq::load(path).context(|| "--start")?;
        let [codebook] = model.quantizer.codebooks()[..] else {
            return Err(Error::input(format!("--start: {} has not one codebook", model.quantizer.spec())));
        };
        if model.quantizer.rotation().is_some() {
            return Err(Error::input(format!(
                "--start: the codebook of {} is behind a rotation; give a model such as VQ{k}",
                model.quantizer.spec()
            )));
        }
        trainer = trainer.init(Init::From(codebook.clone()));
    }
    let mini_batch = given.get("mini_batch").and_then(Value::as_u64).map(|batch| batch as usize);
    if mini_batch.is_some() && given.contains_key("sample") {
        return Err(Error::input(
            "--sample: batches are drawn from all vectors; leave it out with --mini-batch",
        ));
    }
    let is_spherical = given.contains_key("spherical");
    let holds = trainer.holds(data.dim());
    let weighing = if command.weights.is_some() { WEIGHING * data.len() as f64 } else { 0.0 };
    let sample = Sample {
        vectors: trainer.sample_size(data.len()),
        dim: data.dim(),
        codewords: command.settings.may_sample().then_some(k),
        instead: match mini_batch {
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
    let total = trainer.most_iterations();
    let mut watch = Watch::new(Progress::new(common, "train", "iterations", total));
    let found = trainer.fit_observed(&engine, data, weights.as_deref(), &mut watch)?;
    let seconds = start.elapsed().as_secs_f64();
    let done = watch.iterations;
    watch.progress.finish();

    let vq = Vq::at_scale(found.codebook, found.scale, found.metric)?;
    let iterations = found.history.len();
    let aqe = found.aqe.as_ref().and_then(figures::aqe);
    // Batches are drawn from all vectors, and those are judged.
    let of = if mini_batch.is_some() { LossOf::DrawnFrom } else { LossOf::TrainedOn };
    let training = json!({
        "trainer": "kmeans",
        "seed": common.seed,
        "iterations": iterations,
        "ended": found.ended,
        "spherical": is_spherical,
        "vectors": found.rows,
        "mse": found.mse,
        "aqe": aqe,
        "loss_of": of,
    });
    vq.save(&command.output, common.force, training)?;
    let loss = Loss { n: found.rows, of, mse: Some(found.mse), relative_mse: found.relative_mse };
    let mut figures = Figures::of_loss(&engine, &*vq, loss, &[found.usage], seconds);
    figures.aqe = aqe;
    if found.metric != Metric::SquaredL2 {
        figures = figures.with("metric", found.metric.to_string()).with("mean_distance", found.mean_distance);
    }
    figures.iterations = Some(iterations);
    // What went through the assignment: every vector in every iteration of every run, or every batch.
    let per_iteration = mini_batch.map_or(found.rows, |batch| batch.min(found.rows));
    figures.vectors_per_second = (per_iteration * done) as f64 / seconds;
    if is_spherical {
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
    for (given, name) in [(command.weights.is_some(), "--weights"), (command.start.is_some(), "--start")] {
        if given {
            return Err(Error::input(format!("{name} is for VQ; leave it out with {spec}")));
        }
    }
    let training = Training::new(spec).set_all(command.settings.0.clone(), Spelling::Flag).seed(common.seed);
    let sample = Sample {
        vectors: training.sample_size(data.len())?,
        dim: data.dim(),
        codewords: command.settings.may_sample().then_some(training.codewords()?),
        instead: "take a smaller --sample",
    };
    let holds = training.holds(data.len(), data.dim())?;
    // The norms of the errors are found among decoded vectors.
    let holds = Holds { fixed: holds.fixed + eval::BESIDE as f64, ..holds };
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
    let found =
        eval::judge_by(quantizer, &engine, &trained.sample, common, left, &mut Norms::default(), |_| Ok(()))?;
    let of = LossOf::after_training(if training.sees_all()? { data.len() } else { judged }, judged);
    let record = json!({
        "trainer": "kmeans",
        "seed": common.seed,
        "iterations": iterations,
        "vectors": trained.sample.nrows(),
        "mse": found.distortion.mse(),
        "aqe": figures::aqe(&found.aqe),
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
