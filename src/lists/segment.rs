//! Rows as storage lends them to a search.

use std::ops::Range;

use super::codes::Codes;
use crate::cpu::fast_scan::blocks::BLOCK;
use crate::error::{Error, Result};

/// Rows in the order of their lists, each of which begins a new block of [`BLOCK`] rows.
///
/// A set of rows is a number of 32 bits for each block, in which bit i is row i of the block. Bits past the end of a list
/// mean nothing.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    /// The first row of each list, and the number of rows.
    pub first_rows: &'a [u64],
    /// The first block of each list, and the number of blocks: [`first_blocks`] of the rows.
    pub first_blocks: &'a [u64],
    /// The lists, as [`Codes`] pack them.
    pub codes: &'a [u8],
    /// What rows are re-ranked by, row after row; empty where they are not.
    pub refined: &'a [u8],
    /// The id of each row.
    pub ids: &'a [u64],
    /// The rows that were removed; empty for none.
    pub removed: &'a [u32],
    /// Is called with a list before any of its rows is read; its error ends the search.
    pub touch: &'a (dyn Fn(usize) -> Result<()> + Sync),
}

/// The first block of each list, and the number of blocks, for lists of these first rows.
///
/// ```
/// assert_eq!(wgvq::lists::first_blocks(&[0, 33, 33, 40]), [0, 2, 2, 3]);
/// ```
pub fn first_blocks(first_rows: &[u64]) -> Vec<u64> {
    let lengths = first_rows.windows(2).map(|rows| rows[1] - rows[0]);
    let mut blocks = 0;
    let ends = lengths.map(|length| {
        blocks += length.div_ceil(BLOCK as u64);
        blocks
    });
    std::iter::once(0).chain(ends).collect()
}

impl Segment<'_> {
    /// How many rows there are, removed ones too.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn rows(&self, list: usize) -> Range<usize> {
        self.first_rows[list] as usize..self.first_rows[list + 1] as usize
    }

    pub(super) fn blocks(&self, list: usize) -> Range<usize> {
        self.first_blocks[list] as usize..self.first_blocks[list + 1] as usize
    }

    /// Block and bit of a row in sets of rows.
    pub fn place(&self, row: usize) -> (usize, u32) {
        let list = self.first_rows.partition_point(|&first| first <= row as u64) - 1;
        let within = row - self.first_rows[list] as usize;
        (self.first_blocks[list] as usize + within / BLOCK, (within % BLOCK) as u32)
    }

    /// The codes of a list.
    pub(super) fn codes(&self, list: usize, codes: Codes) -> &[u8] {
        match codes {
            Codes::Four { .. } => {
                let block = codes.bytes(BLOCK);
                let blocks = self.blocks(list);
                &self.codes[blocks.start * block..blocks.end * block]
            }
            Codes::Eight { parts } => {
                let rows = self.rows(list);
                &self.codes[rows.start * parts..rows.end * parts]
            }
        }
    }

    /// Writes which rows of a list count, a number for each block: those that are there, `selected` and not removed.
    pub(super) fn write_live(&self, list: usize, selected: Option<&[u32]>, live: &mut Vec<u32>) {
        let blocks = self.blocks(list);
        live.clear();
        live.resize(blocks.len(), u32::MAX);
        if let (Some(last), left @ 1..) = (live.last_mut(), self.rows(list).len() % BLOCK) {
            *last = (1 << left) - 1;
        }
        if let Some(selected) = selected {
            live.iter_mut().zip(&selected[blocks.clone()]).for_each(|(live, selected)| *live &= selected);
        }
        if !self.removed.is_empty() {
            live.iter_mut().zip(&self.removed[blocks]).for_each(|(live, removed)| *live &= !removed);
        }
    }

    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if a part is not as long as the number of lists, the codes and the `refined` bytes of a
    /// row ask for, or the lists do not follow each other.
    pub(super) fn check(&self, lists: usize, codes: Codes, refined: usize) -> Result<()> {
        let rows = self.ids.len();
        let wrong = |what: &str, found: usize, wanted: usize| {
            Err(Error::shape(format!(
                "a segment of {rows} rows in {lists} lists has {found} {what}; {wanted} are needed"
            )))
        };
        if self.first_rows.len() != lists + 1 {
            return wrong("first rows", self.first_rows.len(), lists + 1);
        }
        if self.first_blocks.len() != lists + 1 {
            return wrong("first blocks", self.first_blocks.len(), lists + 1);
        }
        let steps = || self.first_rows.windows(2).zip(self.first_blocks.windows(2));
        let follows = |(rows, blocks): (&[u64], &[u64])| {
            rows[0] <= rows[1]
                && blocks[0].checked_add((rows[1] - rows[0]).div_ceil(BLOCK as u64)) == Some(blocks[1])
        };
        if self.first_rows[0] != 0 || self.first_blocks[0] != 0 || !steps().all(follows) {
            return Err(Error::shape("the lists of a segment do not follow each other"));
        }
        let blocks = self.first_blocks[lists] as usize;
        let bytes = match codes {
            Codes::Four { .. } => blocks * codes.bytes(BLOCK),
            Codes::Eight { .. } => codes.bytes(rows),
        };
        match () {
            () if self.first_rows[lists] != rows as u64 => {
                wrong("ids", rows, self.first_rows[lists] as usize)
            }
            () if self.codes.len() != bytes => wrong("bytes of codes", self.codes.len(), bytes),
            () if self.refined.len() != rows * refined => {
                wrong("bytes to re-rank by", self.refined.len(), rows * refined)
            }
            () if !matches!(self.removed.len(), 0) && self.removed.len() != blocks => {
                wrong("blocks of removed rows", self.removed.len(), blocks)
            }
            () => Ok(()),
        }
    }
}

/// The rows that a filter lets pass.
pub struct Selected {
    /// The set of each segment.
    pub sets: Vec<Vec<u32>>,
    /// How many there are, removed ones too.
    pub count: usize,
}

impl Selected {
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if there is not a set for each segment with a number for each of its blocks.
    pub(super) fn check(&self, segments: &[Segment]) -> Result<()> {
        let blocks =
            segments.iter().map(|segment| segment.first_blocks[segment.first_blocks.len() - 1] as usize);
        if self.sets.iter().map(Vec::len).ne(blocks) {
            return Err(Error::shape("a filter has to have a number for each block of each segment"));
        }
        Ok(())
    }
}
