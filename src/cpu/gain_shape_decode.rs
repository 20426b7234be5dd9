//! CPU twin of `shaders/gain_shape_decode.wgsl`.

use rayon::prelude::*;

use crate::ops::gain_shape::{LENGTH_CODES, length};

/// Writes what the codes (n, d + 4) of a shape of these `magnitudes` stand for to `decoded` (n, d).
pub(crate) fn gain_shape_decode(codes: &[u32], d: usize, magnitudes: &[f32], decoded: &mut [f32]) {
    let below = magnitudes.iter().rev().map(|magnitude| -magnitude);
    let numbers: Vec<f32> = below.chain(magnitudes.iter().copied()).collect();
    let last = numbers.len() - 1;
    let rows = decoded.par_chunks_mut(d).zip(codes.par_chunks(d + LENGTH_CODES));
    rows.with_min_len((4096 / d).max(1)).for_each(|(decoded, codes)| {
        let (shape, digits) = codes.split_at(d);
        let gain = length(digits);
        for (value, &code) in decoded.iter_mut().zip(shape) {
            *value = gain * numbers[(code as usize).min(last)];
        }
    });
}
