//! CPU twin of `shaders/beam_step.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// What one step reads; the shapes are those of the shader.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub scores: &'a [f32],
    pub gram: &'a [f32],
    pub candidates: usize,
    pub first: u32,
    /// Codewords of a codebook, or 0.
    pub group: u32,
    pub ids_in: &'a [u32],
    pub costs_in: &'a [f32],
    pub entries: usize,
    pub length: usize,
}

/// Rows that one thread does at a time.
const ROWS: usize = 64;

impl Step<'_> {
    /// Writes the `w` cheapest tuples of each row to `ids` (n, w, length + 1) and their costs to `costs` (n, w).
    pub(crate) fn run(self, w: usize, ids: &mut [u32], costs: &mut [f32]) {
        let arch = Arch::new();
        ids.par_chunks_mut(ROWS * w * (self.length + 1))
            .zip(costs.par_chunks_mut(ROWS * w))
            .enumerate()
            .for_each_init(Vec::new, |best, (block, (ids, costs))| {
                arch.dispatch(Block { step: &self, first_row: block * ROWS, w, best, ids, costs });
            });
    }

    /// The tuple of row `row` that `entry` is.
    fn tuple(&self, row: usize, entry: usize) -> &[u32] {
        &self.ids_in[(row * self.entries + entry) * self.length..][..self.length]
    }

    /// Whether two extended entries of a row have the same codewords.
    fn same(&self, row: usize, (a, c): (usize, u32), (b, d): (usize, u32)) -> bool {
        let (first, second) = (self.tuple(row, a), self.tuple(row, b));
        a != b
            && second.contains(&(self.first + c))
            && first.iter().all(|&id| id == self.first + d || second.contains(&id))
    }
}

/// A tuple that is kept: its cost, entry and candidate.
#[derive(Clone, Copy)]
struct Kept {
    cost: f32,
    entry: usize,
    candidate: u32,
}

struct Block<'a> {
    step: &'a Step<'a>,
    first_row: usize,
    w: usize,
    best: &'a mut Vec<Kept>,
    ids: &'a mut [u32],
    costs: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Block { step, first_row, w, best, ids, costs } = self;
        let length = step.length + 1;
        for (at, (ids, costs)) in ids.chunks_exact_mut(w * length).zip(costs.chunks_exact_mut(w)).enumerate()
        {
            let row = first_row + at;
            search(simd, step, row, w, best);
            for (kept, (tuple, cost)) in best.iter().zip(ids.chunks_exact_mut(length).zip(costs)) {
                tuple[..step.length].copy_from_slice(step.tuple(row, kept.entry));
                tuple[step.length] = step.first + kept.candidate;
                *cost = kept.cost;
            }
        }
    }
}

/// Fills `best` with the `w` cheapest tuples of `row`, in order of cost, then entry, then candidate.
#[inline(always)]
fn search<S: Simd>(simd: S, step: &Step, row: usize, w: usize, best: &mut Vec<Kept>) {
    let count = step.candidates;
    let scores = &step.scores[row * count..][..count];
    best.clear();
    let mut limit = f32::INFINITY;
    for entry in 0..step.entries {
        let start = if step.length == 0 { 0.0 } else { step.costs_in[row * step.entries + entry] };
        let tuple = step.tuple(row, entry);
        if step.group == 0 {
            let range = (0, count);
            scan(simd, step, (row, entry), range, start, tuple, scores, w, best, &mut limit);
            continue;
        }
        let group = step.group as usize;
        for first in (0..count).step_by(group) {
            let book = (step.first as usize + first) / group;
            if !tuple.iter().any(|&id| id as usize / group == book) {
                let range = (first, (first + group).min(count));
                scan(simd, step, (row, entry), range, start, tuple, scores, w, best, &mut limit);
            }
        }
    }
    // Costs that overflow are kept by no comparison; the first tuple stands in, as in the shader.
    best.resize(w, Kept { cost: f32::MAX, entry: 0, candidate: 0 });
}

/// Offers the candidates of `range` after one entry.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the loop's whole state, kept in registers")]
fn scan<S: Simd>(
    simd: S,
    step: &Step,
    (row, entry): (usize, usize),
    (first, end): (usize, usize),
    start: f32,
    tuple: &[u32],
    scores: &[f32],
    w: usize,
    best: &mut Vec<Kept>,
    limit: &mut f32,
) {
    let table = |id: u32| &step.gram[id as usize * step.candidates..][first..end];
    let scores = &scores[first..end];
    let (vectors, tail) = S::as_simd_f32s(scores);
    let start_all = simd.splat_f32s(start);
    let mut offer = |cost: f32, candidate: usize, limit: &mut f32| {
        if cost < *limit {
            insert(step, row, w, best, Kept { cost, entry, candidate: (first + candidate) as u32 });
            if best.len() == w {
                *limit = best[w - 1].cost;
            }
        }
    };
    for (v, &score) in vectors.iter().enumerate() {
        // In the shader's order, so that both round alike.
        let mut cost = simd.add_f32s(score, start_all);
        for &id in tuple {
            cost = simd.add_f32s(cost, S::as_simd_f32s(table(id)).0[v]);
        }
        let below = simd.less_than_f32s(cost, simd.splat_f32s(*limit));
        if simd.first_true_m32s(below) < S::F32_LANES {
            for (lane, &cost) in bytemuck::cast_slice::<_, f32>(&[cost]).iter().enumerate() {
                offer(cost, v * S::F32_LANES + lane, limit);
            }
        }
    }
    let done = vectors.len() * S::F32_LANES;
    for (i, &score) in tail.iter().enumerate() {
        let cost = tuple.iter().fold(score + start, |cost, &id| cost + table(id)[done + i]);
        offer(cost, done + i, limit);
    }
}

/// Puts `new` behind all that are no dearer; of tuples with the same codewords the cheaper one stays.
fn insert(step: &Step, row: usize, w: usize, best: &mut Vec<Kept>, new: Kept) {
    if step.group > 0 {
        let tuple = |kept: &Kept| (kept.entry, kept.candidate);
        if let Some(at) = best.iter().position(|kept| step.same(row, tuple(kept), tuple(&new))) {
            if best[at].cost <= new.cost {
                return;
            }
            best.remove(at);
        }
    }
    if best.len() == w {
        best.pop();
    }
    let at = best.partition_point(|kept| kept.cost <= new.cost);
    best.insert(at, new);
}
