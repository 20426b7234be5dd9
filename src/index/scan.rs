//! Looking through lists: every row that is allowed is decoded and compared.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use ndarray::Array2;
use rayon::prelude::*;

use super::bits::RowBits;
use super::model::Coding;
use super::segment::Segment;
use crate::error::Result;

/// A row that may be a neighbour.
#[derive(Clone, Copy, Debug)]
pub struct Near {
    pub distance: f64,
    pub id: u64,
    pub segment: u32,
    pub row: u32,
}

impl Ord for Near {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.id.cmp(&other.id))
    }
}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Near {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Near {}

/// The nearest of what it was shown, whatever the order in which that came.
#[derive(Clone, Debug)]
pub struct Nearest {
    keep: usize,
    heap: BinaryHeap<Near>,
}

impl Nearest {
    pub fn new(keep: usize) -> Self {
        Self { keep, heap: BinaryHeap::new() }
    }

    pub fn len(&self) -> usize {
        self.heap.len()
    }

    pub fn push(&mut self, near: Near) {
        if self.heap.len() < self.keep {
            self.heap.push(near);
        } else if let Some(mut farthest) = self.heap.peek_mut()
            && near < *farthest
        {
            *farthest = near;
        }
    }

    pub fn into_sorted(self) -> impl Iterator<Item = Near> {
        self.heap.into_sorted_vec().into_iter()
    }
}

/// Rows that are decoded at a time.
const DECODED: usize = 1024;

/// The `keep` nearest by their codes to each of the queries `x` (q, d), among the allowed rows of the lists that are to be looked
/// into for it.
pub fn scan(
    coding: &Coding<'_>,
    segments: &[Segment],
    allowed: &[RowBits],
    x: &Array2<f32>,
    probes: &[Vec<u32>],
    keep: usize,
) -> Result<Vec<Nearest>> {
    let (metric, _) = coding.model().compared_by();
    let mut nearest = vec![Nearest::new(keep); x.nrows()];
    for list in 0..coding.model().list_count() {
        let asks = |query: usize| probes[query].binary_search(&(list as u32)).is_ok();
        let asking: Vec<usize> = (0..x.nrows()).filter(|&query| asks(query)).collect();
        if asking.is_empty() {
            continue;
        }
        for (number, (segment, allowed)) in segments.iter().zip(allowed).enumerate() {
            let first = segment.list(list).start;
            let is_allowed = |row: &usize| allowed.contains(segment.place_in(list, *row));
            let mut rows = (0..segment.list(list).len()).filter(is_allowed).peekable();
            while rows.peek().is_some() {
                let rows: Vec<usize> = rows.by_ref().take(DECODED).collect();
                let decoded = coding.decode(segment.codes(list)?, &rows, list)?;
                let mut ids = Vec::with_capacity(rows.len());
                for &row in &rows {
                    ids.extend(segment.ids(first + row..first + row + 1)?);
                }
                let meet = |query: usize, nearest: &mut Nearest| {
                    for ((vector, &row), &id) in decoded.outer_iter().zip(&rows).zip(&ids) {
                        let distance = metric.distance(x.row(query), vector);
                        nearest.push(Near {
                            distance,
                            id,
                            segment: number as u32,
                            row: (first + row) as u32,
                        });
                    }
                };
                let asks = |query: &usize| asking.binary_search(query).is_ok();
                nearest
                    .par_iter_mut()
                    .enumerate()
                    .filter(|(query, _)| asks(query))
                    .for_each(|(query, nearest)| meet(query, nearest));
            }
        }
    }
    Ok(nearest)
}
