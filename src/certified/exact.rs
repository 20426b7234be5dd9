//! Comparison without rounding.
//!
//! Distances are compared in f64 first, with their own bound, and what that leaves in whole numbers. Values within a few binades are
//! multiples of one power of two, and sums of their products fit in 128 bits. Others take a few hundred: every f32 is a whole number
//! of 2⁻¹⁴⁹, and a product of two one of 2⁻²⁹⁸.

use crate::metrics::Metric;

/// The candidate nearest to `x` by `metric`, of equally near ones the lowest; `codeword` gives each. Of no candidates 0.
///
/// Squared L2, L1 and inner products are compared exactly. The cosine and powers from 3 on are compared in f64, dimension
/// after dimension, which is the same everywhere but may tell near ties of 2⁻⁵⁰ apart wrongly.
pub(crate) fn nearest<'a>(
    metric: Metric,
    x: &[f32],
    candidates: &[u32],
    codeword: impl Fn(u32) -> &'a [f32],
) -> u32 {
    let distances = candidates.iter().map(|&j| distance(metric, x, codeword(j)));
    let mut distances: Vec<(f64, u32)> = distances.zip(candidates.iter().copied()).collect();
    let nearer = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    let Some(&(least, first)) = distances.iter().min_by(|a, b| nearer(a, b)) else { return 0 };
    let (Some(narrow_key), Some(wide_key)) = (key_of(metric), key_of(metric)) else { return first };
    let threshold = least + 2.0 * error(metric, x, least, candidates, &codeword);
    distances.retain(|&(distance, _)| distance <= threshold);
    if distances.len() <= 1 || !x.iter().all(|x| x.is_finite()) {
        return first;
    }
    let left = distances.iter().map(|&(_, j)| (j, codeword(j)));
    let found = match Narrow::of(left.clone().map(|(_, c)| c).chain([x])) {
        Some(narrow) => left.map(|(j, c)| (narrow_key(narrow, x, c), j)).min().map(|(_, j)| j),
        None => left.map(|(j, c)| (wide_key(Wide::default(), x, c), j)).min().map(|(_, j)| j),
    };
    found.unwrap_or(first)
}

/// The distance in f64: dimension after dimension, but for the squared L2, which is only compared within the error of any order.
fn distance(metric: Metric, x: &[f32], c: &[f32]) -> f64 {
    if !matches!(metric, Metric::SquaredL2 | Metric::Power(2)) {
        return metric.distance(x.into(), c.into());
    }
    let square = |(&x, &c): (&f32, &f32)| (f64::from(x) - f64::from(c)).powi(2);
    let ((x, x_rest), (c, c_rest)) = (x.as_chunks::<8>(), c.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (x, c) in x.iter().zip(c) {
        for (sum, pair) in sums.iter_mut().zip(x.iter().zip(c)) {
            *sum += square(pair);
        }
    }
    sums.iter().sum::<f64>() + x_rest.iter().zip(c_rest).map(square).sum::<f64>()
}

/// How far [`distance`] can be off, for any candidate that may be the nearest.
fn error<'a>(
    metric: Metric,
    x: &[f32],
    least: f64,
    candidates: &[u32],
    codeword: &impl Fn(u32) -> &'a [f32],
) -> f64 {
    // As for f32, with u = 2⁻⁵³; no product of two f32 values leaves f64.
    let gamma = (x.len() + 8) as f64 * f64::EPSILON;
    match metric {
        Metric::InnerProduct => {
            let sizes =
                |c: &[f32]| x.iter().zip(c).map(|(&x, &c)| (f64::from(x) * f64::from(c)).abs()).sum::<f64>();
            gamma * candidates.iter().map(|&j| sizes(codeword(j))).fold(0.0, f64::max)
        }
        _ => 2.0 * gamma * least,
    }
}

/// A sum of terms of one metric, without rounding.
trait Exact: Sized {
    /// What orders codewords as their sums do.
    type Digits: Ord;

    /// Adds c² − 2x·c, which is (x − c)² but for what all codewords share.
    fn add_square(&mut self, x: f32, c: f32);

    /// Adds |x − c|.
    fn add_difference(&mut self, x: f32, c: f32);

    /// Adds −x·c.
    fn subtract_product(&mut self, x: f32, c: f32);

    fn digits(self) -> Self::Digits;
}

/// How the place of a codeword c in the order about a vector x is computed, by a sum that begins with 0.
type Key<E> = fn(E, &[f32], &[f32]) -> <E as Exact>::Digits;

fn key_of<E: Exact>(metric: Metric) -> Option<Key<E>> {
    Some(match metric {
        Metric::SquaredL2 | Metric::Power(2) => |sum, x, c| total(sum, x, c, E::add_square),
        Metric::L1 | Metric::Power(1) => |sum, x, c| total(sum, x, c, E::add_difference),
        Metric::InnerProduct => |sum, x, c| total(sum, x, c, E::subtract_product),
        Metric::Cosine | Metric::Power(_) => return None,
    })
}

#[inline(always)]
fn total<E: Exact>(mut sum: E, x: &[f32], c: &[f32], add: impl Fn(&mut E, f32, f32)) -> E::Digits {
    x.iter().zip(c).for_each(|(&x, &c)| add(&mut sum, x, c));
    sum.digits()
}

/// A sum of values that are multiples of one power of two.
#[derive(Clone, Copy)]
struct Narrow {
    /// The exponent of that power.
    unit: i32,
    sum: i128,
}

/// Binades that the magnitudes of such values span, at most, so that they are whole numbers of 44 bits: sums of 2³² products,
/// twice each, have 122.
const BINADES: u32 = 20;

impl Narrow {
    /// For sums of these values; `None` if their magnitudes are not within so many binades, or not finite.
    fn of<'a>(values: impl Iterator<Item = &'a [f32]>) -> Option<Self> {
        let (mut least, mut most) = (u32::MAX, 0);
        for value in values.flatten() {
            let magnitude = value.to_bits() & 0x7fff_ffff;
            most = most.max(magnitude);
            // 0 is a multiple of every number, and becomes the largest one.
            least = least.min(magnitude.wrapping_sub(1));
        }
        // Numbers below the normal ones have the unit of the first binade.
        let binade = |magnitude: u32| (magnitude >> 23).max(1);
        let (least, most) = (binade(least.saturating_add(1)), binade(most));
        let is_narrow = most < 255 && most.saturating_sub(least) <= BINADES;
        // The last bit of a number of binade b is 2^(b − 150).
        is_narrow.then(|| Self { unit: least as i32 - 150, sum: 0 })
    }

    /// The value in units.
    #[inline(always)]
    fn whole(&self, value: f32) -> i64 {
        let (mantissa, exponent) = parts(value);
        // Of 0 the exponent is lower, and nothing.
        mantissa << (exponent - self.unit).max(0)
    }
}

impl Exact for Narrow {
    type Digits = i128;

    #[inline(always)]
    fn add_square(&mut self, x: f32, c: f32) {
        let (x, c) = (self.whole(x), self.whole(c));
        self.sum += i128::from(c) * i128::from(c - 2 * x);
    }

    #[inline(always)]
    fn add_difference(&mut self, x: f32, c: f32) {
        self.sum += i128::from((self.whole(x) - self.whole(c)).abs());
    }

    #[inline(always)]
    fn subtract_product(&mut self, x: f32, c: f32) {
        self.sum -= i128::from(self.whole(x)) * i128::from(self.whole(c));
    }

    fn digits(self) -> i128 {
        self.sum
    }
}

/// Bits of a limb.
const BITS: usize = 32;

/// Limbs: products from 2⁻²⁹⁸ to 2²⁵⁶, 2³² of them, and a sign.
const LIMBS: usize = 20;

/// The exponent of the lowest bit.
const LOWEST: i32 = -298;

/// A sum of any f32 values, in units of 2⁻²⁹⁸: limbs from the lowest on, which are brought into their range at the end.
#[derive(Default)]
struct Wide([i64; LIMBS]);

/// A finite f32 as a whole number times a power of two, from 2⁻¹⁴⁹ on.
fn parts(value: f32) -> (i64, i32) {
    let bits = value.to_bits();
    let (exponent, fraction) = (bits >> 23 & 0xff, i64::from(bits & 0x7f_ffff));
    let (mantissa, exponent) = match exponent {
        0 => (fraction, -149),
        _ => (fraction | 1 << 23, exponent as i32 - 150),
    };
    (if bits >> 31 == 1 { -mantissa } else { mantissa }, exponent)
}

impl Wide {
    /// Adds `times`·a·b, where `times` is small. Each limb takes up to 2²⁹ such numbers of 32 bits.
    fn add(&mut self, a: f32, b: f32, times: i64) {
        let ((a, a_exponent), (b, b_exponent)) = (parts(a), parts(b));
        let product = i128::from(times * a * b) << ((a_exponent + b_exponent - LOWEST) as usize % BITS);
        let first = (a_exponent + b_exponent - LOWEST) as usize / BITS;
        let (size, sign) = (product.unsigned_abs(), product.signum() as i64);
        for (i, limb) in self.0[first..].iter_mut().take(3).enumerate() {
            *limb += sign * (size >> (i * BITS) & 0xffff_ffff) as i64;
        }
    }
}

impl Exact for Wide {
    /// Limbs from the highest on, of which only the first can be negative.
    type Digits = [i64; LIMBS];

    fn add_square(&mut self, x: f32, c: f32) {
        self.add(c, c, 1);
        self.add(x, c, -2);
    }

    fn add_difference(&mut self, x: f32, c: f32) {
        let sign = if x >= c { 1 } else { -1 };
        self.add(x, 1.0, sign);
        self.add(c, 1.0, -sign);
    }

    fn subtract_product(&mut self, x: f32, c: f32) {
        self.add(x, c, -1);
    }

    fn digits(mut self) -> Self::Digits {
        for i in 0..LIMBS - 1 {
            let carry = self.0[i] >> BITS;
            self.0[i] -= carry << BITS;
            self.0[i + 1] += carry;
        }
        self.0.reverse();
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::oracle::uniform;

    /// Values of any exponent in a range, as whole numbers times 2^`lowest`.
    fn values(seed: u64, len: usize, exponents: std::ops::Range<i32>) -> Vec<f32> {
        let span = (exponents.end - exponents.start) as f32;
        let powers = uniform(seed + 1000, len);
        let values = uniform(seed, len).into_iter().zip(powers);
        values
            .map(|(x, power)| x * 2.0_f32.powi(exponents.start + ((power + 1.0) / 2.0 * span) as i32))
            .collect()
    }

    #[test]
    fn sums_are_those_of_whole_numbers() {
        // Values that are whole numbers, so that i128 has the answer.
        for seed in 0..50 {
            let (x, c) = (values(seed, 9, 23..48), values(seed + 100, 9, 23..48));
            let whole = |value: f32| value as i128;
            let term = |(&x, &c): (&f32, &f32)| whole(c) * whole(c) - 2 * whole(x) * whole(c);
            let want: i128 = x.iter().zip(&c).map(term).sum();
            let narrow = Narrow { unit: -10, sum: 0 };
            assert_eq!(total(narrow, &x, &c, Narrow::add_square) >> 20, want, "seed {seed}");
            let digits = total(Wide::default(), &x, &c, Wide::add_square);
            // The limbs from the one that has 2⁰ on.
            let unit = -LOWEST as usize;
            let value = |digits: [i64; LIMBS]| {
                let limbs = digits.iter().rev().skip(unit / BITS);
                limbs.take(4).rev().fold(0_i128, |value, &limb| (value << BITS) + i128::from(limb))
                    >> (unit % BITS)
            };
            // Four limbs hold the number modulo 2¹²⁸.
            assert_eq!(value(digits) << 12 >> 12, want << 12 >> 12, "seed {seed}");
            assert_eq!(digits[0] < 0, want < 0);
        }
    }

    #[test]
    fn values_within_a_few_binades_are_ordered_as_any_are() {
        let mut compared = 0;
        for (seed, lowest) in (0..40).flat_map(|seed| [-149, -126, 0, 108].map(|lowest| (seed, lowest))) {
            let [mut x, mut a, mut b] = [0, 1, 2].map(|at| values(seed * 3 + at, 4, lowest..lowest + 16));
            (x[0], a[1]) = (0.0, -0.0);
            // A tie by squares, but for the last bit.
            if seed % 4 == 0 {
                x.fill(0.0);
                b = a.iter().rev().copied().collect();
                b[0] = if seed % 8 == 0 { b[0].next_up() } else { b[0] };
            }
            let Some(narrow) = Narrow::of([&x, &a, &b].map(|values| &values[..]).into_iter()) else {
                continue;
            };
            compared += 1;
            for metric in [Metric::SquaredL2, Metric::L1, Metric::InnerProduct] {
                let in_128_bits = key_of(metric).map(|key| key(narrow, &x, &a).cmp(&key(narrow, &x, &b)));
                let key = key_of(metric).expect("is compared exactly");
                let want = key(Wide::default(), &x, &a).cmp(&key(Wide::default(), &x, &b));
                assert_eq!(in_128_bits, Some(want), "{metric:?}: {x:?} {a:?} {b:?}");
            }
        }
        assert!(compared > 120, "{compared}");
        for (far, is_narrow) in [(20, true), (21, false), (128, false)] {
            let values = [1.5, -(2.0_f32.powi(far))];
            assert_eq!(Narrow::of([&values[..]].into_iter()).is_some(), is_narrow, "{far}");
        }
    }

    #[test]
    fn the_order_holds_over_the_whole_range_of_f32() {
        let tiny = f32::from_bits(1);
        for (x, near, far) in [
            (0.0, tiny, 2.0 * tiny),
            (tiny, tiny, 0.0),
            (f32::MAX, f32::MAX.next_down(), f32::MIN),
            (-f32::MAX, 0.0, f32::MAX),
            (1.0, 1.0_f32.next_up(), 1.0_f32.next_up().next_up()),
            (1.0, tiny, -tiny),
        ] {
            for metric in [Metric::SquaredL2, Metric::L1] {
                let codewords = [[far], [near], [near]];
                let found = nearest(metric, &[x], &[0, 1, 2], |j| &codewords[j as usize]);
                assert_eq!(found, 1, "{metric:?}: {x:e} {near:e} {far:e}");
            }
        }
    }

    #[test]
    fn what_f64_cannot_tell_apart_is_told_apart() {
        // ‖x − c‖² of 2⁴⁸ + 2⁻⁴⁸ and 2⁴⁸: equal in f64.
        let (large, small) = (2.0_f32.powi(24), 2.0_f32.powi(-24));
        let codewords = [[large, small], [large, 0.0]];
        assert_eq!(nearest(Metric::SquaredL2, &[0.0, 0.0], &[0, 1], |j| &codewords[j as usize]), 1);
        assert_eq!(nearest(Metric::InnerProduct, &[large, small], &[1, 0], |j| &codewords[j as usize]), 0);
        // And what is equal goes to the lowest.
        let codewords = [[large, small], [-large, small], [large, -small]];
        assert_eq!(nearest(Metric::SquaredL2, &[0.0, 0.0], &[2, 1, 0], |j| &codewords[j as usize]), 0);
    }

    #[test]
    fn what_is_no_number_gets_a_candidate() {
        for metric in [Metric::SquaredL2, Metric::L1, Metric::InnerProduct, Metric::Cosine, Metric::Power(3)]
        {
            for value in [f32::NAN, f32::INFINITY] {
                assert!([3, 5].contains(&nearest(metric, &[value], &[3, 5], |_| &[1.0])));
            }
        }
        assert_eq!(nearest(Metric::L1, &[1.0], &[], |_| &[1.0]), 0);
    }
}
