//! A column of values, one per row or null.

use std::path::Path;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;

use super::{Table, element, guarded};
use crate::columns::{Column, ColumnType, Value};
use crate::error::Result;
use crate::io::column::KEPT;
use crate::io::columns::{Element, type_name, wrong};

/// Rows that are decoded at a time.
const BATCH: usize = 1 << 16;

/// All rows of the column `name`; a number or text that cannot be kept is named by row.
pub(in crate::io) fn values(path: &Path, name: &str) -> Result<Column> {
    let table = Table::open(path)?;
    let (index, kind, unsigned) = choose(&table, name)?;
    // The definition level of a value that is there; 0 where there are no nulls.
    let full = table.reader.metadata().file_metadata().schema_descr().column(index).max_def_level();
    let mut column = Column::new(name, kind);
    for group in 0..table.reader.metadata().num_row_groups() {
        let end = table.starts[group + 1];
        let mut pages = guarded(&table.file, || table.reader.get_row_group(group)?.get_column_reader(index))?;
        while column.len() < end {
            let (first, most) = (column.len(), (end - column.len()).min(BATCH));
            let whole = |value: i128| match i64::try_from(value) {
                Ok(value) => Ok(Value::Int(value)),
                Err(_) => Err(format!("is {value}, over what 64 bits hold with a sign")),
            };
            use ColumnReader as Pages;
            let decoded = guarded(&table.file, || match &mut pages {
                Pages::Int32ColumnReader(pages) => decode(pages, most, full, &mut column, |stored| {
                    whole(if unsigned { stored.cast_unsigned().into() } else { (*stored).into() })
                }),
                Pages::Int64ColumnReader(pages) => decode(pages, most, full, &mut column, |stored| {
                    whole(if unsigned { stored.cast_unsigned().into() } else { (*stored).into() })
                }),
                Pages::FloatColumnReader(pages) => {
                    decode(pages, most, full, &mut column, |stored| Ok(Value::Float((*stored).into())))
                }
                Pages::DoubleColumnReader(pages) => {
                    decode(pages, most, full, &mut column, |stored| Ok(Value::Float(*stored)))
                }
                Pages::FixedLenByteArrayColumnReader(pages) => {
                    decode(pages, most, full, &mut column, |stored| Ok(Value::Float(element::half(stored))))
                }
                Pages::BoolColumnReader(pages) => {
                    decode(pages, most, full, &mut column, |stored| Ok(Value::Bool(*stored)))
                }
                Pages::ByteArrayColumnReader(pages) => decode(pages, most, full, &mut column, |stored| {
                    let text = std::str::from_utf8(stored.data());
                    text.map(Value::String).map_err(|_| "is a string, and no UTF-8".into())
                }),
                Pages::Int96ColumnReader(_) => Err(ParquetError::General("the column holds times".into())),
            })?;
            decoded.map_err(|why| wrong(&table.file, column.len(), &why))?;
            if column.len() == first {
                let why = "is missing: the file holds fewer rows than it promises";
                return Err(wrong(&table.file, first, why));
            }
        }
    }
    Ok(column)
}

/// Decodes up to `n` rows and appends them, up to the first that cannot be kept, of which it says why.
fn decode<T: DataType>(
    pages: &mut ColumnReaderImpl<T>,
    n: usize,
    full: i16,
    column: &mut Column,
    mut value: impl for<'v> FnMut(&'v T::T) -> Result<Value<'v>, String>,
) -> Result<Result<(), String>, ParquetError> {
    let (mut stored, mut definitions) = (Vec::new(), Vec::new());
    let (rows, ..) = pages.read_records(n, Some(&mut definitions), None, &mut stored)?;
    let mut stored = stored.iter();
    for row in 0..rows {
        let there = full == 0 || definitions.get(row) == Some(&full);
        let stored = if there { stored.next() } else { None };
        let value = match stored.map(&mut value).transpose() {
            Ok(value) => value,
            Err(why) => return Ok(Err(why)),
        };
        if let Err(error) = column.push(value) {
            return Ok(Err(error.to_string()));
        }
    }
    Ok(Ok(()))
}

/// The column `name`: its index, what its values are, and whether they are numbers without a sign.
fn choose(table: &Table, name: &str) -> Result<(usize, ColumnType, bool)> {
    let schema = table.reader.metadata().file_metadata().schema_descr();
    let kind = |index: usize| {
        let column = schema.column(index);
        match element::of(&column) {
            _ if column.max_rep_level() > 0 => None,
            Ok(Element::Signed(_)) => Some((ColumnType::Int, false)),
            Ok(Element::Unsigned(_)) => Some((ColumnType::Int, true)),
            Ok(Element::F16 | Element::F32 | Element::F64) => Some((ColumnType::Float, false)),
            Err("bool") => Some((ColumnType::Bool, false)),
            Err("string" | "json") => Some((ColumnType::String, false)),
            Ok(Element::Decimal { .. }) | Err(_) => None,
        }
    };
    let columns = table.columns();
    let mut named = (0..columns.len()).filter(|&index| columns[index].0 == name);
    let problem = match (named.next(), named.next()) {
        (Some(index), None) => match kind(index) {
            Some((kind, unsigned)) => return Ok((index, kind, unsigned)),
            None => format!("column '{name}' is {}, and {KEPT}", shown(table, &columns, index)),
        },
        (None, _) => format!("has no column '{name}'"),
        (Some(_), Some(_)) => format!("has several columns '{name}'"),
    };
    let listed: Vec<_> = (0..columns.len())
        .map(|index| match kind(index) {
            Some((kind, _)) => format!("{} {kind}", columns[index].0),
            None => format!("{} {}", columns[index].0, shown(table, &columns, index)),
        })
        .collect();
    Err(table.file.invalid(format!("{problem} (there is: {})", listed.join(", "))))
}

/// The type of a column that cannot be kept.
fn shown(table: &Table, columns: &[crate::io::columns::Listed], index: usize) -> String {
    let column = table.reader.metadata().file_metadata().schema_descr().column(index);
    match element::of(&column) {
        Ok(element @ Element::Decimal { .. }) if column.max_rep_level() == 0 => element.to_string(),
        _ => type_name(&columns[index].1),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::data_type::{
        BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type,
    };
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;
    use crate::io::read_column;
    use crate::io::testing::{Folder, refused};

    /// A file of one optional column, of two row groups, with these values and nulls.
    fn file<T: DataType>(folder: &Folder, field: &str, rows: &[Option<T::T>]) -> String {
        let schema = parse_message_type(&format!("message table {{ {field} }}")).unwrap();
        let properties = Arc::new(WriterProperties::builder().build());
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(schema), properties).unwrap();
        for rows in rows.chunks(rows.len().div_ceil(2).max(1)) {
            let values: Vec<T::T> = rows.iter().flatten().cloned().collect();
            let levels: Vec<i16> = rows.iter().map(|row| row.is_some().into()).collect();
            let mut group = writer.next_row_group().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let levels = field.starts_with("optional").then_some(&levels[..]);
            column.typed::<T>().write_batch(&values, levels, None).unwrap();
            column.close().unwrap();
            group.close().unwrap();
        }
        writer.close().unwrap();
        format!("{}:a", folder.file("x.parquet", &bytes).display())
    }

    fn read(path: String) -> Vec<Option<String>> {
        let column = read_column(path).unwrap();
        (0..column.len()).map(|row| column.get(row).map(|value| value.to_string())).collect()
    }

    fn texts<const N: usize>(texts: [&str; N]) -> Vec<Option<String>> {
        texts.iter().map(|text| (*text != "null").then(|| text.to_string())).collect()
    }

    #[test]
    fn values_of_every_type_are_read() {
        let folder = Folder::new();
        let ints = [Some(-3), None, Some(i64::MAX), Some(7), None];
        let want = texts(["-3", "null", "9223372036854775807", "7", "null"]);
        assert_eq!(read(file::<Int64Type>(&folder, "optional int64 a;", &ints)), want);
        let narrow = [Some(-1), Some(5)];
        assert_eq!(read(file::<Int32Type>(&folder, "required int32 a;", &narrow)), texts(["-1", "5"]));
        let unsigned = "optional int32 a (INTEGER(32, false));";
        assert_eq!(read(file::<Int32Type>(&folder, unsigned, &narrow)), texts(["4294967295", "5"]));
        let floats = [Some(0.5), None, Some(f32::NAN)];
        assert_eq!(
            read(file::<FloatType>(&folder, "optional float a;", &floats)),
            texts(["0.5", "null", "null"])
        );
        let doubles = [Some(1e300), Some(-0.25)];
        assert_eq!(
            read_column(file::<DoubleType>(&folder, "required double a;", &doubles)).unwrap().get(0),
            Some(Value::Float(1e300))
        );
        let bools = [Some(true), None, Some(false)];
        assert_eq!(
            read(file::<BoolType>(&folder, "optional boolean a;", &bools)),
            texts(["true", "null", "false"])
        );
        let words = [Some(ByteArray::from("ä")), Some("".into()), None];
        assert_eq!(
            read(file::<ByteArrayType>(&folder, "optional binary a (STRING);", &words)),
            texts(["ä", "", "null"])
        );
        // More than are decoded at a time.
        let many: Vec<_> = (0..3 * BATCH as i64).map(|row| (row % 3 > 0).then_some(row)).collect();
        let column = read_column(file::<Int64Type>(&folder, "optional int64 a;", &many)).unwrap();
        assert!((0..many.len()).all(|row| column.get(row) == many[row].map(Value::Int)));
    }

    #[test]
    fn what_cannot_be_kept_is_named() {
        let folder = Folder::new();
        let why = |path: String| refused(read_column(path));
        let large =
            file::<Int64Type>(&folder, "optional int64 a (INTEGER(64, false));", &[Some(1), None, Some(-1)]);
        assert!(why(large).ends_with("row 2 is 18446744073709551615, over what 64 bits hold with a sign"));
        let bytes = [Some(ByteArray::from("a")), Some(vec![0xff_u8].into())];
        let bytes = file::<ByteArrayType>(&folder, "optional binary a (STRING);", &bytes);
        assert!(why(bytes).ends_with("row 1 is a string, and no UTF-8"));
        let date = why(file::<Int32Type>(&folder, "optional int32 a (DATE);", &[Some(1), None]));
        assert!(date.ends_with(&format!("column 'a' is date, and {KEPT} (there is: a date)")), "{date}");
        let other = why(file::<Int32Type>(&folder, "optional int32 b;", &[Some(1), None]));
        assert!(other.ends_with("has no column 'a' (there is: b int)"), "{other}");
        let lists = why(file::<Int32Type>(&folder, "repeated int32 a;", &[]));
        assert!(lists.contains("column 'a' is list<i32>"), "{lists}");
    }
}
