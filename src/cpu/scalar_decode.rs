//! CPU twin of `shaders/scalar_decode.wgsl`.

use rayon::prelude::*;

use super::scalar_encode::Levels;

/// Writes the levels that `codes` (n, d) number.
pub(crate) fn scalar_decode(codes: &[u32], d: usize, levels: Levels, decoded: &mut [f32]) {
    let rows = decoded.par_chunks_mut(d).zip(codes.par_chunks(d)).with_min_len((4096 / d).max(1));
    rows.for_each(|(decoded, codes)| {
        for (j, (decoded, &code)) in decoded.iter_mut().zip(codes).enumerate() {
            let table = &levels.table[j * levels.stride..];
            let code = code.min(levels.k as u32 - 1);
            *decoded = if levels.listed { table[code as usize] } else { table[0] + code as f32 * table[2] };
        }
    });
}
