//! Training.

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Map, Value, json};
use wgvq::settings::Spelling;
use wgvq::{Engine, Error, GradientTraining, Quantizer, Spec, Trainer, Training, Vectors};

use crate::device;
use crate::error::raise;
use crate::model::Model;
use crate::rows::Rows;
use crate::table::{is_searched, trainer_named};
use crate::value::settings_of;
use crate::work::{self, Iterations, Threads, Watch};

/// Trains the quantizer of `spec` on `x`, float32 and C-contiguous (n, d), with `settings` by name. `trainer` is the name of
/// one by gradient, or None for k-means and the like. Returns the model, ready on its device, and how many iterations or
/// steps it took. `progress` is told meanwhile.
///
/// Raises ValueError for a spec, settings or vectors that do not go together; DeviceError; KeyboardInterrupt.
#[pyfunction]
#[pyo3(signature = (spec, x, settings, *, trainer, seed, device, threads, progress))]
#[expect(clippy::too_many_arguments, reason = "they are named where it is called")]
pub fn fit(
    py: Python<'_>,
    spec: &str,
    x: &Bound<'_, PyAny>,
    settings: &Bound<'_, PyDict>,
    trainer: Option<&str>,
    seed: u64,
    device: String,
    threads: Option<Threads>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Model, usize)> {
    let job = Job {
        spec: spec.parse().map_err(raise)?,
        settings: settings_of(settings)?,
        trainer: trainer.map(trainer_named).transpose().map_err(raise)?,
        seed,
    };
    let x = Rows::of(x)?;
    work::run(py, threads, progress, move |watch| {
        let engine = device::engine(&device)?;
        let x = x.watched(watch);
        let (quantizer, vectors) = match job.trainer {
            None => job.by_clustering(&engine, &x, watch)?,
            Some(trainer) => job.by_gradient(trainer, &engine, &x, watch)?,
        };
        watch.check()?;
        let training = json!({
            "trainer": job.trainer.map_or("kmeans", |trainer| trainer.name),
            "seed": job.seed,
            "iterations": watch.done(),
            "vectors": vectors,
            "settings": job.settings,
        });
        Ok((Model::new(quantizer.into(), engine, Map::new(), training)?, watch.done()))
    })
}

/// The numbers of the vectors that `fit` reads of `n`, int64, in ascending order.
///
/// Raises ValueError for a spec that reads all vectors, or settings that it does not have.
#[pyfunction]
pub fn sample_rows<'py>(
    py: Python<'py>,
    spec: &str,
    settings: &Bound<'py, PyDict>,
    seed: u64,
    n: usize,
) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let training = Training::new(spec.parse().map_err(raise)?).set_all(settings_of(settings)?, Spelling::Key);
    let rows = py.detach(|| training.seed(seed).sample_rows(n)).map_err(raise)?;
    Ok(rows.into_iter().map(|row| row as i64).collect::<Vec<_>>().into_pyarray(py))
}

struct Job {
    spec: Spec,
    settings: Map<String, Value>,
    trainer: Option<&'static Trainer>,
    seed: u64,
}

/// What was trained, and on how many vectors.
type Fitted = (Box<dyn Quantizer>, usize);

impl Job {
    fn by_clustering(&self, engine: &Engine, x: &Rows, watch: &Watch) -> wgvq::Result<Fitted> {
        let training = Training::new(self.spec.clone()).set_all(self.settings.clone(), Spelling::Key);
        let training = training.seed(self.seed);
        let trained = training.fit(engine, x, &mut Iterations(watch))?;
        let vectors = if training.sees_all()? { x.len() } else { trained.sample.nrows() };
        Ok((trained.quantizer, vectors))
    }

    fn by_gradient(
        &self,
        trainer: &'static Trainer,
        engine: &Engine,
        x: &Rows,
        watch: &Watch,
    ) -> wgvq::Result<Fitted> {
        let mut settings = self.settings.clone();
        let mut training = GradientTraining::new(self.spec.clone(), trainer).seed(self.seed);
        if let Some(setting) = self.spec.settings().into_iter().find(|setting| is_searched(setting))
            && let Some(beam) = settings.remove(setting.name)
        {
            setting.check(&beam, Spelling::Key)?;
            let beam = beam.as_u64().ok_or_else(|| Error::input("beam is no whole number"))?;
            training = training.beam(beam as usize);
        }
        let mut run = training.set_all(settings, Spelling::Key).start(engine, x)?;
        while run.step() < run.steps() {
            let window = run.advance_until(&|| watch.is_stopped())?;
            watch.advance(window.losses.len(), window.mse());
            watch.check()?;
        }
        Ok((run.quantizer()?, run.vectors()))
    }
}
