//! CPU twin of `shaders/row_distances.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::distance::distance;
use crate::metrics::Metric;

/// Rows that one thread does at a time.
const ROWS: usize = 256;

/// Writes ‖x_i − y_i‖² of the rows of `x` and `y` (n, d) to `distances` (n).
pub(crate) fn row_distances(x: &[f32], y: &[f32], d: usize, distances: &mut [f32]) {
    if d == 0 {
        return distances.fill(0.0);
    }
    let arch = Arch::new();
    let blocks = x.par_chunks(ROWS * d).zip(y.par_chunks(ROWS * d)).zip(distances.par_chunks_mut(ROWS));
    blocks.for_each(|((x, y), distances)| arch.dispatch(Block { x, y, d, distances }));
}

struct Block<'a> {
    x: &'a [f32],
    y: &'a [f32],
    d: usize,
    distances: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.x.chunks_exact(self.d).zip(self.y.chunks_exact(self.d));
        for ((x, y), out) in rows.zip(self.distances) {
            *out = distance(simd, Metric::SquaredL2, x, y);
        }
    }
}
