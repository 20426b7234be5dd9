//! CPU twin of `shaders/beam_codes.wgsl`.

use rayon::prelude::*;

/// Writes the codes of the first tuple of each row of `ids`, whose rows are `width` long, to `codes`.
pub(crate) fn beam_codes(ids: &[u32], width: usize, offsets: &[u32], codes: &mut [u32]) {
    let m = offsets.len() - 1;
    codes.par_chunks_mut(m).zip(ids.par_chunks(width)).with_min_len(256).for_each(|(codes, ids)| {
        codes.fill(0);
        for &id in &ids[..m] {
            let j = offsets.partition_point(|&offset| offset <= id) - 1;
            codes[j] = id - offsets[j];
        }
    });
}
