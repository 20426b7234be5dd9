//! The values of a column, a stretch in each batch: read by position or, where they are packed, from front to back by a cursor.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::buffer::{Buffer, Bytes};
use super::{read, skip};
use crate::error::Result;
use crate::io::file::DataFile;

/// Rows of so many bytes each, in stretches.
#[derive(Default)]
pub(super) struct Stretches {
    stretches: Vec<Stretch>,
    cursor: Mutex<Option<Cursor>>,
}

/// The rows of one batch.
struct Stretch {
    /// Their numbers in the file.
    rows: Range<usize>,
    values: Buffer,
    /// Where in the values those of the first row begin, in bytes.
    start: u64,
}

/// Where the last read of packed values ended.
struct Cursor {
    stretch: usize,
    /// The byte that is read next.
    at: u64,
    bytes: Bytes,
}

impl Stretches {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.stretches.last().map_or(0, |stretch| stretch.rows.end)
    }

    /// Adds so many rows, which begin at the byte `start` of their `values`.
    pub fn push(&mut self, rows: usize, values: Buffer, start: u64) {
        let first = self.rows();
        self.stretches.push(Stretch { rows: first..first + rows, values, start });
    }

    /// The stretch that has `row`, and the end of its rows.
    pub fn stretch_of(&self, row: usize) -> (usize, usize) {
        let which = self.stretches.partition_point(|stretch| stretch.rows.start <= row).saturating_sub(1);
        (which, self.stretches.get(which).map_or(0, |stretch| stretch.rows.end))
    }

    /// Fills `out` with rows of `width` bytes from `row` on, which are in stretch `which`.
    pub fn read(
        &self,
        file: &Arc<DataFile>,
        which: usize,
        (row, width): (usize, usize),
        out: &mut [u8],
    ) -> Result<()> {
        let Stretch { rows, values, start } = &self.stretches[which];
        let at = start + (row - rows.start) as u64 * width as u64;
        if let Some(start) = values.start_of_plain() {
            return file.read_at(start + at, out);
        }
        let mut kept = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out, so that an error leaves none behind.
        let mut cursor = match kept.take() {
            Some(cursor) if cursor.stretch == which && cursor.at <= at => cursor,
            _ => Cursor { stretch: which, at: 0, bytes: values.open(file)? },
        };
        skip(file, &mut cursor.bytes, at - cursor.at)?;
        read(file, &mut cursor.bytes, out)?;
        cursor.at = at + out.len() as u64;
        *kept = Some(cursor);
        Ok(())
    }
}
