//! Comparison without rounding.
//!
//! Distances are compared in f64 first, with their own bound, and what that leaves in whole numbers: every f32 is a whole
//! number of 2⁻¹⁴⁹, a product of two one of 2⁻²⁹⁸, and sums of those are whole numbers of a few hundred bits.

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
    let Some(key) = key_of(metric) else { return first };
    let threshold = least + 2.0 * error(metric, x, least, candidates, &codeword);
    distances.retain(|&(distance, _)| distance <= threshold);
    if distances.len() <= 1 || !x.iter().all(|x| x.is_finite()) {
        return first;
    }
    let keys = distances.iter().map(|&(_, j)| (key(x, codeword(j)), j));
    keys.min().map_or(first, |(_, j)| j)
}

/// The distance in f64, dimension after dimension.
fn distance(metric: Metric, x: &[f32], c: &[f32]) -> f64 {
    metric.distance(x.into(), c.into())
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

/// Bits of a limb.
const BITS: usize = 32;

/// Limbs: products from 2⁻²⁹⁸ to 2²⁵⁶, 2³² of them, and a sign.
const LIMBS: usize = 20;

/// The exponent of the lowest bit.
const LOWEST: i32 = -298;

/// A sum of products of f32 values without rounding, in units of 2⁻²⁹⁸: limbs from the lowest on, which are brought into
/// their range at the end.
struct Sum([i64; LIMBS]);

/// What orders codewords as their distances do: limbs from the highest on, of which only the first can be negative.
type Digits = [i64; LIMBS];

/// How a codeword's place in the order is computed.
type Key = fn(&[f32], &[f32]) -> Digits;

fn key_of(metric: Metric) -> Option<Key> {
    Some(match metric {
        Metric::SquaredL2 | Metric::Power(2) => squared_l2,
        Metric::L1 | Metric::Power(1) => l1,
        Metric::InnerProduct => inner_product,
        Metric::Cosine | Metric::Power(_) => return None,
    })
}

/// ‖c‖² − 2x·c, which is ‖x − c‖² but for what all codewords share.
fn squared_l2(x: &[f32], c: &[f32]) -> Digits {
    let mut sum = Sum([0; LIMBS]);
    for (&x, &c) in x.iter().zip(c) {
        sum.add(c, c, 1);
        sum.add(x, c, -2);
    }
    sum.digits()
}

/// Σ|x − c|.
fn l1(x: &[f32], c: &[f32]) -> Digits {
    let mut sum = Sum([0; LIMBS]);
    for (&x, &c) in x.iter().zip(c) {
        let sign = if x >= c { 1 } else { -1 };
        sum.add(x, 1.0, sign);
        sum.add(c, 1.0, -sign);
    }
    sum.digits()
}

/// −x·c.
fn inner_product(x: &[f32], c: &[f32]) -> Digits {
    let mut sum = Sum([0; LIMBS]);
    for (&x, &c) in x.iter().zip(c) {
        sum.add(x, c, -1);
    }
    sum.digits()
}

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

impl Sum {
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

    fn digits(mut self) -> Digits {
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
            let digits = squared_l2(&x, &c);
            // The limbs from the one that has 2⁰ on.
            let unit = -LOWEST as usize;
            let value = |digits: Digits| {
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
