//! The distance between two vectors, straight from its definition.
//!
//! Searches choose codewords by cheaper scores; the distances they report are computed here.

use pulp::Simd;

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
    match S::F32_LANES {
        16 => sum_in::<S, N, 1>(simd, vectors, term),
        8 => sum_in::<S, N, 2>(simd, vectors, term),
        4 => sum_in::<S, N, 4>(simd, vectors, term),
        _ => sum_in::<S, N, 16>(simd, vectors, term),
    }
}

/// [`sum_of`] in V registers, which have sixteen numbers together.
#[inline(always)]
fn sum_in<S: Simd, const N: usize, const V: usize>(
    simd: S,
    vectors: [&[f32]; N],
    term: impl Fn([S::f32s; N]) -> S::f32s,
) -> f32 {
    let zero = simd.splat_f32s(0.0);
    let (mut sums, mut terms) = ([zero; V], [zero; N]);
    let length = vectors[0].len();
    let (whole, rest) = (length / 16, length % 16);
    // By numbers: what goes through the maps of arrays is not always inlined.
    for line in 0..whole {
        for (v, sum) in sums.iter_mut().enumerate() {
            for n in 0..N {
                let (line, _) = vectors[n][16 * line..][..16].as_chunks::<16>();
                terms[n] = S::as_simd_f32s(&line[0]).0[v];
            }
            *sum = simd.add_f32s(*sum, term(terms));
        }
    }
    if rest > 0 {
        for (v, sum) in sums.iter_mut().enumerate() {
            for n in 0..N {
                let rest = &vectors[n][16 * whole..length];
                let first = (v * S::F32_LANES).min(rest.len());
                terms[n] = simd.partial_load_f32s(&rest[first..rest.len().min(first + S::F32_LANES)]);
            }
            *sum = simd.add_f32s(*sum, term(terms));
        }
    }
    let mut half = V / 2;
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
