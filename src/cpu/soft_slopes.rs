//! CPU twin of `shaders/soft_slopes.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::distance::sum_of;
use super::lengths::dot;

/// Turns the products g·c in `slopes` (n, k) into the gradient by the scores of a softmax times `2 · sharpness`, limited row
/// by row. Shapes: `weights` and squared `distances` (n, k), `gradient` (n, d).
pub(crate) fn soft_slopes(
    weights: &[f32],
    distances: &[f32],
    gradient: &[f32],
    (d, k): (usize, usize),
    sharpness: f32,
    slopes: &mut [f32],
) {
    let arch = Arch::new();
    let rows = slopes.par_chunks_mut(k).zip(weights.par_chunks(k)).zip(distances.par_chunks(k));
    rows.zip(gradient.par_chunks(d)).with_min_len(16).for_each(
        |(((slopes, weights), distances), gradient)| {
            arch.dispatch(Row { weights, distances, gradient, sharpness, slopes });
        },
    );
}

struct Row<'a> {
    weights: &'a [f32],
    distances: &'a [f32],
    gradient: &'a [f32],
    sharpness: f32,
    slopes: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { weights, distances, gradient, sharpness, slopes } = self;
        let mean = dot(simd, weights, slopes);
        for (slope, weight) in slopes.iter_mut().zip(weights) {
            *slope = weight * (*slope - mean);
        }
        let squares = sum_of(simd, [&*slopes, distances], |[slope, distance]| {
            simd.mul_f32s(simd.mul_f32s(slope, slope), distance)
        });
        let through = 2.0 * sharpness * squares.sqrt();
        let direct = dot(simd, weights, weights).sqrt() * dot(simd, gradient, gradient).sqrt();
        let limit = if through > direct { direct / through } else { 1.0 };
        slopes.iter_mut().for_each(|slope| *slope *= 2.0 * sharpness * limit);
    }
}
