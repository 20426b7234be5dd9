//! A column of equally long lists of numbers in a `.parquet` file.
//!
//! Format: <https://parquet.apache.org/docs/file-format/>. Pages are decoded one after the other by a cursor that
//! stays where the last read ended, so memory holds a page and a batch, not a row group, and reading on is
//! cheap. Reading backwards decodes the row group again from its beginning.

use std::io::{BufReader, Read};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use half::f16;
use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, FixedLenByteArray};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::dataset::Source;
use super::dtype::{Convert, Unusable};
use super::file::DataFile;
use crate::error::{Error, Result};

/// Numbers that are decoded at a time.
const BATCH: usize = 64 << 10;

/// One list column of one file.
pub(super) struct Column {
    table: Table,
    /// Index among the file's columns.
    index: usize,
    rows: usize,
    dim: usize,
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

    /// The file's columns: name, type in words, whether vectors may be read from it.
    pub fn columns(&self) -> Vec<(String, String, bool)> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        schema
            .columns()
            .iter()
            .map(|column| (name(column), type_name(column), is_list_of_numbers(column)))
            .collect()
    }
}

impl Column {
    /// Opens the column `name`, or without a name the only one of lists of numbers.
    pub fn open(path: &Path, name: Option<&str>) -> Result<Self> {
        let table = Table::open(path)?;
        let index = table.choose(name)?;
        let rows = table.rows();
        if rows == 0 {
            return Err(table.file.invalid("the table has no rows"));
        }
        let metadata = table.reader.metadata();
        let full = metadata.file_metadata().schema_descr().column(index).max_def_level();
        let numbers: i128 =
            metadata.row_groups().iter().map(|group| i128::from(group.column(index).num_values())).sum();
        let mut column = Self { table, index, rows, dim: 0, full, cursor: Mutex::new(None) };
        column.dim = column.first_length()?;
        if numbers != rows as i128 * column.dim as i128 {
            return Err(column.table.file.invalid(format!(
                "column '{}' holds {numbers} numbers in {rows} rows, of which the first has {}; \
                 all rows must have as many and none be null",
                column.table.columns()[index].0,
                column.dim
            )));
        }
        Ok(column)
    }

    /// The length of the first row's list, which every other row shares.
    fn first_length(&self) -> Result<usize> {
        let mut cursor = self.seek(None, 0)?;
        let batch = guarded(&self.table.file, || Batch::decode(&mut cursor.pages, 1))?;
        match batch.values.len() {
            0 => Err(self.wrong(0, "is empty or null; a vector has at least one number")),
            length => Ok(length),
        }
    }

    /// A cursor that stands at `row`: the one given where that is possible without going back.
    fn seek(&self, cursor: Option<Cursor>, row: usize) -> Result<Cursor> {
        let starts = &self.table.starts;
        let mut cursor = match cursor {
            Some(cursor) if cursor.row <= row && row < cursor.end => cursor,
            _ => {
                let group = starts.partition_point(|&start| start <= row) - 1;
                let pages = guarded(&self.table.file, || {
                    self.table.reader.get_row_group(group)?.get_column_reader(self.index)
                })?;
                Cursor { row: starts[group], end: starts[group + 1], pages }
            }
        };
        let ahead = row - cursor.row;
        if ahead > 0 {
            let skipped = guarded(&self.table.file, || skip(&mut cursor.pages, ahead))?;
            if skipped != ahead {
                return Err(self
                    .wrong(cursor.row + skipped, "is missing: the file holds fewer rows than it promises"));
            }
            cursor.row = row;
        }
        Ok(cursor)
    }

    fn read_with(&self, cursor: &mut Option<Cursor>, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let batch_rows = (BATCH / self.dim).max(1);
        let (mut row, mut out) = (rows.start, out);
        while row < rows.end {
            // Taken out, so that an error leaves none behind.
            let mut at = self.seek(cursor.take(), row)?;
            let n = batch_rows.min(rows.end - row).min(at.end - row);
            let batch = guarded(&self.table.file, || Batch::decode(&mut at.pages, n))?;
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
        if let Some(Unusable { index, why }) = &batch.unusable {
            let column = index % self.dim;
            return Err(self.wrong(row + index / self.dim, &format!("column {column} is {why}")));
        }
        out.copy_from_slice(&batch.values);
        Ok(())
    }

    fn check_length(&self, row: usize, length: usize) -> Result<()> {
        if length == self.dim {
            return Ok(());
        }
        let why =
            format!("has {length} numbers, the first row has {}; all rows share one dimension", self.dim);
        Err(self.wrong(row, &why))
    }

    fn wrong(&self, row: usize, why: &str) -> Error {
        self.table.file.invalid(format!("row {row} {why}"))
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
        let mut previous: Option<(usize, &mut [f32])> = None;
        for (row, out) in wanted {
            match &previous {
                Some((last, copy)) if last == row => out.copy_from_slice(copy),
                _ => self.read_with(&mut cursor, *row..*row + 1, out)?,
            }
            previous = Some((*row, out));
        }
        Ok(())
    }
}

impl Table {
    fn choose(&self, name: Option<&str>) -> Result<usize> {
        let columns = self.columns();
        let fits = |(column, _, suitable): &(String, String, bool)| match name {
            Some(name) => column == name,
            None => *suitable,
        };
        let mut candidates = (0..columns.len()).filter(|&i| fits(&columns[i]));
        let problem = match (candidates.next(), candidates.next(), name) {
            (Some(index), None, _) if columns[index].2 => return Ok(index),
            (Some(index), None, _) => format!("column '{}' is no list of numbers", columns[index].0),
            (None, _, Some(name)) => format!("has no column '{name}'"),
            (None, _, None) => "has no column of lists of numbers".into(),
            (Some(_), Some(_), _) => {
                format!("has several columns of vectors; name one as in {}:NAME", self.file.path().display())
            }
        };
        let listed: Vec<_> = columns.iter().map(|(name, kind, _)| format!("{name} {kind}")).collect();
        Err(self.file.invalid(format!("{problem} (there is: {})", listed.join(", "))))
    }
}

/// The name by which a person knows a column: without the `list.element` that a list adds.
fn name(column: &ColumnDescriptor) -> String {
    let parts = column.path().parts();
    let own = if is_list_of_numbers(column) && parts.len() > 2 { &parts[..parts.len() - 2] } else { parts };
    own.join(".")
}

fn is_list_of_numbers(column: &ColumnDescriptor) -> bool {
    let is_number = match column.physical_type() {
        PhysicalType::FLOAT | PhysicalType::DOUBLE | PhysicalType::INT32 | PhysicalType::INT64 => true,
        PhysicalType::FIXED_LEN_BYTE_ARRAY => matches!(column.logical_type_ref(), Some(LogicalType::Float16)),
        _ => false,
    };
    is_number && column.max_rep_level() == 1
}

fn type_name(column: &ColumnDescriptor) -> String {
    let element = match column.physical_type() {
        PhysicalType::FLOAT => "f32".into(),
        PhysicalType::DOUBLE => "f64".into(),
        PhysicalType::INT32 => "i32".into(),
        PhysicalType::INT64 => "i64".into(),
        PhysicalType::FIXED_LEN_BYTE_ARRAY if is_list_of_numbers(column) => "f16".into(),
        other => other.to_string().to_lowercase(),
    };
    (0..column.max_rep_level()).fold(element, |inner, _| format!("list<{inner}>"))
}

/// Some rows as the format stores them: their numbers end to end, and levels that tell where lists begin
/// (repetition 0) and where something is null or empty (definition below [`Column::full`]).
struct Batch {
    values: Vec<f32>,
    unusable: Option<Unusable>,
    repetitions: Vec<i16>,
    definitions: Vec<i16>,
}

impl Batch {
    /// Decodes up to `n` rows.
    fn decode(pages: &mut ColumnReader, n: usize) -> Result<Self, ParquetError> {
        match pages {
            ColumnReader::FloatColumnReader(pages) => Self::decode_as(pages, n, f32::convert),
            ColumnReader::DoubleColumnReader(pages) => Self::decode_as(pages, n, f64::convert),
            ColumnReader::Int32ColumnReader(pages) => Self::decode_as(pages, n, i32::convert),
            ColumnReader::Int64ColumnReader(pages) => Self::decode_as(pages, n, i64::convert),
            ColumnReader::FixedLenByteArrayColumnReader(pages) => {
                Self::decode_as(pages, n, |stored: &[FixedLenByteArray], values| {
                    let half = |two: &FixedLenByteArray| match two.data() {
                        &[low, high] => f16::from_le_bytes([low, high]),
                        _ => f16::NAN,
                    };
                    let halves: Vec<f16> = stored.iter().map(half).collect();
                    f16::convert(&halves, values)
                })
            }
            _ => Err(ParquetError::General("the column holds no numbers".into())),
        }
    }

    fn decode_as<T: DataType>(
        pages: &mut ColumnReaderImpl<T>,
        n: usize,
        convert: impl Fn(&[T::T], &mut [f32]) -> Result<(), Unusable>,
    ) -> Result<Self, ParquetError> {
        let (mut stored, mut repetitions, mut definitions) = (Vec::new(), Vec::new(), Vec::new());
        let mut rows = 0;
        while rows < n {
            let (more, ..) =
                pages.read_records(n - rows, Some(&mut definitions), Some(&mut repetitions), &mut stored)?;
            if more == 0 {
                break;
            }
            rows += more;
        }
        let mut values = vec![0.0; stored.len()];
        let unusable = convert(&stored, &mut values).err();
        Ok(Self { values, unusable, repetitions, definitions })
    }
}

/// Decodes and drops up to `n` rows.
fn skip(pages: &mut ColumnReader, n: usize) -> Result<usize, ParquetError> {
    match pages {
        ColumnReader::FloatColumnReader(pages) => pages.skip_records(n),
        ColumnReader::DoubleColumnReader(pages) => pages.skip_records(n),
        ColumnReader::Int32ColumnReader(pages) => pages.skip_records(n),
        ColumnReader::Int64ColumnReader(pages) => pages.skip_records(n),
        ColumnReader::FixedLenByteArrayColumnReader(pages) => pages.skip_records(n),
        _ => Err(ParquetError::General("the column holds no numbers".into())),
    }
}

/// Runs a step of the parquet crate, which on some damaged files panics where it should return an error.
fn guarded<T>(file: &DataFile, step: impl FnOnce() -> Result<T, ParquetError>) -> Result<T> {
    let damaged = |why: &str| file.invalid(format!("the parquet file cannot be read: {why}"));
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|error| damaged(&error.to_string())),
        Err(_) => Err(damaged("it is damaged")),
    }
}

/// The file as the parquet crate reads it.
struct Pages(Arc<DataFile>);

impl Length for Pages {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Pages {
    type T = BufReader<Sequential>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(Sequential { file: self.0.clone(), at: start }))
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

/// Reads a file from some place on.
struct Sequential {
    file: Arc<DataFile>,
    at: u64,
}

impl Read for Sequential {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = (self.file.len().saturating_sub(self.at)).min(buffer.len() as u64) as usize;
        self.file.read_at(self.at, &mut buffer[..n]).map_err(std::io::Error::other)?;
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests;
