//! CPU twin of `shaders/tree_rows.wgsl`.

use rayon::prelude::*;

/// `rows[i, j] = codes[i, j − 1]·k + codes[i, j]` for rows of `m`, and the code itself in column 0.
pub(crate) fn tree_rows(codes: &[u32], m: usize, k: u32, rows: &mut [u32]) {
    rows.par_chunks_mut(m).zip(codes.par_chunks(m)).with_min_len(256).for_each(|(rows, codes)| {
        let mut last = 0_u32;
        for (row, &code) in rows.iter_mut().zip(codes) {
            *row = last.wrapping_mul(k).wrapping_add(code);
            last = code;
        }
    });
}
