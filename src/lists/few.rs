//! A search among few rows: where a filter lets hardly any pass, all of them are compared.

use super::nearest::Neighbours;
use super::{Ask, Lists, Rows};
use crate::cpu::fast_scan::blocks::BLOCK;
use crate::error::Result;

/// Rows are few if they are one of so many, or no more than [`ALWAYS`].
const SHARE: usize = 100;

/// To compare so many takes no longer than to visit lists.
const ALWAYS: usize = 1000;

/// Whether all rows that a filter leaves are compared: `left` of `rows`.
pub(crate) fn are_few(left: usize, rows: usize) -> bool {
    left <= (rows / SHARE).max(ALWAYS)
}

pub(super) struct Few<'a> {
    lists: &'a Lists,
    rows: &'a Rows<'a>,
    k: usize,
    candidates: Vec<u32>,
}

impl<'a> Few<'a> {
    /// The rows that are asked for, if they are few and their vectors are stored.
    pub fn of(lists: &'a Lists, rows: &'a Rows<'a>, ask: Ask) -> Result<Option<Self>> {
        let Some(selected) = ask.selected else { return Ok(None) };
        if !are_few(selected.count, rows.len()) || lists.refine.bytes(lists.d) == 0 {
            return Ok(None);
        }
        let (mut candidates, mut live) = (Vec::with_capacity(selected.count), Vec::new());
        for ((segment, set), &first) in rows.segments.iter().zip(&selected.sets).zip(&rows.firsts) {
            for list in 0..lists.count() {
                segment.write_live(list, Some(set), &mut live);
                if live.iter().all(|&live| live == 0) {
                    continue;
                }
                (segment.touch)(list)?;
                let first = first + segment.rows(list).start as u32;
                for (block, mut bits) in live.iter().copied().enumerate() {
                    while bits != 0 {
                        candidates.push(first + (block * BLOCK) as u32 + bits.trailing_zeros());
                        bits &= bits - 1;
                    }
                }
            }
        }
        Ok(Some(Self { lists, rows, k: ask.k, candidates }))
    }

    /// The neighbours of each query.
    pub fn search(&self, queries: &[f32]) -> Result<Vec<Neighbours>> {
        let Self { lists, rows, k, candidates } = self;
        let mut distances = Vec::new();
        let neighbours = |query| {
            distances.clear();
            if let Some(reference) = lists.refine.reference(lists.metric, query) {
                let stored = |at: usize| rows.refined(candidates[at], reference.bytes());
                reference.distances(stored, candidates.len(), &mut distances);
            }
            Neighbours::of(*k, rows, candidates, &distances)
        };
        Ok(queries.chunks_exact(lists.d).map(neighbours).collect())
    }
}
