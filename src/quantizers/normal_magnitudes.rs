//! Magnitudes for numbers of a normal distribution that lose the least.

use std::f64::consts::TAU;

use ndarray::Array2;

use super::lloyd_max::lloyd_max;
use crate::ops::gain_shape::MAGNITUDE_STEP;

/// Numbers that stand for the distribution.
const QUANTILES: usize = 1 << 16;

/// How finely the distribution is summed up, and how far: less than 2⁻⁵⁰ of it is beyond.
const STEPS_PER_UNIT: usize = 1 << 12;
const FARTHEST: usize = 8;

/// The mean magnitude of a standard normal number, √(2/π).
pub(super) fn mean() -> f32 {
    (4.0 / TAU).sqrt() as f32
}

/// The `k` magnitudes (1, k) for standard normal numbers of either sign, by Lloyd's iterations on the quantiles of their magnitudes, rounded to
/// whole multiples of [`MAGNITUDE_STEP`]. A magnitude's mean squared error is then at most MAGNITUDE_STEP² / 4 above the least.
pub(super) fn normal_magnitudes(k: usize) -> Array2<f32> {
    let levels = lloyd_max(quantiles(), k);
    let rounded = levels.into_iter().map(|level| (level / MAGNITUDE_STEP).round() * MAGNITUDE_STEP);
    Array2::from_shape_vec((1, k), rounded.collect()).expect("a level for each")
}

/// The middle quantiles of equal groups of the magnitudes of a standard normal number, ascending.
fn quantiles() -> Vec<f32> {
    let width = 1.0 / STEPS_PER_UNIT as f64;
    let density = |x: f64| 2.0 / TAU.sqrt() * (-x * x / 2.0).exp();
    let (mut quantiles, mut below) = (Vec::with_capacity(QUANTILES), 0.0);
    for step in 0..FARTHEST * STEPS_PER_UNIT {
        let x = step as f64 * width;
        // Simpson's rule: the error of a step is width⁵ / 2880 times a fourth derivative of at most 3.
        let share = width / 6.0 * (density(x) + 4.0 * density(x + width / 2.0) + density(x + width));
        while quantiles.len() < QUANTILES {
            let wanted = (quantiles.len() as f64 + 0.5) / QUANTILES as f64;
            if wanted > below + share {
                break;
            }
            quantiles.push((x + width * (wanted - below) / share) as f32);
        }
        below += share;
    }
    quantiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_a_normal_distribution() {
        let all = quantiles();
        assert_eq!(all.len(), QUANTILES);
        assert!(all.is_sorted());
        // Φ(1) and Φ(2) to seven digits (Abramowitz and Stegun, table 26.1).
        for (x, share) in [(1.0, 2.0 * 0.841_344_7 - 1.0), (2.0, 2.0 * 0.977_249_9 - 1.0)] {
            let below = all.partition_point(|&value| f64::from(value) < x) as f64 / QUANTILES as f64;
            assert!((below - share).abs() <= 1.0 / QUANTILES as f64, "{x}: {below} {share}");
        }
        // Each group of a convex tail has its mean above its middle, and the last one is cut off: of the mean √(2/π) less than that.
        let total = all.iter().map(|&value| f64::from(value)).sum::<f64>() / QUANTILES as f64;
        assert!((total - f64::from(mean())).abs() < 1e-4, "{total}");
    }

    /// The magnitudes of Max 1960, table 1, to three digits, and what rounding to 1/512 takes.
    #[test]
    fn magnitudes_are_those_that_max_found() {
        for known in [vec![0.7979], vec![0.4528, 1.510], vec![0.2451, 0.7560, 1.344, 2.152]] {
            let found = normal_magnitudes(known.len());
            for (found, known) in found.iter().zip(&known) {
                assert!((found - known).abs() < MAGNITUDE_STEP / 2.0 + 1e-3, "{found} {known}");
            }
        }
        for bits in 1..=8 {
            let found = normal_magnitudes(1 << (bits - 1));
            let row = found.row(0);
            assert!(row[0] > 0.0 && row.iter().zip(row.iter().skip(1)).all(|(a, b)| a < b), "{found}");
            assert!(row.iter().all(|value| (value / MAGNITUDE_STEP).fract() == 0.0 && *value < 8.0));
        }
    }
}
