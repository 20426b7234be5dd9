//! CPU twin of `shaders/scalar_encode.wgsl`.

use rayon::prelude::*;

/// The table of the shader: rows of `stride` numbers, or one row if that is 0.
#[derive(Clone, Copy)]
pub(crate) struct Levels<'a> {
    pub table: &'a [f32],
    pub stride: usize,
    pub k: usize,
    /// Whether the table lists all `k` levels of a row; otherwise it has lowest, highest, step and 1 / step.
    pub listed: bool,
}

/// Writes the numbers of the levels nearest to the elements of `x` (n, d).
pub(crate) fn scalar_encode(x: &[f32], d: usize, levels: Levels, codes: &mut [u32]) {
    let rows = codes.par_chunks_mut(d).zip(x.par_chunks(d)).with_min_len((4096 / d).max(1));
    rows.for_each(|(codes, x)| {
        for (j, (code, &x)) in codes.iter_mut().zip(x).enumerate() {
            let table = &levels.table[j * levels.stride..];
            *code = if levels.listed {
                nearest_listed(x, &table[..levels.k])
            } else {
                nearest_uniform(x, [table[0], table[1], table[3]], levels.k)
            };
        }
    });
}

fn nearest_uniform(x: f32, [lowest, highest, inverse]: [f32; 3], k: usize) -> u32 {
    let steps = (x.clamp(lowest, highest) - lowest) * inverse;
    // Below −0.5 nothing comes, and the cast takes what is below 0 to 0.
    ((steps - 0.5).ceil() as u32).min(k as u32 - 1)
}

fn nearest_listed(x: f32, levels: &[f32]) -> u32 {
    // At most the highest, so that the search ends at the first of the equal ones.
    let x = x.min(levels[levels.len() - 1]);
    let first = levels.partition_point(|&level| level < x);
    let lower = first > 0 && x - levels[first - 1] <= levels[first] - x;
    (first - usize::from(lower)) as u32
}
