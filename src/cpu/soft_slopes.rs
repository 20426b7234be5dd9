//! CPU twin of `shaders/soft_slopes.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::widest::widest;

/// Partial sums per row, as invocations of the shader.
const LANES: usize = 32;

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
            widest(
                arch,
                #[inline(always)]
                || limited(weights, distances, gradient, sharpness, slopes),
            );
        },
    );
}

/// One row.
#[inline(always)]
fn limited(weights: &[f32], distances: &[f32], gradient: &[f32], sharpness: f32, slopes: &mut [f32]) {
    let mean = sum(slopes.len(), |j| weights[j] * slopes[j]);
    for (slope, weight) in slopes.iter_mut().zip(weights) {
        *slope = weight * (*slope - mean);
    }
    let through = 2.0 * sharpness * sum(slopes.len(), |j| slopes[j] * slopes[j] * distances[j]).sqrt();
    let own = sum(weights.len(), |j| weights[j] * weights[j]).sqrt();
    let direct = own * sum(gradient.len(), |i| gradient[i] * gradient[i]).sqrt();
    let limit = if through > direct { direct / through } else { 1.0 };
    slopes.iter_mut().for_each(|slope| *slope *= 2.0 * sharpness * limit);
}

/// The sum of `term(0..n)`: every 32nd into one lane, and the lanes as a tree.
#[inline(always)]
fn sum(n: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    for first in (0..n).step_by(LANES) {
        for (lane, at) in lanes.iter_mut().zip(first..n) {
            *lane += term(at);
        }
    }
    for half in [16, 8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}
