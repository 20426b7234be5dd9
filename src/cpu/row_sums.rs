//! CPU twin of `shaders/row_sums.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::widest::widest;

/// Partial sums, which the compiler keeps in vector registers.
const LANES: usize = 16;

/// Rows that one thread does at a time.
const ROWS: usize = 256;

/// Writes the sums of the rows of `x` (n, d) to `sums` (n).
pub(crate) fn row_sums(x: &[f32], d: usize, sums: &mut [f32]) {
    let arch = Arch::new();
    sums.par_chunks_mut(ROWS).zip(x.par_chunks(ROWS * d)).for_each(|(sums, x)| {
        widest(arch, || {
            for (sum, row) in sums.iter_mut().zip(x.chunks_exact(d)) {
                *sum = row_sum(row);
            }
        });
    });
}

#[inline(always)]
fn row_sum(row: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for part in row.chunks(LANES) {
        for (lane, &x) in lanes.iter_mut().zip(part) {
            *lane += x;
        }
    }
    lanes.into_iter().sum()
}
