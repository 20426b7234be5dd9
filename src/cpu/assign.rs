//! The CPU twin of `assign`: the nearest codeword of every row.

use pulp::Simd;
use rayon::prelude::*;

use super::codebook::PackedCodebook;
use super::distance::distance;
use super::tile::{CacheLine, Epilogue, GROUP};

pub fn assign(x: &[f32], codebook: &PackedCodebook, codes: &mut [u32], distances: &mut [f32]) {
    x.par_chunks(GROUP * codebook.d())
        .zip(codes.par_chunks_mut(GROUP))
        .zip(distances.par_chunks_mut(GROUP))
        .for_each_init(Vec::new, |packed, ((rows, codes), distances)| {
            codebook.score(rows, packed, Nearest::new(codebook, rows, codes, distances));
        });
}

/// Per row, the best score and its codeword in every lane.
struct Nearest<'a> {
    codebook: &'a PackedCodebook,
    rows: &'a [f32],
    codes: &'a mut [u32],
    distances: &'a mut [f32],
    scores: [CacheLine; GROUP],
    indices: [CacheLine; GROUP],
}

impl<'a> Nearest<'a> {
    #[inline(always)]
    fn new(codebook: &'a PackedCodebook, rows: &'a [f32], codes: &'a mut [u32], distances: &'a mut [f32]) -> Self {
        let scores = [CacheLine::splat(f32::INFINITY); GROUP];
        Self { codebook, rows, codes, distances, scores, indices: [CacheLine::splat(0.0); GROUP] }
    }
}

const LANES: [u32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

impl Epilogue for Nearest<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        codeword: usize,
        sums: &[[S::f32s; V]; R],
    ) {
        let lanes = S::as_simd_u32s(&LANES).0[0];
        let scores = &mut self.scores[row..row + R];
        let indices = &mut self.indices[row..row + R];
        for r in 0..R {
            let best = &mut S::as_mut_simd_f32s(scores[r].floats()).0[0];
            let index = &mut S::as_mut_simd_u32s(indices[r].indices()).0[0];
            for v in 0..V {
                let here = simd.add_u32s(lanes, simd.splat_u32s((codeword + v * S::F32_LANES) as u32));
                // Strictly less: of equal scores in a lane the earlier one, the lower index, stays.
                let closer = simd.less_than_f32s(sums[r][v], *best);
                *best = simd.select_f32s(closer, sums[r][v], *best);
                *index = simd.select_u32s(closer, here, *index);
            }
        }
    }

    #[inline(always)]
    fn finish(&mut self) {
        let metric = self.codebook.metric();
        let rows = self.rows.chunks_exact(self.codebook.d());
        let state = self.scores.iter_mut().zip(&mut self.indices);
        for (((row, (scores, indices)), code), out) in
            rows.zip(state).zip(self.codes.iter_mut()).zip(self.distances.iter_mut())
        {
            let (scores, indices) = (scores.floats(), indices.indices());
            for half in [8, 4, 2, 1] {
                for lane in 0..half {
                    let (a, b) = (scores[lane], scores[lane + half]);
                    let (i, j) = (indices[lane], indices[lane + half]);
                    let other = (b < a) | ((b == a) & (j < i));
                    scores[lane] = if other { b } else { a };
                    indices[lane] = if other { j } else { i };
                }
            }
            *code = indices[0];
            *out = distance(metric, row, self.codebook.codeword(indices[0] as usize));
        }
    }
}
