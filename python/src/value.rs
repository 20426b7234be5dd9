//! Values of settings, and what the library says in JSON, on their way between Python and Rust.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use serde_json::{Map, Value};

/// The settings of a dictionary, by name. Those that are `None` are left out: nobody has said anything of them.
pub fn settings_of(given: &Bound<'_, PyDict>) -> PyResult<Map<String, Value>> {
    let mut settings = Map::new();
    for (name, value) in given {
        if !value.is_none() {
            let name: String = name.extract()?;
            let value = setting_of(&name, &value)?;
            settings.insert(name, value);
        }
    }
    Ok(settings)
}

/// A number, a word or a switch; numbers may be numpy's.
fn setting_of(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(switch) = value.cast::<PyBool>() {
        return Ok(switch.is_true().into());
    }
    if value.cast::<PyInt>().is_ok() || value.hasattr("__index__")? {
        return Ok(match (value.extract::<u64>(), value.extract::<i64>()) {
            (Ok(count), _) => count.into(),
            (_, Ok(negative)) => negative.into(),
            _ => value.extract::<f64>()?.into(),
        });
    }
    if value.cast::<PyFloat>().is_ok() || value.hasattr("__float__")? {
        return Ok(value.extract::<f64>()?.into());
    }
    if let Ok(word) = value.cast::<PyString>() {
        return Ok(word.extract::<String>()?.into());
    }
    let given = value.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "{name} is of type {given}; must be a number, a string, a bool or None"
    )))
}

/// JSON as Python has it.
pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(count), _) => count.into_pyobject(py)?.into_any(),
            (_, Some(count)) => count.into_pyobject(py)?.into_any(),
            _ => number.as_f64().into_pyobject(py)?.into_any(),
        },
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Array(values) => {
            let list = PyList::empty(py);
            for value in values {
                list.append(to_python(py, value)?)?;
            }
            list.into_any()
        }
        Value::Object(entries) => {
            let dict = PyDict::new(py);
            for (name, value) in entries {
                dict.set_item(name, to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}
