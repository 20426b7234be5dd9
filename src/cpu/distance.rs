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

/// Σ term(x_i, c_i), where a term of zeros is zero: sixteen partial sums, then their tree.
#[inline(always)]
pub(super) fn sum<S: Simd>(simd: S, x: &[f32], c: &[f32], term: impl Fn(S::f32s, S::f32s) -> S::f32s) -> f32 {
    let mut sums = CacheLine::splat(0.0);
    let sums = S::as_mut_simd_f32s(sums.floats()).0;
    let mut add = |x: &[f32; 16], c: &[f32; 16]| {
        let (x, c) = (S::as_simd_f32s(x).0, S::as_simd_f32s(c).0);
        for ((sum, &x), &c) in sums.iter_mut().zip(x).zip(c) {
            *sum = simd.add_f32s(*sum, term(x, c));
        }
    };
    let (xs, x_rest) = x.as_chunks();
    let (cs, c_rest) = c.as_chunks();
    for (x, c) in xs.iter().zip(cs) {
        add(x, c);
    }
    if !x_rest.is_empty() {
        let (mut x, mut c) = ([0.0; 16], [0.0; 16]);
        x[..x_rest.len()].copy_from_slice(x_rest);
        c[..c_rest.len()].copy_from_slice(c_rest);
        add(&x, &c);
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
