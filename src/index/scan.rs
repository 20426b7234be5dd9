//! Looking through lists: every row that is allowed is compared.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use ndarray::Array2;
use rayon::prelude::*;

use super::bits::RowBits;
use super::segment::Segment;
use crate::error::Result;
use crate::metrics::Metric;

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

/// Rows that are compared at a time.
const COMPARED: usize = 1024;

/// What is looked through.
pub struct Scan<'a> {
    pub segments: &'a [Segment],
    /// The rows of each that are compared.
    pub allowed: &'a [RowBits],
    pub lists: usize,
    pub metric: Metric,
}

impl Scan<'_> {
    /// Has each of the queries `x` (q, d) meet every row of the lists `probes` that it looks into, whose vectors `vectors` gives by list
    /// and rows of it.
    pub fn run<T: Send>(
        &self,
        x: &Array2<f32>,
        probes: &[Vec<u32>],
        found: &mut [T],
        vectors: impl Fn(&Segment, usize, &[usize]) -> Result<Array2<f32>>,
        meet: impl Fn(&mut T, Near) + Sync,
    ) -> Result<()> {
        for list in 0..self.lists {
            let asks = |query: &usize| probes[*query].binary_search(&(list as u32)).is_ok();
            let asking: Vec<usize> = (0..x.nrows()).filter(asks).collect();
            if asking.is_empty() {
                continue;
            }
            for (number, (segment, allowed)) in self.segments.iter().zip(self.allowed).enumerate() {
                let first = segment.list(list).start;
                let is_allowed = |row: &usize| allowed.contains(segment.place_in(list, *row));
                let mut rows = (0..segment.list(list).len()).filter(is_allowed).peekable();
                while rows.peek().is_some() {
                    let rows: Vec<usize> = rows.by_ref().take(COMPARED).collect();
                    let vectors = vectors(segment, list, &rows)?;
                    let ids =
                        rows.iter().map(|&row| segment.id(first + row)).collect::<Result<Vec<u64>>>()?;
                    let all = || vectors.outer_iter().zip(rows.iter().zip(&ids));
                    let asks = |query: &usize| asking.binary_search(query).is_ok();
                    let each = found.par_iter_mut().enumerate().filter(|(query, _)| asks(query));
                    each.for_each(|(query, found)| {
                        for (vector, (&row, &id)) in all() {
                            let distance = self.metric.distance(x.row(query), vector);
                            let (segment, row) = (number as u32, (first + row) as u32);
                            meet(found, Near { distance, id, segment, row });
                        }
                    });
                }
            }
        }
        Ok(())
    }
}
