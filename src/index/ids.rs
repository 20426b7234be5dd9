//! Ids of vectors: each is there once.

use rayon::prelude::*;

use super::bits::RowBits;
use super::segment::Segment;
use crate::error::{Error, Result};

/// The ids of vectors that are added.
#[derive(Clone, Copy, Debug)]
pub enum Ids<'a> {
    /// The next numbers that no vector has had: of a new index the row numbers.
    Next,
    /// One for each vector.
    Given(&'a [u64]),
}

/// What becomes of vectors whose ids were given before.
#[derive(Debug)]
pub(super) struct Resolved {
    /// Rows in the place of which comes a later one of the same id, in ascending order.
    pub superseded: Vec<usize>,
    /// What of each segment is deleted then.
    pub deleted: Vec<RowBits>,
    /// Vectors of the segments that are replaced.
    pub replaced: usize,
    /// The first of the [next](Ids::Next) ids.
    pub first: u64,
    /// One more than the largest id that there has been then; none if that is the largest of all.
    pub next: Option<u64>,
}

impl Ids<'_> {
    /// The id of a row, where the [next](Ids::Next) begin with `first`.
    pub(super) fn of(self, row: usize, first: u64) -> u64 {
        match self {
            Ids::Next => first + row as u64,
            Ids::Given(ids) => ids[row],
        }
    }

    /// Looks for the ids of `n` vectors among each other and in the segments.
    ///
    /// # Errors
    /// An id that is given twice, or is there already, unless it `replace`s that; another number of ids than `n`; no further
    /// ids.
    pub(super) fn resolve(
        self,
        n: usize,
        segments: &[Segment],
        next: Option<u64>,
        replace: bool,
    ) -> Result<Resolved> {
        let mut resolved = Resolved {
            superseded: Vec::new(),
            deleted: segments.iter().map(|segment| segment.deleted.clone()).collect(),
            replaced: 0,
            first: next.unwrap_or(0),
            next,
        };
        let Ids::Given(ids) = self else {
            // One more than the last of them may be over what u64 holds, and they themselves not.
            if n > 0 && next.and_then(|next| next.checked_add(n as u64 - 1)).is_none() {
                return Err(Error::input(format!(
                    "the largest id that there can be, {}, has been given: there are no {n} next ones; give ids",
                    u64::MAX
                )));
            }
            resolved.next = next.and_then(|next| next.checked_add(n as u64));
            return Ok(resolved);
        };
        if ids.len() != n {
            return Err(Error::input(format!("{} ids for {n} vectors; each has one", ids.len())));
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.par_sort_unstable_by_key(|&row| (ids[row], row));
        for pair in order.windows(2).filter(|pair| ids[pair[0]] == ids[pair[1]]) {
            if !replace {
                return Err(Error::input(format!(
                    "the id {} is given twice, at rows {} and {}; ids are unique, and only to add \
                     with replace takes the last of them",
                    ids[pair[0]], pair[0], pair[1]
                )));
            }
            resolved.superseded.push(pair[0]);
        }
        resolved.superseded.sort_unstable();
        let Some((&least, &most)) = order.first().zip(order.last()) else { return Ok(resolved) };
        for (segment, deleted) in segments.iter().zip(&mut resolved.deleted) {
            if segment.rows() == 0
                || segment.in_order(0)?.1 > ids[most]
                || segment.in_order(segment.rows() - 1)?.1 < ids[least]
            {
                continue;
            }
            for &row in &order {
                let Some(there) = segment.find(ids[row])? else { continue };
                if !replace {
                    return Err(Error::input(format!(
                        "the id {}, at row {row}, is in the index already; ids are unique, and with \
                         replace it takes the place of that vector",
                        ids[row]
                    )));
                }
                resolved.replaced += usize::from(deleted.insert(segment.place(there)));
            }
        }
        // None stays none: the largest of all has been given.
        resolved.next = next.and_then(|next| Some(next.max(ids[most].checked_add(1)?)));
        Ok(resolved)
    }
}
