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
            .for_each_init(Scratch::default, |scratch, (block, (ids, costs))| {
                arch.dispatch(Block { step: &self, first_row: block * ROWS, w, scratch, ids, costs });
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

/// Room that is used again from row to row.
#[derive(Default)]
struct Scratch {
    best: Vec<Kept>,
    /// The cost of every entry with every candidate.
    costs: Vec<f32>,
}

struct Block<'a> {
    step: &'a Step<'a>,
    first_row: usize,
    w: usize,
    scratch: &'a mut Scratch,
    ids: &'a mut [u32],
    costs: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Block { step, first_row, w, scratch, ids, costs } = self;
        let length = step.length + 1;
        for (at, (ids, costs)) in ids.chunks_exact_mut(w * length).zip(costs.chunks_exact_mut(w)).enumerate()
        {
            let row = first_row + at;
            search(simd, step, row, w, scratch);
            for (kept, (tuple, cost)) in scratch.best.iter().zip(ids.chunks_exact_mut(length).zip(costs)) {
                tuple[..step.length].copy_from_slice(step.tuple(row, kept.entry));
                tuple[step.length] = step.first + kept.candidate;
                *cost = kept.cost;
            }
        }
    }
}

/// Vectors of least costs, at most, that bound what is worth keeping.
const MOST_LEAST: usize = 8;

/// Fills `best` with the `w` cheapest tuples of `row`, in order of cost, then entry, then candidate.
///
/// All costs first, with the least of every lane beside them: of w lanes' least costs the largest bounds the w-th
/// cheapest tuple, so that hardly more than w tuples are ever put in order.
#[inline(always)]
fn search<S: Simd>(simd: S, step: &Step, row: usize, w: usize, scratch: &mut Scratch) {
    let count = step.candidates;
    let scores = &step.scores[row * count..][..count];
    let Scratch { best, costs } = scratch;
    best.clear();
    costs.resize(step.entries * count, 0.0);
    // With groups a tuple may come once per order of its codewords.
    let wanted = if step.group == 0 { w } else { w * (step.length + 1) };
    let used = wanted.div_ceil(S::F32_LANES);
    let mut least = [simd.splat_f32s(f32::INFINITY); MOST_LEAST];
    let rotation = if used <= MOST_LEAST { used } else { MOST_LEAST };
    for (entry, costs) in costs.chunks_exact_mut(count).enumerate() {
        let start = if step.length == 0 { 0.0 } else { step.costs_in[row * step.entries + entry] };
        let tuple = step.tuple(row, entry);
        if step.group == 0 {
            fill(simd, step, 0, start, tuple, scores, costs, &mut least[..rotation]);
            continue;
        }
        let group = step.group as usize;
        for (book, costs) in costs.chunks_mut(group).enumerate() {
            let first = book * group;
            if tuple.iter().any(|&id| id as usize / group == step.first as usize / group + book) {
                costs.fill(f32::INFINITY);
            } else {
                let scores = &scores[first..first + costs.len()];
                fill(simd, step, first, start, tuple, scores, costs, &mut least[..rotation]);
            }
        }
    }
    let mut limit =
        if used <= MOST_LEAST { bound(simd, &mut least[..rotation], wanted) } else { f32::INFINITY };
    // The bound itself may be a cost that is kept.
    limit = limit.next_up();
    for (entry, costs) in costs.chunks_exact(count).enumerate() {
        let (vectors, tail) = S::as_simd_f32s(costs);
        let mut offer = |cost: f32, candidate: usize, limit: &mut f32| {
            if cost < *limit {
                insert(step, row, w, best, Kept { cost, entry, candidate: candidate as u32 });
                if best.len() == w {
                    *limit = limit.min(best[w - 1].cost);
                }
            }
        };
        for (v, &cost) in vectors.iter().enumerate() {
            let below = simd.less_than_f32s(cost, simd.splat_f32s(limit));
            // Whether there is one: with AVX-512, which lane it is cannot be told from the result.
            if simd.first_true_m32s(below) < S::F32_LANES {
                for (lane, &cost) in bytemuck::cast_slice::<_, f32>(&[cost]).iter().enumerate() {
                    offer(cost, v * S::F32_LANES + lane, &mut limit);
                }
            }
        }
        let done = vectors.len() * S::F32_LANES;
        for (i, &cost) in tail.iter().enumerate() {
            offer(cost, done + i, &mut limit);
        }
    }
    // Costs that overflow are kept by no comparison; the first tuple stands in, as in the shader.
    best.resize(w, Kept { cost: f32::MAX, entry: 0, candidate: 0 });
}

/// Writes the costs of the candidates from `first` on after one entry, and lowers the least ones of the lanes.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the loop's whole state, kept in registers")]
fn fill<S: Simd>(
    simd: S,
    step: &Step,
    first: usize,
    start: f32,
    tuple: &[u32],
    scores: &[f32],
    costs: &mut [f32],
    least: &mut [S::f32s],
) {
    let table = |id: u32| &step.gram[id as usize * step.candidates + first..][..scores.len()];
    let (vectors, tail) = S::as_simd_f32s(scores);
    let (out, out_tail) = S::as_mut_simd_f32s(costs);
    let (blocks, rest) = vectors.as_chunks::<BLOCK>();
    let (out_blocks, out_rest) = out.as_chunks_mut::<BLOCK>();
    let start_all = simd.splat_f32s(start);
    // Costs are summed in the shader's order, so that both round alike. A block's sums stay in registers while the rows
    // of the table, which lie far apart, are read one after another.
    for (block, (scores, out)) in blocks.iter().zip(out_blocks).enumerate() {
        let mut sums = scores.map(|score| simd.add_f32s(score, start_all));
        for &id in tuple {
            let row = &S::as_simd_f32s(table(id)).0.as_chunks::<BLOCK>().0[block];
            for (sum, &row) in sums.iter_mut().zip(row) {
                *sum = simd.add_f32s(*sum, row);
            }
        }
        *out = sums;
        let low = sums.into_iter().reduce(|a, b| simd.min_f32s(a, b)).expect("a block has vectors");
        let least = &mut least[block % least.len()];
        *least = simd.min_f32s(*least, low);
    }
    let done = blocks.len() * BLOCK;
    for (v, (&score, out)) in rest.iter().zip(out_rest).enumerate() {
        let start = simd.add_f32s(score, start_all);
        let add = |cost, &id: &u32| simd.add_f32s(cost, S::as_simd_f32s(table(id)).0[done + v]);
        *out = tuple.iter().fold(start, add);
        least[0] = simd.min_f32s(least[0], *out);
    }
    let done = vectors.len() * S::F32_LANES;
    for (i, (&score, out)) in tail.iter().zip(out_tail).enumerate() {
        *out = tuple.iter().fold(score + start, |cost, &id| cost + table(id)[done + i]);
    }
}

/// Vectors of costs that are summed side by side: as many as have registers everywhere.
const BLOCK: usize = 8;

/// The `wanted`-th least of all lanes of `least`, or more where some are equal; infinity if there are not so many.
#[inline(always)]
fn bound<S: Simd>(simd: S, least: &mut [S::f32s], wanted: usize) -> f32 {
    let mut bound = f32::INFINITY;
    for _ in 0..wanted {
        let lowest = least.iter().fold(simd.splat_f32s(f32::INFINITY), |low, &lane| simd.min_f32s(low, lane));
        bound = simd.reduce_min_f32s(lowest);
        let all = simd.splat_f32s(bound);
        for lane in least.iter_mut() {
            *lane = simd.select_f32s(simd.equal_f32s(*lane, all), simd.splat_f32s(f32::INFINITY), *lane);
        }
    }
    bound
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
