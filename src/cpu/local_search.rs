//! CPU twin of `shaders/local_search.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::ops::MOST_CODEBOOKS;

/// What one round reads; the shapes are those of the shader.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    pub scores: &'a [f32],
    pub gram: &'a [f32],
    pub shifts: &'a [u32],
    pub k: usize,
    pub sweeps: usize,
    pub first: bool,
}

/// Rows that one thread does at a time: a pass over a codebook reads its part of the table for all of them.
const ROWS: usize = 64;

impl Search<'_> {
    /// Searches from `codes` (n, m) perturbed; keeps what is cheaper than `costs` (n).
    pub(crate) fn run(self, codes: &mut [u32], costs: &mut [f32]) {
        let (arch, m) = (Arch::new(), self.shifts.len());
        codes.par_chunks_mut(ROWS * m).zip(costs.par_chunks_mut(ROWS)).enumerate().for_each(
            |(block, (codes, costs))| {
                arch.dispatch(Block { search: &self, first_row: block * ROWS, codes, costs });
            },
        );
    }

    /// The scores of a row.
    fn row(&self, row: usize) -> &[f32] {
        let width = self.shifts.len() * self.k;
        &self.scores[row * width..][..width]
    }

    /// Inner products of code `code` of codebook `i` with the codewords of codebook `j`.
    fn table(&self, i: usize, code: u32, j: usize) -> &[f32] {
        let width = self.shifts.len() * self.k;
        &self.gram[(i * self.k + code as usize) * width + j * self.k..][..self.k]
    }

    fn cost(&self, row: usize, codes: &[u32]) -> f32 {
        let scores = self.row(row);
        let mut cost = 0.0;
        for (j, &code) in codes.iter().enumerate() {
            cost += scores[j * self.k + code as usize];
            for (i, &other) in codes[..j].iter().enumerate() {
                cost += self.table(i, other, j)[code as usize];
            }
        }
        cost
    }
}

struct Block<'a> {
    search: &'a Search<'a>,
    first_row: usize,
    codes: &'a mut [u32],
    costs: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Block { search, first_row, codes, costs } = self;
        let m = search.shifts.len();
        let mut current: Vec<u32> = codes
            .iter()
            .zip(search.shifts.iter().cycle())
            .map(|(&code, &shift)| (code + shift) % search.k as u32)
            .collect();
        // A row is done once m codes in a row have stayed: another pass could change nothing.
        let mut active: Vec<usize> = (0..costs.len()).collect();
        let mut stayed = vec![0; costs.len()];
        for step in 0..search.sweeps * m {
            let j = step % m;
            for &at in &active {
                let codes = &mut current[at * m..][..m];
                let best = best_code(simd, search, first_row + at, codes, j);
                // The code itself is the best one now, given the others.
                stayed[at] = if best == codes[j] { stayed[at] + 1 } else { 1 };
                codes[j] = best;
            }
            active.retain(|&at| stayed[at] < m);
        }
        for (at, (codes, best)) in codes.chunks_exact_mut(m).zip(costs).enumerate() {
            let found = &current[at * m..][..m];
            let cost = search.cost(first_row + at, found);
            if search.first || cost < *best {
                *best = cost;
                codes.copy_from_slice(found);
            }
        }
    }
}

/// The best code of codebook `j` given the others, of equal ones the lowest.
#[inline(always)]
fn best_code<S: Simd>(simd: S, search: &Search, row: usize, codes: &[u32], j: usize) -> u32 {
    const LANES: [u32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    let scores = &search.row(row)[j * search.k..][..search.k];
    let (vectors, tail) = S::as_simd_f32s(scores);
    let mut least = simd.splat_f32s(f32::INFINITY);
    let mut least_at = simd.splat_u32s(0);
    let lanes = S::as_simd_u32s(&LANES).0[0];
    // Eight codebooks are the usual number: their rows of the table stay in registers.
    let mut tables: [&[f32]; MOST_CODEBOOKS] = [&[]; _];
    let mut count = 0;
    for (i, &code) in codes.iter().enumerate() {
        if i != j {
            tables[count] = search.table(i, code, j);
            count += 1;
        }
    }
    let tables = &tables[..count];
    for (v, &score) in vectors.iter().enumerate() {
        let mut cost = score;
        for table in tables {
            cost = simd.add_f32s(cost, S::as_simd_f32s(table).0[v]);
        }
        let at = simd.add_u32s(lanes, simd.splat_u32s((v * S::F32_LANES) as u32));
        let less = simd.less_than_f32s(cost, least);
        least = simd.select_f32s(less, cost, least);
        least_at = simd.select_u32s(less, at, least_at);
    }
    let mut best = f32::INFINITY;
    let mut best_at = codes[j];
    if !vectors.is_empty() {
        best = simd.reduce_min_f32s(least);
        if best < f32::INFINITY {
            let lowest = simd.equal_f32s(least, simd.splat_f32s(best));
            let at = simd.select_u32s(lowest, least_at, simd.splat_u32s(u32::MAX));
            best_at = bytemuck::cast_slice::<_, u32>(&[at]).iter().fold(u32::MAX, |least, &at| least.min(at));
        }
    }
    let done = vectors.len() * S::F32_LANES;
    for (i, &score) in tail.iter().enumerate() {
        let cost = tables.iter().fold(score, |cost, table| cost + table[done + i]);
        if cost < best {
            best = cost;
            best_at = (done + i) as u32;
        }
    }
    best_at
}
