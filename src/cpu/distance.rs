//! The distance between two vectors, straight from its definition.
//!
//! Searches choose codewords by cheaper scores; the distances they report are computed here.

use pulp::Simd;

use super::tile::CacheLine;
use crate::metrics::Metric;

/// The distance of `x` and `c` under `metric`. The order of its additions is the same for every vector width and
/// none is fused, so its bits are the same on every machine.
#[inline(always)]
pub(crate) fn distance<S: Simd>(simd: S, metric: Metric, x: &[f32], c: &[f32]) -> f32 {
    match metric {
        Metric::SquaredL2 => sum(simd, x, c, |x, c| {
            let difference = simd.sub_f32s(x, c);
            simd.mul_f32s(difference, difference)
        }),
        Metric::L1 => sum(simd, x, c, |x, c| simd.abs_f32s(simd.sub_f32s(x, c))),
        Metric::Power(m) => sum(simd, x, c, |x, c| power(simd, simd.abs_f32s(simd.sub_f32s(x, c)), m)),
        Metric::Cosine => cosine(x, c),
        Metric::InnerProduct => -sum(simd, x, c, |x, c| simd.mul_f32s(x, c)),
    }
}

/// `aᵐ` for m ≥ 1, by squaring: as far from the true power as m − 1 roundings of it.
#[inline(always)]
pub(crate) fn power<S: Simd>(simd: S, a: S::f32s, m: u32) -> S::f32s {
    let (mut square, mut power, mut m) = (a, simd.splat_f32s(1.0), m);
    loop {
        if m & 1 == 1 {
            power = simd.mul_f32s(power, square);
        }
        m >>= 1;
        if m == 0 {
            return power;
        }
        square = simd.mul_f32s(square, square);
    }
}

/// Σ term(x_i, c_i): see [`sum_of`].
#[inline(always)]
fn sum<S: Simd>(simd: S, x: &[f32], c: &[f32], term: impl Fn(S::f32s, S::f32s) -> S::f32s) -> f32 {
    sum_of(simd, [x, c], |[x, c]| term(x, c))
}

/// Σ term(a_i, b_i, …) over vectors of the same length, where a term of zeros is zero: sixteen partial sums, then their
/// tree.
#[inline(always)]
pub(super) fn sum_of<S: Simd, const N: usize>(
    simd: S,
    vectors: [&[f32]; N],
    term: impl Fn([S::f32s; N]) -> S::f32s,
) -> f32 {
    let mut sums = CacheLine::splat(0.0);
    let sums = S::as_mut_simd_f32s(sums.floats()).0;
    let zero = simd.splat_f32s(0.0);
    let length = vectors[0].len();
    let mut padded = [[0.0; 16]; N];
    for first in (0..length).step_by(16) {
        let whole = first + 16 <= length;
        for (v, sum) in sums.iter_mut().enumerate() {
            let mut operands = [zero; N];
            for ((operand, vector), padded) in operands.iter_mut().zip(vectors).zip(&mut padded) {
                let line = if whole {
                    &vector[first..][..16]
                } else {
                    padded[..length - first].copy_from_slice(&vector[first..]);
                    &padded[..]
                };
                *operand = S::as_simd_f32s(line).0[v];
            }
            *sum = simd.add_f32s(*sum, term(operands));
        }
    }
    let mut half = sums.len() / 2;
    while half > 0 {
        for v in 0..half {
            sums[v] = simd.add_f32s(sums[v], sums[v + half]);
        }
        half /= 2;
    }
    simd.reduce_sum_f32s(sums[0])
}

/// ‖x‖²: sixteen partial sums, which can be added to side by side, and then theirs.
pub(crate) fn squared_norm(x: &[f32]) -> f64 {
    let (chunks, rest) = x.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += f64::from(x) * f64::from(x);
    }
    sums.iter().sum()
}

/// `1 − cos`, and 1 where a vector is zero. In f64 no square of an f32 overflows, and only that of zero is zero.
fn cosine(x: &[f32], c: &[f32]) -> f32 {
    let (mut xc, mut xx, mut cc) = (0.0, 0.0, 0.0);
    for (&x, &c) in x.iter().zip(c) {
        let (x, c) = (f64::from(x), f64::from(c));
        xc += x * c;
        xx += x * x;
        cc += c * c;
    }
    if xx == 0.0 || cc == 0.0 { 1.0 } else { (1.0 - xc / (xx.sqrt() * cc.sqrt())).max(0.0) as f32 }
}
