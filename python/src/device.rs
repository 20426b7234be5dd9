//! Devices by their names.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use pyo3::prelude::*;
use wgvq::{Context, Engine};

use crate::error::raise;
use crate::value::to_python;

/// The engines that were opened: to look for GPUs and to open one takes longer than to encode many vectors.
static OPEN: LazyLock<Mutex<HashMap<String, Engine>>> = LazyLock::new(Default::default);

/// The engine of a device: `auto`, `cpu`, `gpu`, `gpu:N` or `gpu:NAME`.
pub fn engine(device: &str) -> wgvq::Result<Engine> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(engine) = open.get(device) {
        return Ok(engine.clone());
    }
    let engine = Engine::builder().device(device).tune(true).build().context(|| "device")?;
    open.insert(device.to_string(), engine.clone());
    Ok(engine)
}

/// Every device there is as a dictionary, the CPU last: `id` is what `device=` takes, `auto` whether `device="auto"` takes
/// it, and `reason` why.
#[pyfunction]
pub fn devices(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let devices = py.detach(wgvq::devices);
    let devices = serde_json::to_value(devices);
    to_python(py, &devices.map_err(|error| raise(wgvq::Error::device(error.to_string())))?)
}
