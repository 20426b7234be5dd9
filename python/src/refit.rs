//! Refits of codebooks to vectors that lie on many machines.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wgvq::RefitSums;

use crate::error::raise;

/// What blocks of vectors say of a model's codebooks.
///
/// Made by `refit_sums` of a trained quantizer, on any machine; added up in any order, and by `refit` turned into better
/// codebooks. It can be pickled.
#[pyclass(frozen, name = "RefitSums", module = "wgvq")]
pub struct Sums(pub Mutex<RefitSums>);

impl Sums {
    pub fn new(sums: RefitSums) -> Self {
        Self(Mutex::new(sums))
    }

    /// A copy of the sums.
    pub fn get(&self) -> RefitSums {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}

#[pymethods]
impl Sums {
    /// Adds the sums of other blocks.
    ///
    /// Raises ValueError if they are of another model, or if a block is in both.
    fn add(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        py.detach(|| {
            let other = other.get();
            self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).add(other)
        })
        .map_err(raise)
    }

    /// The sums as bytes, which `from_bytes` reads on any machine.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.get().to_bytes()))
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
        self.get().vectors()
    }

    /// The numbers of the blocks, in ascending order.
    #[getter]
    fn blocks(&self) -> Vec<u64> {
        self.get().blocks().collect()
    }

    /// The mean squared error of the vectors with the model that the sums were made with.
    #[getter]
    fn mse(&self) -> f64 {
        self.get().mse()
    }

    fn __repr__(&self) -> String {
        let sums = self.get();
        format!(
            "RefitSums({} vectors in {} blocks, mse {:.6})",
            sums.vectors(),
            sums.blocks().count(),
            sums.mse()
        )
    }
}
