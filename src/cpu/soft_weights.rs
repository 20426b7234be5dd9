//! CPU twin of `shaders/soft_weights.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::math;
use super::widest::widest;

/// Partial sums, which the compiler keeps in vector registers.
const LANES: usize = 32;

/// Writes the softmax of `scale · scores` (n, k), row by row, to `weights`, and the logarithms of its divisors to
/// `log_sums` (n).
pub(crate) fn soft_weights(scores: &[f32], k: usize, scale: f32, weights: &mut [f32], log_sums: &mut [f32]) {
    let arch = Arch::new();
    let rows = scores.par_chunks(k).zip(weights.par_chunks_mut(k)).zip(log_sums);
    rows.with_min_len(16).for_each(|((scores, weights), log_sum)| {
        widest(arch, || *log_sum = softmax(scores, scale, weights));
    });
}

/// The softmax of one row, and the logarithm of its divisor.
#[inline(always)]
fn softmax(scores: &[f32], scale: f32, weights: &mut [f32]) -> f32 {
    let mut lanes = [f32::MIN; LANES];
    for part in scores.chunks(LANES) {
        for (lane, &score) in lanes.iter_mut().zip(part) {
            *lane = lane.max(scale * score);
        }
    }
    let largest = lanes.into_iter().fold(f32::MIN, f32::max);
    for (weight, &score) in weights.iter_mut().zip(scores) {
        *weight = math::exp(scale * score - largest);
    }
    let mut lanes = [0.0_f32; LANES];
    for part in weights.chunks(LANES) {
        for (lane, &weight) in lanes.iter_mut().zip(part) {
            *lane += weight;
        }
    }
    let sum: f32 = lanes.into_iter().sum();
    for weight in weights {
        *weight /= sum;
    }
    largest + math::ln(sum)
}
