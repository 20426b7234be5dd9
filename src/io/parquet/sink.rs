//! Files that are written: an output as the parquet crate writes to it, and what it says of failures.

use parquet::errors::ParquetError;

use crate::error::{Error, ErrorKind};
use crate::io::Output;

/// An output as the parquet crate writes to it.
pub(super) struct Sink(pub Output);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.append(bytes).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The error of a file that could not be written.
pub(super) fn failed(target: &str, error: &ParquetError) -> Error {
    Error::new(ErrorKind::Io, format!("{target}: writing parquet: {error}"))
}
