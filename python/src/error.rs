//! The library's errors as Python's exceptions.

use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use wgvq::ErrorKind;

pyo3::create_exception!(
    wgvq,
    DeviceError,
    PyRuntimeError,
    "A GPU, its driver or its memory failed, or does not open. `device=\"cpu\"` works everywhere."
);

/// The exception for `error`, in its words: `OSError` or the kin that fits for files, `DeviceError` for devices, `ValueError`
/// for everything that the caller can change.
pub fn raise(error: wgvq::Error) -> PyErr {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::Input | ErrorKind::Shape => PyValueError::new_err(text),
        ErrorKind::Device => DeviceError::new_err(text),
        ErrorKind::Cancelled => PyKeyboardInterrupt::new_err(text),
        ErrorKind::Io => std::io::Error::new(io_kind(&error), text).into(),
        _ => PyRuntimeError::new_err(text),
    }
}

/// What kind of error of the system it is, if it is one.
pub fn io_kind(error: &wgvq::Error) -> std::io::ErrorKind {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    source.map_or(std::io::ErrorKind::Other, std::io::Error::kind)
}
