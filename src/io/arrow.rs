//! A column of equally long lists of numbers in a file of Arrow's IPC format, such as `.arrow` and `.feather`.
//!
//! Format: <https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc>. When a file is
//! opened, the headers of its record batches are read, and the offsets of lists and the bits of nulls where there are any. What is
//! left is a matrix in each batch. Its numbers are read by position, or, where they are packed, unpacked from front to back by
//! a cursor that stays where the last read ended: memory never holds a batch. Columns of byte strings are read in the same way.

mod binary;
mod buffer;
mod element;
mod layout;
mod messages;
mod stretches;
mod values;

use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

pub(super) use self::binary::{BinaryColumn, BinaryColumnWriter};
use self::buffer::{Buffer, Bytes};
use self::element::{convert, width};
use self::layout::{Leaf, Lists, Pieces, leaves};
use self::messages::{Batch, Messages};
use self::stretches::Stretches;
pub(super) use self::values::values;
use super::columns::{self, Element, Listed};
use super::dataset::Source;
use super::file::DataFile;
use crate::error::{Error, Result};

/// Numbers that are converted at a time.
const BATCH: usize = 64 << 10;

/// What the files are called in errors.
const KIND: &str = "Arrow";

/// An open file whose schema and batches are known.
pub(super) struct Table {
    file: Arc<DataFile>,
    messages: Messages,
    leaves: Vec<Leaf>,
}

impl Table {
    pub fn open(path: &Path) -> Result<Self> {
        let file = Arc::new(DataFile::open(path)?);
        let messages = Messages::read(&file)?;
        let leaves = leaves(messages.schema.fields());
        Ok(Self { file, messages, leaves })
    }

    pub fn rows(&self) -> usize {
        self.messages.rows
    }

    /// The file's columns: their names, and the numbers that their lists hold or the type that they have instead.
    pub fn columns(&self) -> Vec<Listed> {
        self.leaves.iter().map(|leaf| (leaf.name.clone(), leaf.element.clone())).collect()
    }
}

/// One list column of one file.
pub(super) struct Column {
    file: Arc<DataFile>,
    stretches: Stretches,
    dim: usize,
    element: Element,
    /// Bytes of a number.
    width: usize,
}

impl Column {
    /// Opens the column `name`, or without a name the only one of lists of numbers.
    pub fn open(path: &Path, name: Option<&str>) -> Result<Self> {
        let table = Table::open(path)?;
        let (index, element) = columns::choose(&table.file, &table.columns(), name)?;
        let Table { file, messages, leaves } = table;
        let width = width(&leaves[index].data_type);
        let mut column = Self { file, stretches: Stretches::default(), dim: 0, element, width };
        for batch in messages.batches.iter().filter(|batch| batch.rows > 0) {
            column.add(messages.schema.fields(), &leaves[index], batch)?;
        }
        if column.rows() == 0 {
            return Err(columns::no_rows(&column.file));
        }
        Ok(column)
    }

    /// Adds the rows of a batch.
    fn add(&mut self, fields: &arrow_schema::Fields, leaf: &Leaf, batch: &Batch) -> Result<()> {
        let (file, first) = (&self.file, self.stretches.rows());
        let pieces = Pieces::of(file, fields, leaf, batch)?;
        for array in &pieces.outer {
            match array.first_null(file, 0, batch.rows)?.map(|row| first + row) {
                None => {}
                Some(0) => return Err(columns::no_numbers(file)),
                Some(row) => {
                    return Err(columns::wrong(file, row, "is null; a vector has at least one number"));
                }
            }
        }
        let begin = match &pieces.lists {
            Lists::Each(length) => {
                self.check_length(first, *length)?;
                0
            }
            Lists::Offsets { numbers, wide } => self.check_offsets(numbers, *wide, batch.rows, first)?,
        };
        let file = &self.file;
        let end = (batch.rows as u128 * self.dim as u128) + u128::from(begin);
        if end > pieces.inner.length.into() || end * self.width as u128 > pieces.numbers.length().into() {
            return Err(damaged(file, "a batch has fewer numbers than its rows need"));
        }
        if let Some(at) = pieces.inner.first_null(file, begin, batch.rows * self.dim)? {
            let why = format!("has a null at column {}", at % self.dim);
            return Err(columns::wrong(file, first + at / self.dim, &why));
        }
        self.stretches.push(batch.rows, pieces.numbers, begin * self.width as u64);
        Ok(())
    }

    /// Fails unless the list of `row` is as long as that of the first row.
    fn check_length(&mut self, row: usize, length: usize) -> Result<()> {
        if row == 0 {
            self.dim = length;
        }
        if row == 0 && length == 0 {
            return Err(columns::no_numbers(&self.file));
        }
        columns::check_length(&self.file, row, length, self.dim)
    }

    /// Fails unless the offsets of all lists of a batch, the first of which is row `first`, tell of one length; the number that the
    /// first begins with.
    fn check_offsets(&mut self, offsets: &Buffer, wide: bool, rows: usize, first: usize) -> Result<u64> {
        let file = self.file.clone();
        let mut bytes = offsets.open(&file)?;
        let mut next = || -> Result<u64> {
            let mut number = [0; 8];
            let width = if wide { 8 } else { 4 };
            read(&file, &mut bytes, &mut number[..width])?;
            Ok(u64::from_le_bytes(number))
        };
        let begin = next()?;
        let mut before = begin;
        for row in first..first + rows {
            let end = next()?;
            let length = end.checked_sub(before).and_then(|length| usize::try_from(length).ok());
            let length = length
                .ok_or_else(|| damaged(&file, format!("the list of row {row} ends before it begins")))?;
            self.check_length(row, length)?;
            before = end;
        }
        Ok(begin)
    }

    /// Fills `out` with the numbers of the rows from `first` on, which are in one stretch.
    fn read_stretch(&self, which: usize, first: usize, out: &mut [f32], bytes: &mut Vec<u8>) -> Result<()> {
        let vector = self.dim * self.width;
        let step = (BATCH / self.dim).max(1);
        for (part, out) in out.chunks_mut(step * self.dim).enumerate() {
            let row = first + part * step;
            bytes.resize(out.len() * self.width, 0);
            self.stretches.read(&self.file, which, (row, vector), bytes)?;
            convert(self.element, bytes, out)
                .map_err(|bad| columns::unusable(&self.file, row, self.dim, &bad))?;
        }
        Ok(())
    }

    fn read_with(&self, rows: Range<usize>, out: &mut [f32], bytes: &mut Vec<u8>) -> Result<()> {
        let (mut row, mut out) = (rows.start, out);
        while row < rows.end {
            let (which, end) = self.stretches.stretch_of(row);
            let end = end.min(rows.end);
            let (part, rest) = out.split_at_mut((end - row) * self.dim);
            self.read_stretch(which, row, part, bytes)?;
            (row, out) = (end, rest);
        }
        Ok(())
    }
}

impl Source for Column {
    fn rows(&self) -> usize {
        self.stretches.rows()
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn name(&self) -> String {
        self.file.path().display().to_string()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        self.read_with(rows, out, &mut Vec::new())
    }

    fn gather(&self, wanted: &mut [(usize, &mut [f32])]) -> Result<()> {
        let mut bytes = Vec::new();
        columns::read_each(wanted, |row, out| self.read_with(row..row + 1, out, &mut bytes))
    }
}

/// Fills `out` with what comes next.
fn read(file: &DataFile, bytes: &mut Bytes, out: &mut [u8]) -> Result<()> {
    columns::guarded(file, KIND, || bytes.read_exact(out))
}

/// Passes over what comes next.
fn skip(file: &DataFile, bytes: &mut Bytes, count: u64) -> Result<()> {
    let passed =
        columns::guarded(file, KIND, || std::io::copy(&mut bytes.take(count), &mut std::io::sink()))?;
    if passed == count { Ok(()) } else { Err(damaged(file, "a batch is cut short")) }
}

fn damaged(file: &DataFile, why: impl std::fmt::Display) -> Error {
    columns::damaged(file, KIND, why)
}

#[cfg(test)]
mod tests;
