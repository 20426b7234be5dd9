//! CPU twin of `shaders/normalize.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::widest::widest;

/// Partial sums per row, as invocations of the shader.
const LANES: usize = 32;

/// `unit[i] = x[i] / ‖x[i]‖` for rows of `d`, and 0 for a row of 0.
pub(crate) fn normalize(x: &[f32], d: usize, unit: &mut [f32]) {
    let arch = Arch::new();
    let chunk = (4096 / d).max(1) * d;
    unit.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).for_each(|(unit, x)| {
        widest(
            arch,
            #[inline(always)]
            || {
                for (unit, row) in unit.chunks_exact_mut(d).zip(x.chunks_exact(d)) {
                    normalize_row(row, unit);
                }
            },
        );
    });
}

#[inline(always)]
fn normalize_row(row: &[f32], unit: &mut [f32]) {
    let greater = |a: f32, b: f32| if b > a { b } else { a };
    let largest = tree(fold_lanes(row, |largest, x| greater(largest, x.abs())), greater);
    let scale = scale_to_one(largest);
    let sum = tree(fold_lanes(row, |sum, x| sum + x * scale * (x * scale)), |a, b| a + b);
    // At least 1, unless the scale is 0.
    let inverse = 1.0 / sum.max(1.0).sqrt();
    for (unit, x) in unit.iter_mut().zip(row) {
        *unit = x * scale * inverse;
    }
}

/// Folds every 32nd element into one lane, from 0. A step with a 0 must change nothing.
#[inline(always)]
fn fold_lanes(row: &[f32], step: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut last = [0.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    for chunk in chunks.iter().chain([&last]) {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, x);
        }
    }
    lanes
}

/// Joins the lanes, halves onto halves.
#[inline(always)]
fn tree(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [16, 8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] = join(lanes[lane], lanes[lane + half]);
        }
    }
    lanes[0]
}

/// The power of two that brings `largest` into [1, 2), or [2, 4) at the very top; 0 for what is not normal.
#[inline(always)]
fn scale_to_one(largest: f32) -> f32 {
    match largest.to_bits() >> 23 {
        0 => 0.0,
        exponent => f32::from_bits(254_u32.saturating_sub(exponent).max(1) << 23),
    }
}
