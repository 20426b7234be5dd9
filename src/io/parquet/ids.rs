//! A column of whole numbers, one per row, in a `.parquet` file.

use std::path::Path;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;

use super::element::Element;
use super::{BATCH, Table, guarded, name as column_name};
use crate::error::Result;

/// The numbers of the column `name`, or without a name of the only one of whole numbers.
pub(in crate::io) fn read_ids(path: &Path, name: Option<&str>) -> Result<Vec<u64>> {
    let table = Table::open(path)?;
    let schema = table.reader.metadata().file_metadata().schema_descr();
    let root = schema.root_schema();
    // Those without a list around them.
    let whole = |index: usize| match Element::of(&schema.column(index)) {
        Ok(element @ (Element::Signed(_) | Element::Unsigned(_)))
            if schema.column(index).max_rep_level() == 0 =>
        {
            Some(element)
        }
        _ => None,
    };
    let wanted = |index: &usize| match name {
        Some(name) => column_name(&schema.column(*index), root) == name,
        None => whole(*index).is_some(),
    };
    let mut found = (0..schema.num_columns()).filter(wanted);
    let (Some((index, element)), None) =
        (found.next().and_then(|index| Some((index, whole(index)?))), found.next())
    else {
        let names = schema.columns().iter().map(|column| column_name(column, root));
        let which = name.map_or("the only one".into(), |name| format!("'{name}'"));
        return Err(table.file.invalid(format!(
            "ids are a column of whole numbers, and {which} is none (there is: {})",
            names.collect::<Vec<_>>().join(", ")
        )));
    };
    let mut ids = Vec::new();
    let mut kept = None;
    while ids.len() < table.rows() {
        let row = ids.len();
        let mut cursor = table.seek(index, kept.take(), row)?;
        let n = BATCH.min(cursor.end - row);
        let numbers = guarded(&table.file, || decode(&mut cursor.pages, element, n))?;
        if numbers.len() != n {
            return Err(table
                .file
                .invalid(format!("a row from {row} to {} is null or missing; each has an id", row + n - 1)));
        }
        for (at, number) in numbers.into_iter().enumerate() {
            let id = u64::try_from(number);
            ids.push(
                id.map_err(|_| table.wrong(row + at, &format!("has the id {number}; ids are 0 or more")))?,
            );
        }
        cursor.row = row + n;
        kept = Some(cursor);
    }
    Ok(ids)
}

/// The numbers of the next `n` rows, without nulls.
fn decode(pages: &mut ColumnReader, element: Element, n: usize) -> Result<Vec<i128>, ParquetError> {
    let signed = matches!(element, Element::Signed(_));
    match pages {
        ColumnReader::Int32ColumnReader(pages) => decode_as(pages, n, |&stored| match signed {
            true => stored.into(),
            false => stored.cast_unsigned().into(),
        }),
        ColumnReader::Int64ColumnReader(pages) => decode_as(pages, n, |&stored| match signed {
            true => stored.into(),
            false => stored.cast_unsigned().into(),
        }),
        _ => Err(ParquetError::General("the column holds no whole numbers".into())),
    }
}

fn decode_as<T: DataType>(
    pages: &mut ColumnReaderImpl<T>,
    n: usize,
    number: impl Fn(&T::T) -> i128,
) -> Result<Vec<i128>, ParquetError> {
    let (mut stored, mut definitions) = (Vec::new(), Vec::new());
    let mut rows = 0;
    while rows < n {
        let (more, ..) = pages.read_records(n - rows, Some(&mut definitions), None, &mut stored)?;
        if more == 0 {
            break;
        }
        rows += more;
    }
    Ok(stored.iter().map(number).collect())
}
