//! Columns of Arrow as vectors, through the PyCapsule interface: from pyarrow, polars, DuckDB and whatever else speaks it,
//! without any of them.

use std::ffi::CStr;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::types::{Float16Type, Float32Type, Float64Type, Int8Type, UInt8Type};
use arrow_array::{Array, ArrayRef, make_array};
use arrow_schema::DataType;
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray2};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods};

/// The vectors of an array or a stream of arrays of Arrow whose values are lists of one length, float32 (n, d).
///
/// Raises TypeError if `column` has no Arrow interface; ValueError if it holds something else than lists of numbers, or lists
/// that are missing or of other lengths, by row.
#[pyfunction]
pub fn vectors_of_arrow<'py>(
    py: Python<'py>,
    column: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let mut vectors = Vectors::default();
    for array in arrays(column)? {
        vectors.add(&array)?;
    }
    let shape = (vectors.rows, vectors.dim.unwrap_or(0));
    Ok(Array2::from_shape_vec(shape, vectors.values).expect("one value per cell").into_pyarray(py))
}

/// The arrays that `column` exports.
fn arrays(column: &Bound<'_, PyAny>) -> PyResult<Vec<ArrayRef>> {
    if column.hasattr("__arrow_c_stream__")? {
        let capsule = column.call_method0("__arrow_c_stream__")?;
        let stream = pointer::<FFI_ArrowArrayStream>(&capsule, c"arrow_array_stream")?;
        // SAFETY: a capsule of that name holds a stream that is whole, and that it gives to whoever takes it.
        return chunks(unsafe { FFI_ArrowArrayStream::from_raw(stream) });
    }
    if !column.hasattr("__arrow_c_array__")? {
        return Err(PyTypeError::new_err("an object with the Arrow PyCapsule interface is needed"));
    }
    let (schema, array): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
        column.call_method0("__arrow_c_array__")?.extract()?;
    let schema = pointer::<FFI_ArrowSchema>(&schema, c"arrow_schema")?;
    let array = pointer::<FFI_ArrowArray>(&array, c"arrow_array")?;
    // SAFETY: capsules of these names hold a schema and an array of it that are whole, and that they give to whoever takes
    // them.
    let data = unsafe { from_ffi(FFI_ArrowArray::from_raw(array), &FFI_ArrowSchema::from_raw(schema)) };
    Ok(vec![make_array(data.map_err(refuse)?)])
}

/// What a capsule of that name points to.
fn pointer<T>(capsule: &Bound<'_, PyAny>, name: &'static CStr) -> PyResult<*mut T> {
    let capsule = capsule.cast::<PyCapsule>();
    let capsule = capsule.map_err(|_| PyTypeError::new_err("its Arrow interface gives no capsule"))?;
    Ok(capsule.pointer_checked(Some(name))?.cast().as_ptr())
}

/// All arrays of a stream.
fn chunks(mut stream: FFI_ArrowArrayStream) -> PyResult<Vec<ArrayRef>> {
    let (Some(get_schema), Some(get_next)) = (stream.get_schema(), stream.get_next()) else {
        return Err(PyValueError::new_err("the Arrow stream was read before; take it anew"));
    };
    let mut schema = FFI_ArrowSchema::empty();
    // SAFETY: the function is the stream's own, and the schema is empty, to be filled.
    if unsafe { get_schema(&mut stream, &mut schema) } != 0 {
        return Err(failed(&mut stream));
    }
    let mut arrays = Vec::new();
    loop {
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: as above.
        if unsafe { get_next(&mut stream, &mut array) } != 0 {
            return Err(failed(&mut stream));
        }
        if array.is_released() {
            return Ok(arrays);
        }
        // SAFETY: the stream says that its arrays are of its schema.
        let data = unsafe { from_ffi(array, &schema) };
        arrays.push(make_array(data.map_err(refuse)?));
    }
}

/// What went wrong in a stream, in its own words if it has any.
fn failed(stream: &mut FFI_ArrowArrayStream) -> PyErr {
    // SAFETY: the function is the stream's own.
    let words = stream.get_last_error().map(|words| unsafe { words(stream) });
    let words = match words {
        // SAFETY: what is not null is a string that lives until the stream is asked something else.
        Some(words) if !words.is_null() => unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned(),
        _ => "no reason was given".to_string(),
    };
    PyValueError::new_err(format!("the Arrow stream cannot be read: {words}"))
}

fn refuse(error: arrow_schema::ArrowError) -> PyErr {
    PyValueError::new_err(format!("the Arrow array cannot be read: {error}"))
}

/// Vectors that were read so far.
#[derive(Default)]
struct Vectors {
    rows: usize,
    dim: Option<usize>,
    values: Vec<f32>,
}

impl Vectors {
    /// Adds the lists of `array`, a row each.
    fn add(&mut self, array: &ArrayRef) -> PyResult<()> {
        match array.data_type() {
            DataType::Struct(fields) => {
                let [_] = fields[..] else {
                    return Err(PyValueError::new_err(format!(
                        "the Arrow table has {} columns; give the one that holds the vectors",
                        fields.len()
                    )));
                };
                self.add(array.as_struct().column(0))
            }
            DataType::FixedSizeList(..) => {
                let lists = array.as_fixed_size_list();
                let dim = usize::try_from(lists.value_length()).unwrap_or_default();
                let is_whole = lists.null_count() == 0 && lists.values().null_count() == 0;
                if is_whole && *self.dim.get_or_insert(dim) == dim {
                    // They lie end to end.
                    self.rows += lists.len();
                    return self.add_values(lists.values());
                }
                self.add_lists(array, |row| lists.value(row))
            }
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                self.add_lists(array, |row| lists.value(row))
            }
            DataType::LargeList(_) => {
                let lists = array.as_list::<i64>();
                self.add_lists(array, |row| lists.value(row))
            }
            other => Err(PyValueError::new_err(format!(
                "the Arrow column is of type {other}; lists of numbers are needed, one for each vector"
            ))),
        }
    }

    fn add_lists(&mut self, lists: &ArrayRef, list: impl Fn(usize) -> ArrayRef) -> PyResult<()> {
        for at in 0..lists.len() {
            let row = self.rows;
            if lists.is_null(at) {
                return Err(PyValueError::new_err(format!(
                    "row {row} is missing; every row has to be a vector"
                )));
            }
            let values = list(at);
            let dim = *self.dim.get_or_insert(values.len());
            if values.len() != dim {
                let length = values.len();
                return Err(PyValueError::new_err(format!(
                    "row {row} has {length} values and row 0 has {dim}; every vector has to have as many"
                )));
            }
            if let Some(column) = (0..values.len()).find(|&column| values.is_null(column)) {
                return Err(PyValueError::new_err(format!(
                    "the value at row {row}, column {column} is missing"
                )));
            }
            self.add_values(&values)?;
            self.rows += 1;
        }
        Ok(())
    }

    fn add_values(&mut self, values: &ArrayRef) -> PyResult<()> {
        match values.data_type() {
            DataType::Float32 => self.values.extend(values.as_primitive::<Float32Type>().values()),
            DataType::Float64 => {
                self.values
                    .extend(values.as_primitive::<Float64Type>().values().iter().map(|&value| value as f32));
            }
            DataType::Float16 => {
                let values = values.as_primitive::<Float16Type>().values();
                self.values.extend(values.iter().map(|value| value.to_f32()));
            }
            DataType::UInt8 => {
                self.values.extend(
                    values.as_primitive::<UInt8Type>().values().iter().map(|&value| f32::from(value)),
                );
            }
            DataType::Int8 => {
                self.values
                    .extend(values.as_primitive::<Int8Type>().values().iter().map(|&value| f32::from(value)));
            }
            other => {
                return Err(PyValueError::new_err(format!(
                    "the Arrow lists are of type {other}; must be float of 16 to 64 bits, uint8 or int8"
                )));
            }
        }
        Ok(())
    }
}
