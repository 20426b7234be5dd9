//! Arrays of numpy as the vectors that the library reads.

use std::ops::Range;
use std::sync::Arc;

use numpy::ndarray::{ArrayView2, Dimension};
use numpy::{PyArray2, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use wgvq::Vectors;

use crate::work::Watch;

/// An array of numpy, float32 and C-contiguous (n, d), which threads read without the interpreter's lock and without a copy.
/// It stays alive as long as this does.
///
/// As in every function of numpy that gives the lock away, a thread that writes to the array meanwhile decides what is read.
pub struct Rows {
    /// Keeps the values alive.
    _array: Py<PyArray2<f32>>,
    start: *const f32,
    shape: (usize, usize),
    watch: Option<Arc<Watch>>,
}

// SAFETY: the values are only read, they belong to `_array`, which is kept, and counting references to that from a thread
// without the interpreter's lock is left to pyo3.
unsafe impl Send for Rows {}
// SAFETY: as above.
unsafe impl Sync for Rows {}

impl Rows {
    /// The vectors of `array`.
    ///
    /// Raises TypeError if it is not float32, aligned and C-contiguous, or has not two dimensions.
    pub fn of(array: &Bound<'_, PyAny>) -> PyResult<Self> {
        let wrong = || PyTypeError::new_err("a C-contiguous array of float32 and two dimensions is needed");
        let array = array.cast::<PyArray2<f32>>().map_err(|_| wrong())?;
        let start = array.data().cast_const();
        if !array.is_c_contiguous() || !start.is_aligned() {
            return Err(wrong());
        }
        let (n, d) = array.dims().into_pattern();
        Ok(Self { _array: array.clone().unbind(), start, shape: (n, d), watch: None })
    }

    /// The same, not to be read any more once the watch is asked to stop.
    pub fn watched(self, watch: &Arc<Watch>) -> Self {
        Self { watch: Some(Arc::clone(watch)), ..self }
    }

    fn view(&self) -> ArrayView2<'_, f32> {
        // SAFETY: `of` has seen that so many values lie there, aligned and row-major, and the array is kept. Its shape cannot
        // change under us: numpy refuses to resize an array that somebody refers to.
        unsafe { ArrayView2::from_shape_ptr(self.shape, self.start) }
    }
}

impl Vectors for Rows {
    fn len(&self) -> usize {
        self.shape.0
    }

    fn dim(&self) -> usize {
        self.shape.1
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> wgvq::Result<()> {
        if let Some(watch) = &self.watch {
            watch.check()?;
        }
        self.view().read(rows, out)
    }
}
