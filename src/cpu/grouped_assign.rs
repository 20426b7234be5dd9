//! CPU twin of `shaders/grouped_assign.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::distance::distance;
use super::grouped_assign_exactly::grouped_assign_exactly;
use crate::certified::bounds::{DistanceBound, is_beyond};
use crate::metrics::Metric;

/// Codebooks of `k` codewords of `d` dimensions, one after the other from row `first` on.
#[derive(Clone, Copy)]
pub(crate) struct Family<'a> {
    pub codewords: &'a [f32],
    pub first: usize,
    pub k: usize,
    pub d: usize,
}

/// Where the results go.
pub(crate) struct Chosen<'a> {
    pub codes: &'a mut [u32],
    pub rows: &'a mut [u32],
    pub distances: &'a mut [f32],
}

/// The nearest codeword of every row of `x` in the codebook of its group.
pub(crate) fn grouped_assign(x: &[f32], family: Family, groups: &[u32], chosen: Chosen) {
    let arch = Arch::new();
    // Large blocks have many rows of one group, small ones are work for all threads.
    let size = groups.len().div_ceil(2 * rayon::current_num_threads()).clamp(64, 4096);
    let outputs = chosen
        .codes
        .par_chunks_mut(size)
        .zip(chosen.rows.par_chunks_mut(size))
        .zip(chosen.distances.par_chunks_mut(size));
    let blocks = x.par_chunks(size * family.d).zip(groups.par_chunks(size)).zip(outputs);
    blocks.for_each(|((x, groups), ((codes, rows), distances))| {
        arch.dispatch(Block { x, family, groups, chosen: Chosen { codes, rows, distances } });
    });
}

struct Block<'a> {
    x: &'a [f32],
    family: Family<'a>,
    groups: &'a [u32],
    chosen: Chosen<'a>,
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Family { codewords, first, k, d } = self.family;
        let bound = DistanceBound::new(d, 2);
        // Group by group, for the sake of the caches: with 256 codebooks of 256 that saves a quarter of the time.
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.sort_by_key(|&i| self.groups[i]);
        for i in order {
            let x = &self.x[i * d..][..d];
            let start = first + self.groups[i] as usize * k;
            let codeword = |code: u32| &codewords[(start + code as usize) * d..][..d];
            let (mut least, mut second, mut best) = (f32::INFINITY, f32::INFINITY, 0);
            for code in 0..k as u32 {
                let distance = distance(simd, Metric::SquaredL2, x, codeword(code));
                second = second.min(distance.max(least));
                if distance < least {
                    (least, best) = (distance, code);
                }
            }
            let threshold = bound.threshold(least);
            if !is_beyond(second, threshold) {
                best = grouped_assign_exactly(simd, x, k as u32, threshold, codeword);
                least = distance(simd, Metric::SquaredL2, x, codeword(best));
            }
            self.chosen.codes[i] = best;
            self.chosen.rows[i] = start as u32 + best;
            self.chosen.distances[i] = least;
        }
    }
}
