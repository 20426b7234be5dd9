//! Refits of codebooks to vectors that lie on many machines.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wgvq::RefitSums;

use crate::error::raise;

/// What blocks of vectors say of a model's codebooks.
///
/// Made by `refit_sums` of a trained quantizer, on any machine; added up in any order, and by `refit` turned into better
/// codebooks. It can be pickled.
#[pyclass(frozen, name = "RefitSums", module = "wgvq")]
pub struct Sums(Mutex<RefitSums>);

impl Sums {
    pub fn new(sums: RefitSums) -> Self {
        Self(Mutex::new(sums))
    }

    /// The sums, which nobody else reads or adds to meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, RefitSums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Sums {
    /// Adds the sums of other blocks.
    ///
    /// Raises ValueError if they are of another model, or if a block is in both.
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
        py.detach(|| RefitSums::from_bytes(bytes)).map(Self::new).map_err(raise)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let read = slf.get_type().getattr("from_bytes")?;
        Ok((read, (slf.get().to_bytes(slf.py()),)))
    }

    /// How many vectors were summed up.
    #[getter]
    fn vectors(&self) -> u64 {
        self.lock().vectors()
    }

    /// The numbers of the blocks, in ascending order.
    #[getter]
    fn blocks(&self) -> Vec<u64> {
        self.lock().blocks().collect()
    }

    /// The mean squared error of the vectors with the model that the sums were made with.
    #[getter]
    fn mse(&self) -> f64 {
        self.lock().mse()
    }

    fn __repr__(&self) -> String {
        let sums = self.lock();
        format!(
            "RefitSums({} vectors in {} blocks, mse {:.6})",
            sums.vectors(),
            sums.blocks().count(),
            sums.mse()
        )
    }
}
