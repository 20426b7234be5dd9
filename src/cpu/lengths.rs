//! Lengths and inner products of rows: what `shaders/shared/lengths.wgsl` is for the shaders.

use pulp::Simd;

use super::distance::sum_of;

/// 2⁻¹⁰⁰: squares that sum to less count as 0.
const SMALLEST_SQUARE: f32 = f32::from_bits((127 - 100) << 23);

/// Elements that a task does at least: enough to be worth handing out, few enough to stay in the first-level cache.
const TASK: usize = 4096;

/// Elements of whole rows of `d` that a task does.
pub(super) fn task_elements(d: usize) -> usize {
    (TASK / d).max(1) * d
}

/// Σ a_i b_i, in the same order for every vector width.
#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    sum_of(simd, [a, b], |[a, b]| simd.mul_f32s(a, b))
}

#[inline(always)]
pub(super) fn length_of(square: f32) -> f32 {
    if square < SMALLEST_SQUARE { 0.0 } else { square.sqrt() }
}

#[inline(always)]
pub(super) fn inverse_length_of(square: f32) -> f32 {
    if square < SMALLEST_SQUARE { 0.0 } else { 1.0 / square.sqrt() }
}
