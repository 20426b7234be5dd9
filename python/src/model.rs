//! A trained quantizer on its device.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use numpy::ndarray::{Array1, Array2};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray2, ToPyArray};
use pyo3::exceptions::{PyFileExistsError, PyFileNotFoundError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde_json::{Map, Value};
use wgvq::{Batching, Codes, Context, Encoder, Engine, Quantizer, RefitSums, Vectors, encode_batches};

use crate::device;
use crate::error::raise;
use crate::refit::Sums;
use crate::rows::Rows;
use crate::value::{settings_of, to_python};
use crate::work::{self, Threads};

/// Up to so many rows the work is done on the calling thread: to start another takes longer than to encode them.
const FEW: usize = 64;

/// A trained quantizer, prepared once on its device.
#[pyclass(frozen, module = "wgvq._wgvq")]
pub struct Model {
    inner: Arc<Inner>,
}

struct Inner {
    quantizer: Arc<dyn Quantizer>,
    engine: Engine,
    encoder: Encoder,
    /// Settings of encoding in place of the quantizer's own.
    encoding: Map<String, Value>,
    /// What the model file says of the training.
    training: Value,
}

impl Model {
    pub fn new(
        quantizer: Arc<dyn Quantizer>,
        engine: Engine,
        encoding: Map<String, Value>,
        training: Value,
    ) -> wgvq::Result<Self> {
        let encoder = quantizer.encoder_with(&engine, &encoding)?;
        Ok(Self { inner: Arc::new(Inner { quantizer, engine, encoder, encoding, training }) })
    }

    fn read(path: &Path, device: &str) -> wgvq::Result<Self> {
        let model = wgvq::load(path)?;
        let training = model.description.get("training").cloned().unwrap_or_default();
        Self::new(model.quantizer.into(), device::engine(device)?, Map::new(), training)
    }
}

impl Inner {
    /// The codes (n, m) of `x`, and each vector's squared distance to what it decodes to.
    fn encode_with_errors(&self, x: &Rows) -> wgvq::Result<(Codes, Vec<f64>)> {
        let settings = self.quantizer.spec().check(
            &self.encoding,
            wgvq::settings::Stage::Encode,
            wgvq::settings::Spelling::Key,
        )?;
        let coder = self.quantizer.prepare_with(&self.engine, &settings)?;
        let (n, sizes) = (x.len(), coder.codebook_sizes());
        let mut values = Vec::with_capacity(n * sizes.len());
        let mut errors = Vec::with_capacity(n);
        let batching = Batching::of_coder(&*coder, &self.engine);
        encode_batches(&*coder, &self.engine, x, 0..n, batching, |batch| {
            values.extend(batch.codes.iter());
            errors.extend(&batch.distances);
            Ok(())
        })?;
        let values = Array2::from_shape_vec((n, sizes.len()), values).expect("m codes per row");
        Ok((Codes::new(values, sizes)?, errors))
    }
}

#[pymethods]
impl Model {
    /// Reads a model file. Raises FileNotFoundError and the like; ValueError for a file that is no model.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf, device: &str) -> PyResult<Self> {
        py.detach(|| Self::read(&path, device)).map_err(raise)
    }

    /// The model that `to_bytes` gave.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8], device: &str) -> PyResult<Self> {
        py.detach(|| {
            let folder = tempfile::tempdir().context(|| "a temporary folder")?;
            let path = folder.path().join("pickled.safetensors");
            std::fs::write(&path, bytes).context(|| path.display())?;
            Self::read(&path, device)
        })
        .map_err(raise)
    }

    /// Writes a model file, which appears whole or not at all. Raises FileExistsError unless `overwrite`; FileNotFoundError
    /// if there is no such folder; OSError.
    fn save(&self, py: Python<'_>, path: PathBuf, overwrite: bool) -> PyResult<()> {
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(PyFileExistsError::new_err(format!(
                "{}: exists; pass overwrite=True to replace it",
                path.display()
            )));
        }
        let inner = &self.inner;
        let saved = py.detach(|| inner.quantizer.save(&path, overwrite, inner.training.clone()));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match (saved, folder) {
            (Err(error), Some(folder)) if !folder.exists() => {
                Err(PyFileNotFoundError::new_err(error.to_string()))
            }
            (saved, _) => saved.map_err(raise),
        }
    }

    /// The bytes of the model file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let inner = &self.inner;
        let bytes = py.detach(|| {
            let folder = tempfile::tempdir().context(|| "a temporary folder")?;
            let path = folder.path().join("pickled.safetensors");
            inner.quantizer.save(&path, true, inner.training.clone())?;
            std::fs::read(&path).context(|| path.display())
        });
        Ok(PyBytes::new(py, &bytes.map_err(raise)?))
    }

    /// The same model on the same device, with other settings of encoding than its own.
    fn with_encoding(&self, py: Python<'_>, settings: &Bound<'_, PyDict>) -> PyResult<Self> {
        let encoding = settings_of(settings)?;
        let Inner { quantizer, engine, training, .. } = &*self.inner;
        py.detach(|| Self::new(quantizer.clone(), engine.clone(), encoding, training.clone())).map_err(raise)
    }

    /// The same model on another device.
    fn on_device(&self, py: Python<'_>, device: &str) -> PyResult<Self> {
        let Inner { quantizer, encoding, training, .. } = &*self.inner;
        py.detach(|| {
            let engine = device::engine(device)?;
            Self::new(quantizer.clone(), engine, encoding.clone(), training.clone())
        })
        .map_err(raise)
    }

    #[getter]
    fn spec(&self) -> String {
        self.inner.quantizer.spec().to_string()
    }

    #[getter]
    fn dim(&self) -> usize {
        self.inner.quantizer.dim()
    }

    /// Codewords per codebook: one entry per code of a vector.
    #[getter]
    fn codebook_sizes(&self) -> Vec<usize> {
        self.inner.quantizer.codebook_sizes()
    }

    #[getter]
    fn bits_per_vector(&self) -> f64 {
        self.inner.quantizer.bits_per_vector()
    }

    /// What the device is called.
    #[getter]
    fn device(&self) -> &str {
        self.inner.engine.name()
    }

    /// The settings that the quantizer keeps, by name.
    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.inner.quantizer.settings().into())
    }

    /// What the model file says of the training; {} if nothing.
    #[getter]
    fn training<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.inner.training {
            training @ Value::Object(_) => to_python(py, training),
            _ => Ok(PyDict::new(py).into_any()),
        }
    }

    /// The codebooks whose codewords add up, each (k, d) of the dimensions it is of; none for quantizers that decode
    /// otherwise.
    #[getter]
    fn codebooks<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyArray2<f32>>> {
        self.inner.quantizer.codebooks().into_iter().map(|codebook| codebook.to_pyarray(py)).collect()
    }

    /// What vectors are turned by before they are encoded, (d, d), or None.
    #[getter]
    fn rotation<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray2<f32>>> {
        self.inner.quantizer.rotation().map(|rotation| rotation.to_pyarray(py))
    }

    /// The codes (n, m) of `x`, float32 and C-contiguous (n, d): of the smallest unsigned type that holds them.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        threads: Option<Threads>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let x = Rows::of(x)?;
        let codes = if x.len() <= FEW {
            work::at_once(py, threads, || self.inner.encoder.encode(&x))?
        } else {
            let inner = Arc::clone(&self.inner);
            work::run(py, threads, None, move |watch| inner.encoder.encode(&x.watched(watch)))?
        };
        Ok(to_numpy(py, &codes))
    }

    /// The codes of `x` as `encode` has them, and each vector's squared distance to what its codes decode to, float64 (n,).
    fn encode_with_errors<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        threads: Option<Threads>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyArray1<f64>>)> {
        let (x, inner) = (Rows::of(x)?, Arc::clone(&self.inner));
        let (codes, errors) =
            work::run(py, threads, None, move |watch| inner.encode_with_errors(&x.watched(watch)))?;
        Ok((to_numpy(py, &codes), Array1::from_vec(errors).into_pyarray(py)))
    }

    /// What a block of vectors says of the codebooks; `block` is a number that no other block of the pass has.
    fn refit_sums(
        &self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        block: u64,
        threads: Option<Threads>,
    ) -> PyResult<Sums> {
        let (x, inner) = (Rows::of(x)?, Arc::clone(&self.inner));
        let sums = work::run(py, threads, None, move |watch| {
            RefitSums::of(&*inner.quantizer, &inner.engine, &x.watched(watch), block)
        });
        sums.map(Sums::new)
    }

    /// The model with the codebooks that are best for the codes that the vectors of the sums have.
    fn refitted(&self, py: Python<'_>, sums: &Sums) -> PyResult<Self> {
        let Inner { quantizer, engine, encoding, training, .. } = &*self.inner;
        py.detach(|| {
            let refitted = sums.lock().refitted(&**quantizer)?;
            Self::new(refitted.into(), engine.clone(), encoding.clone(), training.clone())
        })
        .map_err(raise)
    }

    /// The vectors (n, d) that `codes`, uint32 (n, m), stand for.
    fn decode<'py>(
        &self,
        py: Python<'py>,
        codes: PyReadonlyArray2<'py, u32>,
        threads: Option<Threads>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let values = codes.as_array().to_owned();
        let inner = Arc::clone(&self.inner);
        let decode = move || {
            let codes = Codes::new(values, inner.quantizer.codebook_sizes())?;
            inner.encoder.decode(&codes)
        };
        let decoded = if codes.as_array().nrows() <= FEW {
            work::at_once(py, threads, decode)?
        } else {
            work::run(py, threads, None, move |_| decode())?
        };
        Ok(decoded.into_pyarray(py))
    }
}

/// Codes as numpy has them: of the smallest unsigned type that holds those of every codebook.
fn to_numpy<'py>(py: Python<'py>, codes: &Codes) -> Bound<'py, PyAny> {
    let most = codes.codebook_sizes().iter().max().map_or(0, |&k| k.saturating_sub(1));
    let codes = codes.view();
    if most <= usize::from(u8::MAX) {
        codes.mapv(|code| code as u8).into_pyarray(py).into_any()
    } else if most <= usize::from(u16::MAX) {
        codes.mapv(|code| code as u16).into_pyarray(py).into_any()
    } else {
        codes.to_owned().into_pyarray(py).into_any()
    }
}
