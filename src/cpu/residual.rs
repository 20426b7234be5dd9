//! CPU twin of `shaders/residual.wgsl`.

use rayon::prelude::*;

/// `residuals[i] = x[i] − codebook[codes[i]]` for rows of `d`; a code past the end subtracts nothing.
pub(crate) fn residual(x: &[f32], codebook: &[f32], d: usize, codes: &[u32], residuals: &mut [f32]) {
    let k = codebook.len() / d;
    let rows = residuals.par_chunks_mut(d).zip(x.par_chunks(d)).zip(codes).with_min_len(256);
    rows.for_each(|((residual, x), &code)| {
        let code = code as usize;
        if code >= k {
            return residual.copy_from_slice(x);
        }
        for ((residual, &x), &c) in residual.iter_mut().zip(x).zip(&codebook[code * d..][..d]) {
            *residual = x - c;
        }
    });
}
