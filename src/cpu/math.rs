//! Logarithm, exponential, sine and cosine as `shaders/shared/math.wgsl` computes them, operation by operation.
//!
//! Without branches, so that loops over them turn into vectors; nothing is fused, not even what the shader fuses, so their
//! bits are the same on every machine. The shader text says how far they are off.

#![allow(clippy::excessive_precision, reason = "as in the shader")]

const LN2_HIGH: f32 = 0.69314575;
const LN2_LOW: f32 = 1.4286068e-6;
const SQRT_HALF_BITS: u32 = 0x3f35_04f3;

/// ln(x) for a normal x > 0.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    let bits = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let f = f32::from_bits((bits & 0x007f_ffff) + SQRT_HALF_BITS) - 1.0;
    ln_of((bits.cast_signed() >> 23) as f32, f)
}

/// ln(2^exponent · (1 + f)) for f in [√½ − 1, √2 − 1].
#[inline(always)]
pub(crate) fn ln_of(exponent: f32, f: f32) -> f32 {
    let high = 0.14219552 + f * (-0.12405588 + f * (0.118881665 + f * (-0.11675663 + f * 0.067466445)));
    let p = 0.33333313 + f * (-0.2500001 + f * (0.20002119 + f * (-0.16667996 + f * high)));
    exponent * LN2_HIGH + (f + (exponent * LN2_LOW + f * f * (f * p - 0.5)))
}

/// eˣ; 0 where that lies below the normal numbers, `f32::MAX` where it lies above all.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let k = (x.clamp(-88.0, 89.0) * std::f32::consts::LOG2_E).round_ties_even();
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    let p = 0.49999994 + r * (0.16666521 + r * (0.04166839 + r * (0.008368717 + r * 0.0013814599)));
    let bits = (1.0 + (r + r * r * p)).to_bits().wrapping_add((k as i32 as u32) << 23);
    let inside = f32::from_bits(bits);
    let above = if x > 88.72283 { f32::MAX } else { inside };
    if x < -87.33654 { 0.0 } else { above }
}

/// cos and sin of 2π · bits / 2³².
#[inline(always)]
pub(crate) fn cos_sin_turn(bits: u32) -> (f32, f32) {
    let quarter = bits.wrapping_add(0x2000_0000) >> 30;
    let angle = bits.wrapping_sub(quarter << 30).cast_signed() as f32 * 1.4629181e-9;
    let z = angle * angle;
    let s = angle + angle * z * (-0.16666655 + z * (0.008332178 - z * 0.00019517296));
    let c = (1.0 - 0.5 * z) + z * z * (0.041666646 + z * (-0.0013887316 + z * 2.4433153e-5));
    let (c, s) = if quarter & 1 == 1 { (-s, c) } else { (c, s) };
    if quarter & 2 == 2 { (-c, -s) } else { (c, s) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2⁻²⁴, in which the shader text counts.
    const UNIT: f64 = 1.0 / 16_777_216.0;

    fn worst(relative_errors: impl Iterator<Item = f64>) -> f64 {
        relative_errors.fold(0.0, f64::max) / UNIT
    }

    #[test]
    fn ln_is_within_4_units_from_the_smallest_normal_to_the_largest() {
        // Every 997th float, and all around 1, where the logarithm is small.
        let sparse = (f32::MIN_POSITIVE.to_bits()..=f32::MAX.to_bits()).step_by(997);
        let around_one = 0x3f7f_0000..0x3f81_0000;
        let error = worst(sparse.chain(around_one).map(f32::from_bits).filter(|&x| x != 1.0).map(|x| {
            let exact = f64::from(x).ln();
            ((f64::from(ln(x)) - exact) / exact).abs()
        }));
        assert!(error <= 4.0, "{error}");
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn exp_is_within_4_units_and_stays_finite() {
        let steps = (-873_365..=887_228).map(|step| step as f32 * 1e-4);
        let error = worst(steps.map(|x| {
            let exact = f64::from(x).exp();
            ((f64::from(exp(x)) - exact) / exact).abs()
        }));
        assert!(error <= 4.0, "{error}");
        assert_eq!(
            [exp(0.0), exp(-87.4), exp(-1e30), exp(88.8), exp(1e30)],
            [1.0, 0.0, 0.0, f32::MAX, f32::MAX]
        );
    }

    #[test]
    fn cos_and_sin_are_within_5_units_all_the_way_round() {
        let angles =
            (0..1 << 21).map(|i: u32| i.wrapping_mul(0x9e37_79b9)).chain((0..4).flat_map(|quarter| {
                (0..4096_u32)
                    .flat_map(move |i| [(quarter << 30) + i + 1, (quarter << 30).wrapping_sub(i + 1)])
            }));
        let error = worst(angles.map(|bits| {
            // Reduced in whole numbers here too: the sine of π in f64 is not 0.
            let quarter = bits.wrapping_add(1 << 29) >> 30;
            let rest = f64::from(bits.wrapping_sub(quarter << 30).cast_signed()) * std::f64::consts::TAU
                / 2f64.powi(32);
            let (s, c) = rest.sin_cos();
            let (c, s) = [(c, s), (-s, c), (-c, -s), (s, -c)][quarter as usize];
            let (got_c, got_s) = cos_sin_turn(bits);
            let off = |got: f32, exact: f64| {
                if exact == 0.0 { f64::from(got) } else { (f64::from(got) - exact) / exact }
            };
            off(got_c, c).abs().max(off(got_s, s).abs())
        }));
        assert!(error <= 5.0, "{error}");
        assert_eq!(
            [0, 1 << 30, 2 << 30, 3 << 30].map(cos_sin_turn),
            [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)]
        );
    }
}
