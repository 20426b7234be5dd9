//! CPU twin of `shaders/transpose.wgsl`.

use rayon::prelude::*;

/// Rows and columns of a block: both its sides stay in the first-level cache.
const BLOCK: usize = 16;

/// Writes the rows of `x` (n, d) as the columns of `turned` (d, n).
pub(crate) fn transpose(x: &[f32], n: usize, d: usize, turned: &mut [f32]) {
    turned.par_chunks_mut(BLOCK * n).enumerate().for_each(|(block, turned)| {
        let first = block * BLOCK;
        for (rows, x) in x.chunks(BLOCK * d).enumerate() {
            for (column, turned) in turned.chunks_exact_mut(n).enumerate() {
                let own = turned[rows * BLOCK..].iter_mut().take(BLOCK);
                for (turned, x) in own.zip(x.chunks_exact(d)) {
                    *turned = x[first + column];
                }
            }
        }
    });
}
