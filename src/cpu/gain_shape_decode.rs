//! CPU twin of `shaders/gain_shape_decode.wgsl`.

use rayon::prelude::*;

use crate::ops::gain_shape::{LENGTH_CODES, LENGTH_SHIFT, LONGEST};

/// Writes what the codes (n, d + 2) of a shape of these `magnitudes` stand for to `decoded` (n, d).
pub(crate) fn gain_shape_decode(codes: &[u32], d: usize, magnitudes: &[f32], decoded: &mut [f32]) {
    let (k, last) = (magnitudes.len() as u32, 2 * magnitudes.len() as u32 - 1);
    let rows = decoded.par_chunks_mut(d).zip(codes.par_chunks(d + LENGTH_CODES));
    rows.with_min_len((4096 / d).max(1)).for_each(|(decoded, codes)| {
        let (shape, length) = codes.split_at(d);
        let length = (length[0].min(0xff) << 8 | length[1].min(0xff)).min(LONGEST);
        let gain = f32::from_bits(length << LENGTH_SHIFT);
        for (value, &code) in decoded.iter_mut().zip(shape) {
            let code = code.min(last);
            let (cell, sign) = if code < k { (k - 1 - code, -1.0) } else { (code - k, 1.0) };
            *value = sign * gain * magnitudes[cell as usize];
        }
    });
}
