// Logarithm, exponential, sine and cosine to a few ulp: WGSL leaves its own sin and cos 2^-11 off and lets every
// driver differ. src/cpu/math.rs does the same operations in the same order, and rounds the products too.
//
// Metal and DX12 compile with fast-math, which would add the two parts of ln 2 before they are used: an fma keeps them
// apart.
// Errors below are relative, in units of 2^-24, counted from the roundings (a fused multiply-add only saves some).
// The polynomials are minimax fits of what remains after the terms written out, and within 2^-28 themselves.

const SMALLEST_NORMAL: f32 = 0x1p-126f;
const LARGEST: f32 = 0x1.fffffep+127f;

// ln 2 in two parts; the first has 16 bits, so that its product with an exponent is exact.
const LN2_HIGH: f32 = 0.69314575;
const LN2_LOW: f32 = 1.4286068e-6;

const SQRT_HALF_BITS: u32 = 0x3f3504f3u;

// ln(x) for a normal x > 0: within 4 units.
fn logarithm(x: f32) -> f32 {
    // Counting exponents from sqrt(1/2) keeps the rest around 1, where its logarithm has all its digits.
    let bits = bitcast<u32>(x) - SQRT_HALF_BITS;
    let f = bitcast<f32>((bits & 0x7fffffu) + SQRT_HALF_BITS) - 1.0;
    return logarithm_of(f32(bitcast<i32>(bits) >> 23u), f);
}

// ln(2^exponent (1 + f)) for f in [sqrt(1/2) - 1, sqrt(2) - 1]: within 4 units.
fn logarithm_of(exponent: f32, f: f32) -> f32 {
    let high = 0.14219552 + f * (-0.12405588 + f * (0.118881665 + f * (-0.11675663 + f * 0.067466445)));
    let p = 0.33333313 + f * (-0.2500001 + f * (0.20002119 + f * (-0.16667996 + f * high)));
    return fma(exponent, LN2_HIGH, f + fma(exponent, LN2_LOW, f * f * (f * p - 0.5)));
}

// e^x: within 4 units; 0 where that lies below the normal numbers, the largest f32 where it lies above all.
fn exponential(x: f32) -> f32 {
    if x < -87.33654 {
        return 0.0;
    }
    if x > 88.72283 {
        return LARGEST;
    }
    let k = round(x * 1.442695);
    let r = fma(-k, LN2_LOW, fma(-k, LN2_HIGH, x));
    let p = 0.49999994 + r * (0.16666521 + r * (0.04166839 + r * (0.008368717 + r * 0.0013814599)));
    // Times 2^k, by adding to the exponent: 2^k itself can be out of range.
    return bitcast<f32>(bitcast<i32>(1.0 + (r + r * r * p)) + (i32(k) << 23u));
}

// cos and sin of 2 pi bits / 2^32: each within 5 units.
fn cos_sin_turn(bits: u32) -> vec2f {
    // The nearest quarter turn and what is left, both exact: no digits are lost near the zeros.
    let quarter = (bits + 0x20000000u) >> 30u;
    let angle = f32(bitcast<i32>(bits - (quarter << 30u))) * 1.4629181e-9;
    let z = angle * angle;
    let s = angle + angle * z * (-0.16666655 + z * (0.008332178 - z * 0.00019517296));
    let c = (1.0 - 0.5 * z) + z * z * (0.041666646 + z * (-0.0013887316 + z * 2.4433153e-5));
    let turned = select(vec2f(c, s), vec2f(-s, c), (quarter & 1u) == 1u);
    return select(turned, -turned, (quarter & 2u) == 2u);
}
