//! The extension module of the Python package: what `wgvq` in Python calls. Estimators and the checks of what users give are
//! Python (`../wgvq`); the work, the table of settings and the errors of the library come from here.

mod arrow;
mod command_line;
mod device;
mod error;
mod fit;
mod fit_sums;
mod given;
mod index;
mod kept;
mod model;
mod refit;
mod rows;
mod table;
mod value;
mod work;

use pyo3::prelude::*;

#[pymodule]
fn _wgvq(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("DeviceError", module.py().get_type::<error::DeviceError>())?;
    module.add_class::<model::Model>()?;
    module.add_class::<refit::Sums>()?;
    module.add_class::<fit_sums::Sums>()?;
    module.add_class::<index::Index>()?;
    module.add_function(wrap_pyfunction!(fit::fit, module)?)?;
    module.add_function(wrap_pyfunction!(fit::sample_rows, module)?)?;
    module.add_function(wrap_pyfunction!(fit_sums::fits_by_sums, module)?)?;
    module.add_function(wrap_pyfunction!(fit_sums::fit_sums, module)?)?;
    module.add_function(wrap_pyfunction!(fit_sums::fitted, module)?)?;
    module.add_function(wrap_pyfunction!(table::kinds, module)?)?;
    module.add_function(wrap_pyfunction!(table::trainers, module)?)?;
    module.add_function(wrap_pyfunction!(table::settings, module)?)?;
    module.add_function(wrap_pyfunction!(table::index_settings, module)?)?;
    module.add_function(wrap_pyfunction!(table::index_defaults, module)?)?;
    module.add_function(wrap_pyfunction!(device::devices, module)?)?;
    module.add_function(wrap_pyfunction!(arrow::vectors_of_arrow, module)?)?;
    module.add_function(wrap_pyfunction!(command_line::main, module)?)
}
