//! A column of whole numbers, one per row, such as ids.

use std::path::Path;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;

use super::{Table, element, guarded};
use crate::error::Result;
use crate::io::columns::{Element, type_name, wrong};

/// All rows of the column `name`, or without a name of the only one of whole numbers; a null and a number below 0 are named by row.
pub(in crate::io) fn whole_numbers(path: &Path, name: Option<&str>) -> Result<Vec<u64>> {
    let table = Table::open(path)?;
    let (index, element) = choose(&table, name)?;
    // The definition level of a number that is there; 0 where there are no nulls.
    let full = table.reader.metadata().file_metadata().schema_descr().column(index).max_def_level();
    let mut all = Vec::new();
    for group in 0..table.reader.metadata().num_row_groups() {
        let first = table.starts[group];
        let n = table.starts[group + 1] - first;
        let decoded =
            guarded(&table.file, || match table.reader.get_row_group(group)?.get_column_reader(index)? {
                ColumnReader::Int32ColumnReader(mut pages) => {
                    decode(&mut pages, n, full, |&stored: &i32| match element {
                        Element::Unsigned(_) => Some(u64::from(stored.cast_unsigned())),
                        _ => u64::try_from(stored).ok(),
                    })
                }
                ColumnReader::Int64ColumnReader(mut pages) => {
                    decode(&mut pages, n, full, |&stored: &i64| match element {
                        Element::Unsigned(_) => Some(stored.cast_unsigned()),
                        _ => u64::try_from(stored).ok(),
                    })
                }
                _ => Err(ParquetError::General("the column holds no whole numbers".into())),
            })?;
        for row in 0..n {
            match decoded.get(row) {
                Some(Some(number)) => all.push(*number),
                Some(None) => {
                    return Err(wrong(
                        &table.file,
                        first + row,
                        "is null or below 0; an id is 0 to 2^64 − 1",
                    ));
                }
                None => {
                    return Err(wrong(
                        &table.file,
                        first + row,
                        "is missing: the file holds fewer rows than it promises",
                    ));
                }
            }
        }
    }
    Ok(all)
}

/// Decodes up to `n` rows, each to a number, or to nothing where there is none that fits.
fn decode<T: DataType>(
    pages: &mut ColumnReaderImpl<T>,
    n: usize,
    full: i16,
    number: impl Fn(&T::T) -> Option<u64>,
) -> Result<Vec<Option<u64>>, ParquetError> {
    let (mut stored, mut definitions, mut rows) = (Vec::new(), Vec::new(), 0);
    while rows < n {
        let (more, ..) = pages.read_records(n - rows, Some(&mut definitions), None, &mut stored)?;
        if more == 0 {
            break;
        }
        rows += more;
    }
    let mut numbers = stored.iter().map(number);
    if full == 0 {
        return Ok(numbers.collect());
    }
    let there = definitions.iter().map(|&level| level == full);
    Ok(there.map(|there| if there { numbers.next().flatten() } else { None }).collect())
}

/// The column `name`, or without a name the only one of whole numbers: its index and what it holds.
fn choose(table: &Table, name: Option<&str>) -> Result<(usize, Element)> {
    let schema = table.reader.metadata().file_metadata().schema_descr();
    let whole = |index: usize| {
        let column = schema.column(index);
        let held = element::of(&column).ok().filter(|_| column.max_rep_level() == 0);
        held.filter(|element| matches!(element, Element::Signed(_) | Element::Unsigned(_)))
    };
    let columns = table.columns();
    let wanted = |index: &usize| match name {
        Some(name) => columns[*index].0 == name,
        None => whole(*index).is_some(),
    };
    let mut candidates = (0..columns.len()).filter(wanted);
    let problem = match (candidates.next(), candidates.next(), name) {
        (Some(index), None, _) => match whole(index) {
            Some(element) => return Ok((index, element)),
            None => format!("column '{}' holds no whole numbers", columns[index].0),
        },
        (None, _, Some(name)) => format!("has no column '{name}'"),
        (None, _, None) => "has no column of whole numbers".into(),
        (Some(_), Some(_), _) => {
            format!(
                "has several columns of whole numbers; name one as in {}:NAME",
                table.file.path().display()
            )
        }
    };
    let listed: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(index, (name, element))| match whole(index) {
            Some(element) => format!("{name} {element}"),
            None => format!("{name} {}", type_name(element)),
        })
        .collect();
    Err(table.file.invalid(format!("{problem} (there is: {})", listed.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::testing::{Folder, parquet, refused};
    use parquet::data_type::{FloatType, Int32Type, Int64Type};

    /// One number in each row, or a null.
    fn column<T: DataType>(
        folder: &Folder,
        field: &str,
        numbers: &[Option<f32>],
        to: impl Fn(f32) -> T::T,
    ) -> String {
        let rows: Vec<_> = numbers.iter().map(|number| number.map(|number| vec![number])).collect();
        let path = folder.file("ids.parquet", &parquet::<T>(field, &rows, 2, to));
        path.display().to_string()
    }

    #[test]
    fn every_type_of_whole_numbers_is_read() {
        let folder = Folder::new();
        let read = |path: String| whole_numbers(Path::new(&path), None).unwrap();
        let five = [3.0, 0.0, 7.0, 1.0, 9.0].map(Some);
        for field in ["required int32 id;", "optional int32 id;", "required int32 id (INTEGER(8, true));"] {
            assert_eq!(
                read(column::<Int32Type>(&folder, field, &five, |v| v as i32)),
                [3, 0, 7, 1, 9],
                "{field}"
            );
        }
        for field in ["required int64 id;", "optional int64 id (INTEGER(64, true));"] {
            assert_eq!(
                read(column::<Int64Type>(&folder, field, &five, |v| v as i64)),
                [3, 0, 7, 1, 9],
                "{field}"
            );
        }
        // Unsigned numbers lie in signed ones.
        let large = column::<Int64Type>(&folder, "required int64 id (UINT_64);", &five[..1], |_| -1);
        assert_eq!(read(large), [u64::MAX]);
        let large =
            column::<Int32Type>(&folder, "optional int32 id (INTEGER(32, false));", &five[..1], |_| -1);
        assert_eq!(read(large), [u64::from(u32::MAX)]);
    }

    #[test]
    fn what_is_no_id_is_named() {
        let folder = Folder::new();
        let why = |path: String| refused(whole_numbers(Path::new(&path), None));
        let holes = [Some(1.0), Some(2.0), None, Some(4.0)];
        let null = why(column::<Int64Type>(&folder, "optional int64 id;", &holes, |v| v as i64));
        assert!(null.ends_with("row 2 is null or below 0; an id is 0 to 2^64 − 1"), "{null}");
        let none = why(column::<Int64Type>(&folder, "optional int64 id;", &[None, None], |v| v as i64));
        assert!(none.contains("row 0 is null"), "{none}");
        let below =
            why(column::<Int32Type>(&folder, "required int32 id;", &[Some(1.0), Some(-1.0)], |v| v as i32));
        assert!(below.contains("row 1 is null or below 0"), "{below}");
        let floats = why(column::<FloatType>(&folder, "required float id;", &[Some(1.0)], |v| v));
        assert!(floats.contains("has no column of whole numbers (there is: id f32)"), "{floats}");
        let dates =
            why(column::<Int32Type>(&folder, "required int32 day (DATE);", &[Some(1.0)], |v| v as i32));
        assert!(dates.contains("has no column of whole numbers (there is: day date)"), "{dates}");
        let lists = why(column::<Int32Type>(&folder, "repeated int32 id;", &[Some(1.0)], |v| v as i32));
        assert!(lists.contains("(there is: id list<i32>)"), "{lists}");
    }
}
