//! CPU twin of `shaders/code_distances.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::distance::distance;
use crate::metrics::Metric;

/// Rows that one thread does at a time.
const ROWS: usize = 256;

/// Writes ‖x_i − c‖² to `distances`, of the rows of `x` (n, d) and the rows of `codebook` (k, d) that `codes` says.
pub(crate) fn code_distances(x: &[f32], codebook: &[f32], d: usize, codes: &[u32], distances: &mut [f32]) {
    let arch = Arch::new();
    let blocks = x.par_chunks(ROWS * d).zip(codes.par_chunks(ROWS)).zip(distances.par_chunks_mut(ROWS));
    blocks.for_each(|((x, codes), distances)| arch.dispatch(Block { x, codebook, d, codes, distances }));
}

struct Block<'a> {
    x: &'a [f32],
    codebook: &'a [f32],
    d: usize,
    codes: &'a [u32],
    distances: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.x.chunks_exact(self.d).zip(self.codes);
        for ((x, &code), out) in rows.zip(self.distances) {
            let codeword = &self.codebook[code as usize * self.d..][..self.d];
            *out = distance(simd, Metric::SquaredL2, x, codeword);
        }
    }
}
