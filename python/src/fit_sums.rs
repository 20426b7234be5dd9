//! Fits to all vectors where they lie on many machines.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde_json::{Map, json};
use wgvq::settings::Spelling;
use wgvq::{FitSums, Training};

use crate::device;
use crate::error::raise;
use crate::model::Model;
use crate::rows::Rows;
use crate::value::settings_of;
use crate::work::{self, Threads};

/// What blocks of vectors say to the fit of a quantizer that is trained on all vectors.
///
/// Made by `fit_sums` of a quantizer, on any machine, in two passes; added up in any order, and by `fit_by_sums` turned into what
/// the quantizer has learnt. It can be pickled.
#[pyclass(frozen, name = "FitSums", module = "wgvq")]
pub struct Sums(Mutex<FitSums>);

impl Sums {
    fn new(sums: FitSums) -> Self {
        Self(Mutex::new(sums))
    }

    /// The sums, which nobody else reads or adds to meanwhile.
    fn lock(&self) -> MutexGuard<'_, FitSums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Sums {
    /// Adds the sums of other blocks.
    ///
    /// Raises ValueError if they are for another quantizer, of another pass or of other dimensions, or if a block is in both.
    fn add(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        py.detach(|| {
            // A copy, as two threads may add to one another's, and one to its own.
            let other = other.lock().clone();
            self.lock().add(other)
        })
        .map_err(raise)
    }

    /// The sums as bytes, which `from_bytes` reads on any machine.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.lock().to_bytes()))
    }

    /// The sums that `to_bytes` gave.
    ///
    /// Raises ValueError if the bytes are no such sums, of a newer version, or damaged.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        py.detach(|| FitSums::from_bytes(bytes)).map(Self::new).map_err(raise)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let read = slf.get_type().getattr("from_bytes")?;
        Ok((read, (slf.get().to_bytes(slf.py()),)))
    }

    /// How many vectors the pass has seen.
    #[getter]
    fn vectors(&self) -> u64 {
        self.lock().vectors()
    }

    /// The numbers of the blocks that the pass has seen, in ascending order.
    #[getter]
    fn blocks(&self) -> Vec<u64> {
        self.lock().blocks().collect()
    }

    fn __repr__(&self) -> String {
        let sums = self.lock();
        format!("FitSums({} vectors in {} blocks)", sums.vectors(), sums.blocks().count())
    }
}

fn training_of(spec: &str, settings: &Bound<'_, PyDict>) -> PyResult<Training> {
    Ok(Training::new(spec.parse().map_err(raise)?).set_all(settings_of(settings)?, Spelling::Key))
}

/// Whether a fit needs sums of blocks, and not a sample.
///
/// Raises ValueError for settings that the spec does not have.
#[pyfunction]
pub fn fits_by_sums(spec: &str, settings: &Bound<'_, PyDict>) -> PyResult<bool> {
    training_of(spec, settings)?.fits_by_sums().map_err(raise)
}

/// What a block of vectors `x`, float32 and C-contiguous (n, d), says in the first pass of a fit, or in the second, behind the
/// sums of the `first`.
///
/// Raises ValueError for a spec that is not fitted so, and for vectors and sums that do not go together; KeyboardInterrupt.
#[pyfunction]
#[pyo3(signature = (spec, settings, x, block, first, threads))]
pub fn fit_sums(
    py: Python<'_>,
    spec: &str,
    settings: &Bound<'_, PyDict>,
    x: &Bound<'_, PyAny>,
    block: u64,
    first: Option<&Sums>,
    threads: Option<Threads>,
) -> PyResult<Sums> {
    let training = training_of(spec, settings)?;
    let first = first.map(|first| first.lock().clone());
    let x = Rows::of(x)?;
    let sums = work::run(py, threads, None, move |watch| {
        let x = x.watched(watch);
        match first {
            None => FitSums::of(&training, &x, block),
            Some(first) => first.next(&x, block),
        }
    });
    sums.map(Sums::new)
}

/// The model of the sums of the second pass, on its device.
///
/// Raises ValueError for sums for another spec or other settings, or of not all blocks; DeviceError.
#[pyfunction]
pub fn fitted(
    py: Python<'_>,
    spec: &str,
    settings: &Bound<'_, PyDict>,
    sums: &Sums,
    seed: u64,
    device: String,
) -> PyResult<Model> {
    let training = training_of(spec, settings)?;
    let settings = settings_of(settings)?;
    py.detach(|| {
        let sums = sums.lock().clone();
        let quantizer = sums.fitted(&training)?;
        let training = json!({
            "trainer": "kmeans",
            "seed": seed,
            "iterations": 0,
            "vectors": sums.vectors(),
            "settings": settings,
        });
        Model::new(quantizer.into(), device::engine(&device)?, Map::new(), training)
    })
    .map_err(raise)
}
