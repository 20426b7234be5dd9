//! CPU twin of `shaders/sum_codewords.wgsl`.

use rayon::prelude::*;

/// `decoded[i] = Σ_j codewords[offsets[j] + codes[i, j]]` for rows of `d`; a code past the end of its codebook is its last.
pub(crate) fn sum_codewords(
    codes: &[u32],
    offsets: &[u32],
    codewords: &[f32],
    d: usize,
    decoded: &mut [f32],
) {
    let m = offsets.len() - 1;
    decoded.par_chunks_mut(d).zip(codes.par_chunks(m)).with_min_len(64).for_each(|(out, codes)| {
        out.fill(0.0);
        for (&code, bounds) in codes.iter().zip(offsets.windows(2)) {
            let row = bounds[0].saturating_add(code).min(bounds[1] - 1);
            let codeword = &codewords[row as usize * d..][..d];
            for (out, &c) in out.iter_mut().zip(codeword) {
                *out += c;
            }
        }
    });
}
