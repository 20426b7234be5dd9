//! Columns that an index keeps beside vectors, as lists of Python.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use wgvq::columns::{Column, ColumnSchema, ColumnType, Value};

use crate::error::raise;

/// The columns of a dictionary of lists, by name. What those of an index are is `known`; others are what their values are.
pub fn columns_of(given: &Bound<'_, PyDict>, known: &[ColumnSchema]) -> PyResult<Vec<Column>> {
    let mut columns = Vec::new();
    for (name, values) in given {
        let name: String = name.extract()?;
        let values = values.cast::<PyList>()?;
        let kind = match known.iter().find(|column| column.name == name) {
            Some(column) => column.kind,
            None => kind_of(&name, values)?,
        };
        let mut column = Column::new(name, kind);
        for value in values {
            push(&mut column, &value)?;
        }
        columns.push(column);
    }
    Ok(columns)
}

/// The values of a column, `None` for null.
pub fn to_list<'py>(py: Python<'py>, column: &Column) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for row in 0..column.len() {
        match column.get(row) {
            None => list.append(py.None())?,
            Some(Value::Int(value)) => list.append(value)?,
            Some(Value::Float(value)) => list.append(value)?,
            Some(Value::Bool(value)) => list.append(value)?,
            Some(Value::String(value)) => list.append(value)?,
        }
    }
    Ok(list)
}

/// What a value is, if it is one that can be kept; numbers may be numpy's.
fn kind(value: &Bound<'_, PyAny>) -> PyResult<Option<ColumnType>> {
    Ok(if value.cast::<PyBool>().is_ok() {
        Some(ColumnType::Bool)
    } else if value.cast::<PyString>().is_ok() {
        Some(ColumnType::String)
    } else if value.cast::<PyFloat>().is_ok() {
        Some(ColumnType::Float)
    } else if value.cast::<PyInt>().is_ok() || value.hasattr("__index__")? {
        Some(ColumnType::Int)
    } else {
        None
    })
}

fn kind_of(name: &str, values: &Bound<'_, PyList>) -> PyResult<ColumnType> {
    use ColumnType::{Float, Int};
    let mut all = None;
    for (row, value) in values.iter().enumerate().filter(|(_, value)| !value.is_none()) {
        all = match (all, kind(&value)?) {
            (None, Some(own)) => Some(own),
            (Some(all), Some(own)) if all == own => Some(all),
            (Some(Int | Float), Some(Int | Float)) => Some(Float),
            (Some(all), Some(own)) => {
                return Err(PyTypeError::new_err(format!(
                    "keep: the column {name} is {all}, and row {row} is {own}"
                )));
            }
            (_, None) => {
                let found = value.get_type().name()?;
                return Err(PyTypeError::new_err(format!(
                    "keep: row {row} of the column {name} is of type {found}; whole numbers, floats, booleans, strings and None can be kept"
                )));
            }
        };
    }
    all.ok_or_else(|| {
        PyValueError::new_err(format!(
            "keep: the column {name} has no value that is not None, and so no type"
        ))
    })
}

fn push(column: &mut Column, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if value.is_none() {
        return column.push(None).map_err(raise);
    }
    let (name, row, found) = (column.name().to_string(), column.len(), kind(value)?);
    let pushed = match (column.kind(), found) {
        (ColumnType::Bool, Some(ColumnType::Bool)) => column.push(Some(Value::Bool(value.extract()?))),
        (ColumnType::Int, Some(ColumnType::Int)) => {
            let whole = value.extract().map_err(|_| {
                PyValueError::new_err(format!(
                    "keep: row {row} of the column {name} is over what 64 bits hold with a sign"
                ))
            })?;
            column.push(Some(Value::Int(whole)))
        }
        (ColumnType::Float, Some(ColumnType::Int | ColumnType::Float)) => {
            column.push(Some(Value::Float(value.extract()?)))
        }
        (ColumnType::String, Some(ColumnType::String)) => {
            column.push(Some(Value::String(&value.extract::<String>()?)))
        }
        (kind, _) => {
            let found = value.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "keep: the column {name} is {kind}, and row {row} is of type {found}"
            )));
        }
    };
    pushed.map_err(raise)
}
