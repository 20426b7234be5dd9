//! The distance between two vectors, straight from its definition.
//!
//! Searches choose codewords by cheaper scores; what they report is computed here.

use crate::metrics::Metric;

/// The distance of `x` and `c` under `metric`. The order of its additions is fixed and it fuses none, so its bits
/// are the same on every machine.
#[inline(always)]
pub fn distance(metric: Metric, x: &[f32], c: &[f32]) -> f32 {
    match metric {
        Metric::SquaredL2 => sum(x, c, |x, c| (x - c) * (x - c)),
        Metric::L1 => sum(x, c, |x, c| (x - c).abs()),
        Metric::Power(m) => sum(x, c, |x, c| power((x - c).abs(), m)),
        Metric::Cosine => cosine(x, c),
    }
}

/// `1 − cos`, in f64, where no square of an f32 overflows and only that of zero is zero.
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

/// `xᵐ` by squaring, m ≥ 1: at most m − 1 roundings of the result.
#[inline(always)]
fn power(mut x: f32, mut m: u32) -> f32 {
    let mut result = 1.0;
    while m > 0 {
        if m & 1 == 1 {
            result *= x;
        }
        x *= x;
        m >>= 1;
    }
    result
}

/// Σ term(x_i, c_i) in sixteen partial sums, which a compiler turns into vectors of any width, then their tree.
#[inline(always)]
fn sum(x: &[f32], c: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0f32; 16];
    let (xs, x_rest) = x.as_chunks::<16>();
    let (cs, c_rest) = c.as_chunks::<16>();
    for (x, c) in xs.iter().zip(cs) {
        for lane in 0..16 {
            sums[lane] += term(x[lane], c[lane]);
        }
    }
    for ((sum, &x), &c) in sums.iter_mut().zip(x_rest).zip(c_rest) {
        *sum += term(x, c);
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
    }
    sums[0]
}
