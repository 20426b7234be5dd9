//! CPU twin of `shaders/segment_mean.wgsl`: the same additions in the same order.
//!
//! Rows are visited as they lie in memory, each added to the partial sum of its chunk: following `order` instead
//! would wait for memory at every row.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use pulp::Arch;
use rayon::prelude::*;

use super::widest::widest;
use crate::ops::Form;

/// Rows that are added up one after another.
pub(super) const CHUNK: usize = 256;
/// Chunks whose sums are added up one after another.
pub(super) const GROUP: usize = 256;
/// Bytes of partial sums that a task may keep going at once, so that they stay in its core's cache.
const CACHE: usize = 512 << 10;
/// Elements that are added up before another thread would be awake.
const ALONE: usize = 1 << 16;
/// The slot of a row that has no code.
const NONE: u32 = u32::MAX;

/// The rows to take the means of: `x` (n, d) and a weight each, or 1.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub x: &'a [f32],
    pub d: usize,
    pub weights: Option<&'a [f32]>,
}

/// The rows of each code that means were taken of: codes that have the same rows the next time keep them.
#[derive(Default)]
pub(crate) struct Taken {
    order: Vec<u32>,
    offsets: Vec<u32>,
}

impl Taken {
    /// Takes down other rows of the codes, and says of each code whether they changed.
    pub fn change(&mut self, order: &[u32], offsets: &[u32]) -> Vec<bool> {
        let (before, now) = (self.segments(), Segments { n: order.len(), offsets });
        let is_known = self.offsets.len() == offsets.len();
        let codes = 0..offsets.len().saturating_sub(1);
        let changed = |code| !is_known || self.order[before.places(code)] != order[now.places(code)];
        let changed = codes.map(changed).collect();
        self.order.clear();
        self.order.extend_from_slice(order);
        self.offsets.clear();
        self.offsets.extend_from_slice(offsets);
        changed
    }

    fn segments(&self) -> Segments<'_> {
        Segments { n: self.order.len(), offsets: &self.offsets }
    }
}

/// The weighted mean, or sum, of the rows of each code that `is_wanted`, and their weight: `order[offsets[c]..offsets[c + 1]]`
/// are the rows of code c. A code of no mass leaves its mean as it is; its sum is 0.
pub(crate) fn segment_mean(
    is_wanted: impl Fn(usize) -> bool + Sync,
    form: Form,
    rows: Rows,
    order: &[u32],
    offsets: &[u32],
    means: &mut [f32],
    mass: &mut [f32],
) {
    let (n, k) = (order.len(), mass.len());
    // A partial sum is d sums and a mass.
    let stride = rows.d + 1;
    let segments = Segments { n, offsets };
    let slots = n / CHUNK + k;
    let slot_of = segments.slot_of_rows(order, k, &is_wanted);
    let mut partials = vec![0.0; slots * stride];

    // Each task reads the slots of all rows and adds up those that are its own.
    let tasks = match rows.x.len() <= ALONE {
        true => 1,
        false => (2 * rayon::current_num_threads()).max(k * stride * size_of::<f32>() / CACHE),
    };
    let share = slots.div_ceil(tasks);
    let arch = Arch::new();
    partials.par_chunks_mut(share * stride).enumerate().for_each(|(task, partials)| {
        widest(
            arch,
            #[inline(always)]
            || sum_chunks(rows, &slot_of, task * share, partials),
        );
    });

    let codes = means.par_chunks_mut(rows.d).zip(mass).enumerate().with_min_len(16);
    codes.for_each_init(
        || vec![0.0; 2 * stride],
        |sums, (code, (mean, mass))| {
            if !is_wanted(code) {
                return;
            }
            let (group, total) = sums.split_at_mut(stride);
            total.fill(0.0);
            let slots = segments.slots(code);
            for chunks in partials[slots.start * stride..slots.end * stride].chunks(GROUP * stride) {
                group.fill(0.0);
                chunks.chunks_exact(stride).for_each(|chunk| add(group, chunk));
                add(total, group);
            }
            *mass = total[rows.d];
            if form == Form::Sum {
                mean.copy_from_slice(&total[..rows.d]);
            } else if *mass > 0.0 {
                mean.iter_mut().zip(&*total).for_each(|(mean, sum)| *mean = sum / *mass);
            }
        },
    );
}

/// Where in `order` the rows of a code are, and where their partial sums.
#[derive(Clone, Copy)]
pub(crate) struct Segments<'a> {
    pub n: usize,
    pub offsets: &'a [u32],
}

impl Segments<'_> {
    /// The places of a code's rows: within `order`, even if the caller's offsets are not.
    pub fn places(self, code: usize) -> Range<usize> {
        let start = (self.offsets[code] as usize).min(self.n);
        start..(self.offsets[code + 1] as usize).clamp(start, self.n)
    }

    /// The slots of a code's chunks: the shader says why they are its own.
    fn slots(self, code: usize) -> Range<usize> {
        let places = self.places(code);
        let first = places.start / CHUNK + code;
        first..first + places.len().div_ceil(CHUNK)
    }

    /// The slot that each row of the codes that are wanted is added to.
    fn slot_of_rows(
        self,
        order: &[u32],
        k: usize,
        is_wanted: &(impl Fn(usize) -> bool + Sync),
    ) -> Vec<AtomicU32> {
        let slot_of: Vec<_> = (0..self.n).map(|_| AtomicU32::new(NONE)).collect();
        (0..k).into_par_iter().filter(|&code| is_wanted(code)).for_each(|code| {
            for (chunk, slot) in order[self.places(code)].chunks(CHUNK).zip(self.slots(code)) {
                for &row in chunk {
                    if let Some(slot_of_row) = slot_of.get(row as usize) {
                        slot_of_row.store(slot as u32, Relaxed);
                    }
                }
            }
        });
        slot_of
    }
}

/// Adds each row to the partial sum of its slot, if that is among `partials`, which start at slot `first`.
#[inline(always)]
fn sum_chunks(rows: Rows, slot_of: &[AtomicU32], first: usize, partials: &mut [f32]) {
    let d = rows.d;
    let slots = partials.len() / (d + 1);
    for (row, slot) in slot_of.iter().enumerate() {
        let slot = (slot.load(Relaxed) as usize).wrapping_sub(first);
        if slot < slots {
            let partial = &mut partials[slot * (d + 1)..][..d + 1];
            let weight = rows.weights.map_or(1.0, |weights| weights[row]);
            partial.iter_mut().zip(&rows.x[row * d..][..d]).for_each(|(sum, x)| *sum += weight * x);
            partial[d] += weight;
        }
    }
}

fn add(sums: &mut [f32], terms: &[f32]) {
    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::oracle::{bits, uniform};

    #[test]
    fn codes_that_have_the_same_rows_keep_their_means() {
        let (n, d, k) = (1000, 3, 4);
        let x = uniform(1, n * d);
        let rows = Rows { x: &x, d, weights: None };
        let sorted = |code: fn(u32) -> u32| {
            let mut order: Vec<u32> = (0..n as u32).collect();
            order.sort_by_key(|&row| (code(row), row));
            let below = |c| order.iter().filter(|&&row| code(row) < c).count() as u32;
            let offsets: Vec<u32> = (0..=k as u32).map(below).collect();
            (order, offsets)
        };
        let (mut means, mut mass, mut taken) = (vec![0.0; k * d], vec![0.0; k], Taken::default());
        // One row goes from code 1 to code 2; the next time nothing changes.
        type Code = fn(u32) -> u32;
        let (first, moved): (Code, Code) = (|row| row % 4, |row| if row == 501 { 2 } else { row % 4 });
        let steps = [(first, [true; 4]), (moved, [false, true, true, false]), (moved, [false; 4])];
        for (code, want) in steps {
            let (order, offsets) = sorted(code);
            let changed = taken.change(&order, &offsets);
            assert_eq!(changed, want);
            segment_mean(|c| changed[c], Form::Mean, rows, &order, &offsets, &mut means, &mut mass);
            let (mut all, mut of_all) = (vec![0.0; k * d], vec![0.0; k]);
            segment_mean(|_| true, Form::Mean, rows, &order, &offsets, &mut all, &mut of_all);
            assert_eq!((bits(&means), mass.clone()), (bits(&all), of_all));
        }
    }
}
