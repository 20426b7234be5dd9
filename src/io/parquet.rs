//! A column of equally long lists of numbers in a `.parquet` file.
//!
//! Format: <https://parquet.apache.org/docs/file-format/>. Pages are decoded one after the other by a cursor that
//! stays where the last read ended, so memory holds a page and a batch, not a row group, and reading on is
//! cheap. Reading backwards decodes the row group again from its beginning.

mod binary;
mod element;
mod neighbours;
mod values;
mod whole_numbers;

use std::io::BufReader;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, Repetition};
use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use parquet::schema::types::{ColumnDescriptor, Type};

pub(super) use self::binary::{BinaryColumn, BinaryColumnWriter};
use self::element::{Batch, skip};
pub(super) use self::neighbours::NeighbourTable;
pub(super) use self::values::values;
pub(super) use self::whole_numbers::whole_numbers;
use super::columns::{self, Element, Listed};
use super::dataset::Source;
use super::file::{DataFile, Sequential};
use crate::error::{Error, ErrorKind, Result};

/// Numbers that are decoded at a time.
const BATCH: usize = 64 << 10;

/// One list column of one file.
pub(super) struct Column {
    table: Table,
    /// Index among the file's columns.
    index: usize,
    rows: usize,
    dim: usize,
    element: Element,
    /// The definition level of a number that is there; nulls and empty lists have lower ones.
    full: i16,
    cursor: Mutex<Option<Cursor>>,
}

/// An open file with its footer understood.
pub(super) struct Table {
    file: Arc<DataFile>,
    reader: SerializedFileReader<Pages>,
    /// First row of each row group, and the end of the last.
    starts: Vec<usize>,
}

/// Where the last read ended.
struct Cursor {
    /// The row that is decoded next.
    row: usize,
    /// The last row of the row group that `pages` decodes, plus one.
    end: usize,
    pages: ColumnReader,
}

impl Table {
    pub fn open(path: &Path) -> Result<Self> {
        let file = Arc::new(DataFile::open(path)?);
        let pages = Pages(file.clone());
        let reader = guarded(&file, || SerializedFileReader::new(pages))?;
        let mut starts = vec![0usize];
        for group in reader.metadata().row_groups() {
            let rows = usize::try_from(group.num_rows()).ok();
            let end = rows.and_then(|rows| starts[starts.len() - 1].checked_add(rows));
            starts.push(end.ok_or_else(|| file.invalid("a row group has an impossible number of rows"))?);
        }
        Ok(Self { file, reader, starts })
    }

    pub fn rows(&self) -> usize {
        self.starts[self.starts.len() - 1]
    }

    /// The file's columns: their names, and the numbers that their lists hold or the type that they have instead.
    pub fn columns(&self) -> Vec<Listed> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let root = schema.root_schema();
        schema.columns().iter().map(|column| (name(column, root), element(column, root))).collect()
    }
}

impl Column {
    /// Opens the column `name`, or without a name the only one of lists of numbers.
    pub fn open(path: &Path, name: Option<&str>) -> Result<Self> {
        let table = Table::open(path)?;
        let (index, element) = columns::choose(&table.file, &table.columns(), name)?;
        let rows = table.rows();
        if rows == 0 {
            return Err(columns::no_rows(&table.file));
        }
        let metadata = table.reader.metadata();
        let full = metadata.file_metadata().schema_descr().column(index).max_def_level();
        let numbers: i128 =
            metadata.row_groups().iter().map(|group| i128::from(group.column(index).num_values())).sum();
        let mut column = Self { table, index, rows, dim: 0, element, full, cursor: Mutex::new(None) };
        column.dim = column.first_length()?;
        if numbers != rows as i128 * column.dim as i128 {
            column.find_fault()?;
            return Err(column.table.file.invalid(format!(
                "column '{}' promises {numbers} numbers in {rows} rows, of which the first has {}",
                column.table.columns()[index].0,
                column.dim
            )));
        }
        Ok(column)
    }

    /// Reads all rows, to name the one that has another length or a null.
    fn find_fault(&self) -> Result<()> {
        let step = (BATCH / self.dim).max(1);
        let mut cursor = None;
        let mut out = vec![0.0; step.min(self.rows) * self.dim];
        (0..self.rows).step_by(step).try_for_each(|row| {
            let n = step.min(self.rows - row);
            self.read_with(&mut cursor, row..row + n, &mut out[..n * self.dim])
        })
    }

    /// The length of the first row's list, which every other row shares.
    fn first_length(&self) -> Result<usize> {
        let mut cursor = self.table.seek(self.index, None, 0)?;
        let batch = guarded(&self.table.file, || Batch::decode(&mut cursor.pages, self.element, 1))?;
        match batch.values.len() {
            0 => Err(columns::no_numbers(&self.table.file)),
            length => Ok(length),
        }
    }

    fn read_with(&self, cursor: &mut Option<Cursor>, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let batch_rows = (BATCH / self.dim).max(1);
        let (mut row, mut out) = (rows.start, out);
        while row < rows.end {
            // Taken out, so that an error leaves none behind.
            let mut at = self.table.seek(self.index, cursor.take(), row)?;
            let n = batch_rows.min(rows.end - row).min(at.end - row);
            let batch = guarded(&self.table.file, || Batch::decode(&mut at.pages, self.element, n))?;
            let (part, rest) = out.split_at_mut(n * self.dim);
            self.accept(&batch, row, n, part)?;
            row += n;
            at.row = row;
            out = rest;
            *cursor = Some(at);
        }
        Ok(())
    }

    /// Checks that `batch` is the `n` vectors from `row` on, and copies them.
    fn accept(&self, batch: &Batch, row: usize, n: usize, out: &mut [f32]) -> Result<()> {
        // The place of every level: a row begins where its repetition level is 0.
        let mut begun = row;
        let mut length = 0;
        for (i, &repetition) in batch.repetitions.iter().enumerate() {
            if repetition == 0 && i > 0 {
                self.check_length(begun, length)?;
                begun += 1;
                length = 0;
            }
            if batch.definitions[i] < self.full {
                return Err(self.wrong(begun, &format!("is null, empty, or has a null at column {length}")));
            }
            length += 1;
        }
        if length > 0 {
            self.check_length(begun, length)?;
            begun += 1;
        }
        if begun != row + n || batch.values.len() != out.len() {
            return Err(self.wrong(begun, "is missing: the file holds fewer rows than it promises"));
        }
        if let Some(bad) = &batch.unusable {
            return Err(columns::unusable(&self.table.file, row, self.dim, bad));
        }
        out.copy_from_slice(&batch.values);
        Ok(())
    }

    fn check_length(&self, row: usize, length: usize) -> Result<()> {
        columns::check_length(&self.table.file, row, length, self.dim)
    }

    fn wrong(&self, row: usize, why: &str) -> Error {
        columns::wrong(&self.table.file, row, why)
    }
}

impl Source for Column {
    fn rows(&self) -> usize {
        self.rows
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn name(&self) -> String {
        self.table.file.path().display().to_string()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        self.read_with(&mut cursor, rows, out)
    }

    fn gather(&self, wanted: &mut [(usize, &mut [f32])]) -> Result<()> {
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        columns::read_each(wanted, |row, out| self.read_with(&mut cursor, row..row + 1, out))
    }
}

impl Table {
    /// A cursor that stands at `row` of the column `index`: the one given where that is possible without going back.
    fn seek(&self, index: usize, cursor: Option<Cursor>, row: usize) -> Result<Cursor> {
        let starts = &self.starts;
        let mut cursor = match cursor {
            Some(cursor) if cursor.row <= row && row < cursor.end => cursor,
            _ => {
                let group = starts.partition_point(|&start| start <= row) - 1;
                let pages =
                    guarded(&self.file, || self.reader.get_row_group(group)?.get_column_reader(index))?;
                Cursor { row: starts[group], end: starts[group + 1], pages }
            }
        };
        let ahead = row - cursor.row;
        if ahead > 0 {
            let skipped = guarded(&self.file, || skip(&mut cursor.pages, ahead))?;
            if skipped != ahead {
                return Err(columns::wrong(
                    &self.file,
                    cursor.row + skipped,
                    "is missing: the file holds fewer rows than it promises",
                ));
            }
            cursor.row = row;
        }
        Ok(cursor)
    }
}

/// The name by which a person knows a column: without the `list.element` that a list adds.
fn name(column: &ColumnDescriptor, root: &Type) -> String {
    let holds_many = |group: &&Type| {
        is_annotated(group, &LogicalType::List, ConvertedType::LIST)
            || is_map(group)
            || matches!(group.get_fields(), [only] if only.is_group() && is_repeated(only))
    };
    let own = groups(column, root).iter().take_while(|group| !holds_many(group)).count() + 1;
    column.path().parts()[..own].join(".")
}

/// The numbers of a column of lists of numbers, or what it holds instead, as in `list<string>`.
fn element(column: &ColumnDescriptor, root: &Type) -> Result<Element, String> {
    let found = element::of(column);
    let groups = groups(column, root);
    if groups.iter().any(|group| is_map(group)) {
        return Err("map".into());
    }
    // A repeated group stands for its element where it has one field only; more make it a structure.
    let repeated = groups.iter().position(|group| is_repeated(group));
    let structures = repeated.is_some_and(|at| {
        groups[at..].iter().any(|group| group.get_fields().len() > 1) || groups.len() - at > 1
    });
    let kind = found.map_or_else(str::to_owned, |element| element.to_string());
    match (column.max_rep_level(), found) {
        (1, _) if structures => Err(format!("list<struct of {kind}>")),
        (1, Ok(element)) => Ok(element),
        (lists, _) => Err((0..lists).fold(kind, |inner, _| format!("list<{inner}>"))),
    }
}

/// The groups that a column lies in, outermost first.
fn groups<'a>(column: &ColumnDescriptor, root: &'a Type) -> Vec<&'a Type> {
    let mut groups = Vec::new();
    let mut inside = root;
    for part in column.path().parts() {
        let Some(field) = inside.get_fields().iter().find(|field| field.name() == part) else { break };
        if field.is_primitive() {
            break;
        }
        groups.push(&**field);
        inside = field;
    }
    groups
}

fn is_map(group: &Type) -> bool {
    is_annotated(group, &LogicalType::Map, ConvertedType::MAP)
}

fn is_repeated(group: &Type) -> bool {
    let info = group.get_basic_info();
    info.has_repetition() && info.repetition() == Repetition::REPEATED
}

fn is_annotated(group: &Type, logical: &LogicalType, converted: ConvertedType) -> bool {
    let info = group.get_basic_info();
    info.logical_type_ref() == Some(logical) || info.converted_type() == converted
}

/// Runs a step of the parquet crate.
fn guarded<T>(file: &DataFile, step: impl FnOnce() -> Result<T, ParquetError>) -> Result<T> {
    columns::guarded(file, "parquet", step)
}

/// The file as the parquet crate reads it.
struct Pages(Arc<DataFile>);

impl Length for Pages {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Pages {
    type T = BufReader<Sequential<Arc<DataFile>>>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(Sequential::new(self.0.clone(), start..self.0.len())))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // Before there is room for them: the length comes from the file.
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.len()) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} lie beyond the file's end")));
        }
        let mut bytes = vec![0; length];
        self.0.read_at(start, &mut bytes).map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(bytes.into())
    }
}

/// The error of a file that could not be written.
fn failed(target: &str, error: &ParquetError) -> Error {
    Error::new(ErrorKind::Io, format!("{target}: writing parquet: {error}"))
}

#[cfg(test)]
mod tests;
