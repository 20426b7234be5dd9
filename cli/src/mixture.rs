//! `wgvq train --trainer em`

use std::time::Instant;

use clap::ValueEnum;
use serde_json::json;
use wgvq::settings::Spelling;
use wgvq::train::{Covariance, Ended, GaussianMixture};
use wgvq::{Error, Result, Training, Vectors, Vq};

use crate::args::Common;
use crate::eval::Norms;
use crate::figures::{Figures, LossOf};
use crate::memory::Sample;
use crate::progress::Progress;
use crate::train::{Train, Watch};
use crate::{Verdict, eval};

/// Iterations, unless said otherwise.
const ITERATIONS: usize = 100;

/// Settings of k-means that a mixture does not have.
pub const KMEANS_ALONE: [&str; 4] = ["spherical", "metric", "mini_batch", "restarts"];

/// Iterations of the k-means that it starts from.
const START: usize = 5;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CovarianceName {
    /// A variance for each dimension
    Diagonal,
    /// One variance for all dimensions
    Spherical,
}

impl From<CovarianceName> for Covariance {
    fn from(name: CovarianceName) -> Self {
        match name {
            CovarianceName::Diagonal => Covariance::Diagonal,
            CovarianceName::Spherical => Covariance::Spherical,
        }
    }
}

/// A Gaussian mixture, whose means become the codewords of a VQ.
pub fn run(command: &Train, common: &Common, data: &dyn Vectors) -> Result<Verdict> {
    let Some(k) = command.spec.one_codebook() else {
        return Err(Error::input(format!(
            "--trainer em makes a mixture, whose means are one codebook: --spec VQ64, not {}",
            command.spec
        )));
    };
    let options = &command.settings.0;
    let files = [
        (command.weights.is_some(), "--weights".to_string()),
        (command.start.is_some(), "--start".to_string()),
    ];
    let settings = KMEANS_ALONE.iter().map(|name| (options.contains_key(*name), Spelling::Flag.of(name)));
    for (given, name) in files.into_iter().chain(settings) {
        if given {
            return Err(Error::input(format!("{name} is for --trainer kmeans; leave it out with em")));
        }
    }
    let iterations = options.get("iters").and_then(|iters| iters.as_u64());
    let iterations = iterations.map_or(ITERATIONS, |iterations| iterations as usize);
    let training = Training::new(command.spec.clone()).set_all(options.clone(), Spelling::Flag);
    let mut start = training.seed(common.seed).kmeans()?.iterations(START);
    let fitted = GaussianMixture::new(k).start(start.clone());
    let sample = Sample {
        vectors: fitted.sample_size(data.len()),
        dim: data.dim(),
        codewords: command.settings.may_sample().then_some(k),
        instead: "take a smaller --sample",
    };
    start = start.most_vectors(common.training_vectors(&fitted.holds(data.len(), data.dim()), &sample)?);
    let mut trainer = GaussianMixture::new(k)
        .covariance(command.covariance.map_or_else(Default::default, Into::into))
        .iterations(iterations)
        .start(start)
        .seed(common.seed);
    if let Some(tolerance) = options.get("tolerance").and_then(|tolerance| tolerance.as_f64()) {
        trainer = trainer.tolerance(tolerance);
    }
    let engine = common.engine()?;

    let start = Instant::now();
    let mut watch = Watch::new(Progress::new(common, "train", "iterations", iterations));
    let found = trainer.fit_observed(&engine, data, &mut watch)?;
    let seconds = start.elapsed().as_secs_f64();
    watch.progress.finish();
    if found.ended == Ended::Cancelled {
        return Err(Error::cancelled("stopped before the training was done; no model is written"));
    }

    let vq = wgvq::scaled(Box::new(Vq::from_mixture(found.mixture)?), found.scale);
    let measured =
        eval::judge_by(&*vq, &engine, data, common, common.memory(), &mut Norms::default(), |_| Ok(()))?;
    let of = LossOf::after_training(found.rows, data.len());
    let training = json!({
        "trainer": "em",
        "seed": common.seed,
        "iterations": found.history.len(),
        "ended": found.ended,
        "vectors": found.rows,
        "log_likelihood": found.log_likelihood,
        "mse": measured.distortion.mse(),
        "loss_of": of,
    });
    vq.save(&command.output, common.force, training)?;
    let mut figures = Figures::new(&engine, &*vq, &measured, of, seconds);
    figures.iterations = Some(found.history.len());
    figures
        .with("ended", found.ended)
        .with("log_likelihood", found.log_likelihood)
        .with("vectors_given", data.len())
        .with("history", common.json.then_some(found.history))
        .print(common)?;
    Ok(Verdict::Done)
}
