//! CPU twin of `shaders/to_half.wgsl`.

use half::f16;
use rayon::prelude::*;

use crate::certified::bounds::HalfBound;

/// The half norm of what is infinitely far, and a score that no codeword reaches.
pub(super) const FAR: f32 = 3e38;

/// Magnitudes from which on a vector counts as infinitely far.
const TOO_FAR: f32 = (1_u64 << 50) as f32;

/// What is more than all squares of a scaled vector lose below normal numbers.
const LOST_BELOW: f32 = 1.0 / (1 << 20) as f32;

/// Writes the vectors `x` (n, d) less the `mean`, each times a power of two of its own, in f16 to `halves` (rows, words), and
/// what takes it back, half its squared norm, its part of the `bound` and 0 to `numbers` (rows, 4). Rows past n are zero and
/// infinitely far.
pub(crate) fn to_half(
    x: &[f32],
    mean: &[f32],
    d: usize,
    bound: HalfBound,
    halves: &mut [u32],
    numbers: &mut [f32],
) {
    let numbers = numbers.as_chunks_mut::<4>().0;
    let words = halves.len() / numbers.len().max(1);
    let rows = halves.par_chunks_mut(words.max(1)).zip(numbers).enumerate();
    rows.for_each(|(row, (halves, numbers))| {
        halves.fill(0);
        *numbers = [0.0, FAR, 0.0, 0.0];
        if let Some(x) = x.get(row * d..(row + 1) * d) {
            let centred: Vec<f32> = x.iter().zip(mean).map(|(x, mean)| x - mean).collect();
            *numbers = vector(&centred, bound, halves).unwrap_or(*numbers);
        }
    });
}

/// The numbers of a vector; `None` if it is too far.
fn vector(x: &[f32], bound: HalfBound, halves: &mut [u32]) -> Option<[f32; 4]> {
    let largest = x.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    if largest >= TOO_FAR {
        return None;
    }
    let exponent = (largest.to_bits() >> 23).clamp(60, 177);
    let (scale, back) = (f32::from_bits((260 - exponent) << 23), f32::from_bits((exponent - 6) << 23));
    let (mut square, mut lost) = (0.0, 0.0);
    for (i, x) in x.iter().enumerate() {
        let scaled = scale * x;
        let kept = if scaled.abs() >= f16::MIN_POSITIVE.to_f32() { scaled } else { 0.0 };
        let half = f16::from_f32(kept);
        halves[i / 2] |= u32::from(half.to_bits()) << (16 * (i % 2));
        square += scaled * scaled;
        lost += (scaled - half.to_f32()).powi(2);
    }
    let part = 0.5 * (bound.square * square + bound.lost * lost) + LOST_BELOW;
    Some([back, back * (back * (0.5 * square)), back * (back * part) + bound.constant, 0.0])
}
