//! A column of byte strings of one length, in a table of whatever format.

use std::fmt::Display;
use std::ops::Range;
use std::path::Path;

use super::Output;
use super::locate::Format;
use crate::error::{Error, Result};

/// What a new column is.
pub(crate) struct NewColumn<'a> {
    pub name: &'a str,
    /// Bytes of a row.
    pub width: usize,
    /// A key, and what the file says under it.
    pub note: (&'a str, String),
}

/// A column of a file, each row of which is a string of `width` bytes.
pub(crate) trait ByteStrings: Send + Sync {
    fn rows(&self) -> usize;

    /// Bytes of a row.
    fn width(&self) -> usize;

    /// What the file says of itself under `key`.
    fn note(&self, key: &str) -> Option<&str>;

    /// The bytes of `rows`, one row after the other.
    fn read(&self, rows: Range<usize>) -> Result<Vec<u8>>;

    /// An error about the file.
    fn invalid(&self, why: &dyn Display) -> Error;
}

/// Writes a file of one column of byte strings.
pub(crate) trait ByteStringsWriter: Send {
    /// Appends whole rows.
    fn append(&mut self, rows: &[u8]) -> Result<()>;

    /// Writes what is left; the file, which is whole but for its name.
    fn complete(self: Box<Self>) -> Result<Output>;
}

/// Opens the only column of byte strings of a file.
pub(crate) fn open(path: &Path) -> Result<Box<dyn ByteStrings>> {
    match format(path)? {
        #[cfg(feature = "parquet")]
        Format::Parquet => Ok(Box::new(super::parquet::BinaryColumn::open(path)?)),
        #[cfg(feature = "arrow")]
        Format::Arrow | Format::Feather => Ok(Box::new(super::arrow::BinaryColumn::open(path)?)),
        _ => Err(no_table(path)),
    }
}

/// Begins a file of the column, which takes its target's place when it is finished.
pub(crate) fn create(
    target: &Path,
    column: NewColumn<'_>,
    overwrite: bool,
) -> Result<Box<dyn ByteStringsWriter>> {
    match format(target)? {
        #[cfg(feature = "parquet")]
        Format::Parquet => {
            Ok(Box::new(super::parquet::BinaryColumnWriter::create(target, column, overwrite)?))
        }
        #[cfg(feature = "arrow")]
        Format::Arrow | Format::Feather => {
            Ok(Box::new(super::arrow::BinaryColumnWriter::create(target, column, overwrite)?))
        }
        _ => Err(no_table(target)),
    }
}

/// The format of a table, which this build knows.
fn format(path: &Path) -> Result<Format> {
    let format = Format::of(path).ok_or_else(|| no_table(path))?;
    format.check_feature(path)?;
    Ok(format)
}

fn no_table(path: &Path) -> Error {
    Error::input(format!(
        "{}: tables of byte strings are .parquet, .arrow and .feather files",
        path.display()
    ))
}

/// Fails unless a column has these rows.
pub(super) fn check_rows(rows: &Range<usize>, all: usize) -> Result<()> {
    if rows.start <= rows.end && rows.end <= all {
        return Ok(());
    }
    Err(Error::shape(format!("rows {} to {} of {all}", rows.start, rows.end)))
}

/// The only one of a table's `columns` that is of byte strings of one length; each with its name and type in words.
pub(super) fn only(columns: &[(String, bool)], invalid: impl Fn(String) -> Error) -> Result<usize> {
    let mut found = (0..columns.len()).filter(|&at| columns[at].1);
    match (found.next(), found.next()) {
        (Some(index), None) => Ok(index),
        _ => {
            let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
            Err(invalid(format!(
                "codes are one column of byte strings of one length, without nulls (there is: {})",
                names.join(", ")
            )))
        }
    }
}
