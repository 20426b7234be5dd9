//! The codes of an index, which stay in its file until they are wanted.

use std::ops::Range;

use ndarray::Array2;

use crate::coding::RowBits;
use crate::error::{Error, Result};
use crate::io::DataFile;

/// Where the codes of an index are.
#[derive(Clone, Debug)]
pub(super) struct CodesPlace {
    /// The offset of their first byte.
    pub start: u64,
    /// How many vectors they are of.
    pub rows: usize,
    /// How they lie.
    pub bits: RowBits,
}

impl CodesPlace {
    /// The codes of `rows`, (rows.len(), m).
    pub fn read(&self, file: &DataFile, rows: Range<usize>) -> Result<Array2<u32>> {
        if rows.start > rows.end || rows.end > self.rows {
            return Err(Error::shape(format!("rows {} to {} of {}", rows.start, rows.end, self.rows)));
        }
        let row_bytes = self.bits.row_bytes();
        let mut bytes = vec![0; rows.len() * row_bytes];
        file.read_at(self.start + (rows.start * row_bytes) as u64, &mut bytes)?;
        self.bits.unpack(&bytes, rows.start)
    }
}
