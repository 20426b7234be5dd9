//! A column of values, one per row or null.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType};

use super::messages::MAGIC;
use super::{KIND, Table};
use crate::columns::{Column, ColumnType, Value};
use crate::error::{Context, Error, Result};
use crate::io::column::KEPT;
use crate::io::columns::{guarded, type_name, wrong};
use crate::io::file::DataFile;
use crate::io::open_file;

/// The batches of a file, of one of its columns.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// All rows of the column `name`; a number that cannot be kept is named by row.
pub(in crate::io) fn values(path: &Path, name: &str) -> Result<Column> {
    let table = Table::open(path)?;
    let (number, kind) = choose(&table, name)?;
    let mut file = open_file(path)?;
    let mut start = [0; MAGIC.len()];
    file.read_exact(&mut start).and_then(|()| file.seek(SeekFrom::Start(0))).context(|| path.display())?;
    let (file, only) = (BufReader::new(file), Some(vec![number]));
    let mut batches = guarded(&table.file, KIND, || {
        Ok::<Batches, ArrowError>(match start == *MAGIC {
            true => Box::new(FileReader::try_new(file, only)?),
            false => Box::new(StreamReader::try_new(file, only)?),
        })
    })?;
    let mut column = Column::new(name, kind);
    while let Some(batch) = guarded(&table.file, KIND, || batches.next().transpose())? {
        guarded(&table.file, KIND, || {
            Ok::<_, ArrowError>(append(&mut column, batch.column(0), &table.file))
        })??;
    }
    Ok(column)
}

/// The top column `name`: its number, and what its values are.
fn choose(table: &Table, name: &str) -> Result<(usize, ColumnType)> {
    let fields = table.messages.schema.fields();
    let mut named = (0..fields.len()).filter(|&at| fields[at].name() == name);
    let problem = match (named.next(), named.next()) {
        (Some(at), None) => match kind(fields[at].data_type()) {
            Some(kind) => return Ok((at, kind)),
            None => {
                let leaf = table.leaves.iter().find(|leaf| leaf.name == name);
                let found = leaf.map_or_else(|| "struct".into(), |leaf| type_name(&leaf.element));
                format!("column '{name}' is {found}, and {KEPT}")
            }
        },
        (None, _) => format!("has no column '{name}'"),
        (Some(_), Some(_)) => format!("has several columns '{name}'"),
    };
    let listed: Vec<_> = table
        .leaves
        .iter()
        .map(|leaf| format!("{} {}", leaf.name, shown(&leaf.data_type, &leaf.element)))
        .collect();
    Err(table.file.invalid(format!("{problem} (there is: {})", listed.join(", "))))
}

fn shown(data_type: &DataType, element: &Result<crate::io::columns::Element, String>) -> String {
    kind(data_type).map_or_else(|| type_name(element), |kind| kind.to_string())
}

fn kind(data_type: &DataType) -> Option<ColumnType> {
    use DataType::*;
    Some(match data_type {
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => ColumnType::Int,
        Float16 | Float32 | Float64 => ColumnType::Float,
        Boolean => ColumnType::Bool,
        Utf8 | LargeUtf8 | Utf8View => ColumnType::String,
        Dictionary(_, values) => return kind(values).filter(|kind| *kind == ColumnType::String),
        _ => return None,
    })
}

/// Appends the values of an array.
fn append(column: &mut Column, array: &dyn Array, file: &DataFile) -> Result<()> {
    use DataType::*;
    macro_rules! numbers {
        ($kind:ty, $value:expr) => {
            array.as_primitive::<$kind>().iter().try_for_each(|value| column.push(value.map($value)))
        };
    }
    macro_rules! strings {
        ($strings:expr) => {
            $strings.iter().try_for_each(|value| column.push(value.map(Value::String)))
        };
    }
    match array.data_type() {
        Int8 => numbers!(Int8Type, |value| Value::Int(value.into())),
        Int16 => numbers!(Int16Type, |value| Value::Int(value.into())),
        Int32 => numbers!(Int32Type, |value| Value::Int(value.into())),
        Int64 => numbers!(Int64Type, Value::Int),
        UInt8 => numbers!(UInt8Type, |value| Value::Int(value.into())),
        UInt16 => numbers!(UInt16Type, |value| Value::Int(value.into())),
        UInt32 => numbers!(UInt32Type, |value| Value::Int(value.into())),
        UInt64 => array.as_primitive::<UInt64Type>().iter().try_for_each(|value| {
            let whole = value.map(i64::try_from).transpose().map_err(|_| {
                let value = value.unwrap_or_default();
                wrong(file, column.len(), &format!("is {value}, over what 64 bits hold with a sign"))
            })?;
            column.push(whole.map(Value::Int))
        }),
        Float16 => numbers!(Float16Type, |value| Value::Float(value.into())),
        Float32 => numbers!(Float32Type, |value| Value::Float(value.into())),
        Float64 => numbers!(Float64Type, Value::Float),
        Boolean => array.as_boolean().iter().try_for_each(|value| column.push(value.map(Value::Bool))),
        Utf8 => strings!(array.as_string::<i32>()),
        LargeUtf8 => strings!(array.as_string::<i64>()),
        Utf8View => strings!(array.as_string_view()),
        Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let mut words = Column::new("", ColumnType::String);
            append(&mut words, &**dictionary.values(), file)?;
            let keys = dictionary.normalized_keys();
            let there = |row: usize| dictionary.keys().is_valid(row) && keys[row] < words.len();
            (0..array.len())
                .try_for_each(|row| column.push(if there(row) { words.get(keys[row]) } else { None }))
        }
        other => Err(Error::input(format!("{}: holds {other}", file.path().display()))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        ArrayRef, BooleanArray, DictionaryArray, Float16Array, Float32Array, Float64Array, Int8Array,
        Int16Array, Int32Array, Int64Array, LargeStringArray, StringArray, StringViewArray,
        TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
    };
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::StreamWriter;
    use half::f16;

    use super::*;
    use crate::io::read_column;
    use crate::io::testing::{Folder, arrow_batches, refused};

    fn batch(array: ArrayRef) -> RecordBatch {
        let first: ArrayRef = Arc::new(Int64Array::from_iter_values(0..array.len() as i64));
        RecordBatch::try_from_iter([("row", first), ("a", array)]).unwrap()
    }

    fn shown(column: &Column) -> Vec<String> {
        (0..column.len())
            .map(|row| column.get(row).map_or("null".into(), |value| value.to_string()))
            .collect()
    }

    #[test]
    fn values_of_every_type_are_read_from_files_and_streams() {
        let folder = Folder::new();
        let long = "a text of more than twelve bytes";
        let words = [Some("ä"), None, Some(long)];
        let want = ["ä", "null", long];
        let arrays: [(ArrayRef, [&str; 3]); 16] = [
            (Arc::new(Int8Array::from(vec![Some(-1), None, Some(3)])), ["-1", "null", "3"]),
            (Arc::new(Int16Array::from(vec![Some(-1), None, Some(3)])), ["-1", "null", "3"]),
            (Arc::new(Int32Array::from(vec![Some(-1), None, Some(3)])), ["-1", "null", "3"]),
            (
                Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(3)])),
                ["-9223372036854775808", "null", "3"],
            ),
            (Arc::new(UInt8Array::from(vec![Some(255), None, Some(3)])), ["255", "null", "3"]),
            (Arc::new(UInt16Array::from(vec![Some(65535), None, Some(3)])), ["65535", "null", "3"]),
            (Arc::new(UInt32Array::from(vec![Some(u32::MAX), None, Some(3)])), ["4294967295", "null", "3"]),
            (Arc::new(UInt64Array::from(vec![Some(7), None, Some(3)])), ["7", "null", "3"]),
            (
                Arc::new(Float16Array::from(vec![Some(f16::from_f32(0.5)), None, Some(f16::NAN)])),
                ["0.5", "null", "null"],
            ),
            (Arc::new(Float32Array::from(vec![Some(0.5), None, Some(-2.0)])), ["0.5", "null", "-2"]),
            (
                Arc::new(Float64Array::from(vec![Some(0.1), None, Some(f64::INFINITY)])),
                ["0.1", "null", "inf"],
            ),
            (Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])), ["true", "null", "false"]),
            (Arc::new(StringArray::from(words.to_vec())), want),
            (Arc::new(LargeStringArray::from(words.to_vec())), want),
            (Arc::new(StringViewArray::from(words.to_vec())), want),
            (Arc::new(words.into_iter().collect::<DictionaryArray<Int32Type>>()), want),
        ];
        for (array, want) in arrays {
            let kind = array.data_type().clone();
            for packing in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
                let whole = batch(array.clone());
                let both = [whole.clone(), whole];
                let path = folder.file("x.arrow", &arrow_batches(&both, packing));
                let column = read_column(format!("{}:a", path.display())).unwrap();
                assert_eq!(shown(&column), [want, want].concat(), "{kind} {packing:?}");
            }
            let mut bytes = Vec::new();
            let one = batch(array);
            let mut writer = StreamWriter::try_new(&mut bytes, &one.schema()).unwrap();
            writer.write(&one).unwrap();
            writer.finish().unwrap();
            drop(writer);
            let path = folder.file("x.arrow", &bytes);
            assert_eq!(shown(&read_column(format!("{}:a", path.display())).unwrap()), want, "{kind}");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_named() {
        let folder = Folder::new();
        let why = |array: ArrayRef, name: &str| {
            let path = folder.file("x.feather", &arrow_batches(&[batch(array)], None));
            refused(read_column(format!("{}:{name}", path.display())))
        };
        let large: ArrayRef = Arc::new(UInt64Array::from(vec![1, u64::MAX]));
        assert!(
            why(large, "a").ends_with("row 1 is 18446744073709551615, over what 64 bits hold with a sign")
        );
        let times: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1, 2]));
        let found = why(times.clone(), "a");
        assert!(
            found.ends_with(&format!("column 'a' is timestamp, and {KEPT} (there is: row int, a timestamp)")),
            "{found}"
        );
        assert!(why(times, "b").ends_with("has no column 'b' (there is: row int, a timestamp)"));
    }

    /// Every cut of a file, and a byte here and there: an error or values, and no panic.
    #[test]
    fn damaged_files_are_errors() {
        let folder = Folder::new();
        let array: ArrayRef =
            Arc::new(["a", "b", "a", "c"].into_iter().collect::<DictionaryArray<Int32Type>>());
        let bytes = arrow_batches(&[batch(array)], None);
        let read = |bytes: &[u8]| read_column(format!("{}:a", folder.file("x.arrow", bytes).display()));
        assert!(read(&bytes).is_ok());
        for at in (0..bytes.len()).step_by(3) {
            assert!(read(&bytes[..at]).is_err(), "{at}");
            let mut torn = bytes.clone();
            torn[at] ^= 0x55;
            let _ = read(&torn);
        }
    }
}
