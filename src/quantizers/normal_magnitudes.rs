//! Magnitudes for numbers of a normal distribution that lose the least.

use std::f64::consts::TAU;

use ndarray::Array2;

use crate::ops::gain_shape::MAGNITUDE_STEP;

/// Steps of Newton's method. Each doubles the digits that are right, and five are enough for all that there are.
const STEPS: usize = 8;

/// How finely the distribution is summed up, and how far: less than 2⁻⁴⁹ of it is beyond.
const PIECES_PER_UNIT: f64 = 64.0;
const FARTHEST: f64 = 8.0;

/// The mean magnitude of a standard normal number, √(2/π).
pub(super) fn mean() -> f32 {
    (4.0 / TAU).sqrt() as f32
}

/// The `k` magnitudes (1, k) for standard normal numbers of either sign that lose the least (Max 1960), rounded to whole multiples of
/// [`MAGNITUDE_STEP`]. A number's mean squared error is then at most MAGNITUDE_STEP² / 4 above the least.
pub(super) fn normal_magnitudes(k: usize) -> Array2<f32> {
    let step = f64::from(MAGNITUDE_STEP);
    let rounded = best(k).into_iter().map(|magnitude| ((magnitude / step).round() * step) as f32);
    Array2::from_shape_vec((1, k), rounded.collect()).expect("a magnitude for each")
}

/// The magnitudes that are the means of their cells, which end half-way to the next: Max's conditions, solved by Newton's method. Lloyd's
/// iterations lead there too, but with many cells so slowly that they never arrive.
fn best(k: usize) -> Vec<f64> {
    let mut magnitudes = cube_root(k);
    for _ in 0..STEPS {
        let border = |i: usize| match i {
            0 => 0.0,
            _ if i == k => FARTHEST,
            _ => (magnitudes[i - 1] + magnitudes[i]) / 2.0,
        };
        // How far the mean of each cell is from its magnitude, and what that distance changes by with the magnitudes of the cell before,
        // its own (less 1) and that of the cell behind: a system with three diagonals.
        let (mut off, mut own, mut behind) = (vec![0.0; k], vec![0.0; k], vec![0.0; k]);
        for i in 0..k {
            let (low, high) = (border(i), border(i + 1));
            let share = integral(density, low, high);
            let mean = (density(low) - density(high)) / share;
            let before = if i > 0 { 0.5 * density(low) * (mean - low) / share } else { 0.0 };
            behind[i] = if i + 1 < k { 0.5 * density(high) * (high - mean) / share } else { 0.0 };
            own[i] = 1.0 - before - behind[i];
            off[i] = mean - magnitudes[i];
            if i > 0 {
                let times = before / own[i - 1];
                own[i] -= times * behind[i - 1];
                off[i] += times * off[i - 1];
            }
        }
        for i in (0..k).rev() {
            let next = if i + 1 < k { off[i + 1] } else { 0.0 };
            off[i] = (off[i] + behind[i] * next) / own[i];
            magnitudes[i] += off[i];
        }
    }
    magnitudes
}

/// Magnitudes as dense as the cube root of the density, which is nearly best (Panter and Dite 1951): it is that of a normal distribution
/// √3 times as wide.
fn cube_root(k: usize) -> Vec<f64> {
    let width = 1.0 / 1024.0;
    let (mut at, mut below) = (0.0, 0.0);
    let middle = |i: usize| {
        while below < (i as f64 + 0.5) / k as f64 {
            below += 2.0 * density(at) * width;
            at += width;
        }
        3.0_f64.sqrt() * at
    };
    (0..k).map(middle).collect()
}

/// The density of a standard normal number.
fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / TAU.sqrt()
}

/// ∫ f from `low` to `high` by Simpson's rule: the error of a piece is its width⁵ / 2880 times a fourth derivative, at most 1.2 of the density.
fn integral(f: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    let pieces = ((high - low) * PIECES_PER_UNIT).ceil();
    let width = (high - low) / pieces;
    let piece = |i: usize| {
        let x = low + i as f64 * width;
        width / 6.0 * (f(x) + 4.0 * f(x + width / 2.0) + f(x + width))
    };
    (0..pieces as usize).map(piece).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean squared error of standard normal numbers.
    fn lost(magnitudes: &[f64]) -> f64 {
        let k = magnitudes.len();
        let border = |i: usize| (magnitudes[i - 1] + magnitudes[i]) / 2.0;
        let cell = |i: usize| {
            let (low, high) =
                (if i > 0 { border(i) } else { 0.0 }, if i + 1 < k { border(i + 1) } else { FARTHEST });
            2.0 * integral(|x| (x - magnitudes[i]).powi(2) * density(x), low, high)
        };
        (0..k).map(cell).sum()
    }

    #[test]
    fn integrals_of_the_density_are_those_of_tables() {
        // Φ(1) and Φ(2) to seven digits (Abramowitz and Stegun, table 26.1).
        for (x, share) in [(1.0, 0.841_344_7), (2.0, 0.977_249_9), (FARTHEST, 1.0)] {
            assert!((0.5 + integral(density, 0.0, x) - share).abs() < 1e-7, "{x}");
        }
    }

    /// The errors of Max 1960, table 1, to three digits; and π√3/2 / (2k)² (Panter and Dite), which is never reached and comes nearer with
    /// each bit.
    #[test]
    fn they_lose_what_max_found() {
        let mut gap = 1.0;
        for (bits, known) in
            (1..=8).zip([Some(0.3634), Some(0.1175), Some(0.03454), Some(0.009497), None, None, None, None])
        {
            let k = 1 << (bits - 1);
            let found = lost(&best(k));
            assert!(known.is_none_or(|known| (found / known - 1.0_f64).abs() < 1e-3), "{bits} bits: {found}");
            let limit = TAU / 4.0 * 3.0_f64.sqrt() / (4 * k * k) as f64;
            let own = 1.0 - found / limit;
            assert!(own > 0.0 && own < 0.75 * gap, "{bits} bits: {own} below the limit, after {gap}");
            gap = own;
            let rounded: Vec<f64> = normal_magnitudes(k).iter().map(|&value| f64::from(value)).collect();
            let more = lost(&rounded) - found;
            assert!(
                (0.0..=f64::from(MAGNITUDE_STEP).powi(2) / 4.0).contains(&more),
                "{bits} bits: {more} more"
            );
        }
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
