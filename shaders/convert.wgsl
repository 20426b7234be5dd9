// convert: the elements of a matrix as another type.
//
//   to[i] = from[i]
//
// from and to (elements), both as words of four bytes: two f16 or four u8 lie in one, the first in its lowest bits.
// Grid: one invocation per word of the smaller type. Where the last word has room to spare it is filled with zeros.
// Numbers: to f16, the nearest there is and of two the even one, whatever the device would make of a cast; beyond
// 65,504, which is the largest, that one. To u8, 255 for what is larger. To the larger type all are exact.

struct Params {
    elements: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> converted: array<u32>;

const F32_TO_F16: u32 = 0u;
const F16_TO_F32: u32 = 1u;
const U32_TO_U8: u32 = 2u;
const U8_TO_U32: u32 = 3u;
const U8_TO_F32: u32 = 4u;
override FORM: u32 = F32_TO_F16;

// The bits of 65,504 as f32.
const LARGEST: u32 = 0x477fe000u;
// The bits of 2^-14 as f32, the smallest f16 that has a leading 1.
const SMALLEST_NORMAL: u32 = 0x38800000u;

// The upper part of `bits` without the last `count`, rounded: 1 to 31 of them.
fn rounded(bits: u32, count: u32) -> u32 {
    let last = (bits >> count) & 1u;
    return (bits + (1u << (count - 1u)) - 1u + last) >> count;
}

fn f16_of(bits: u32) -> u32 {
    let sign = (bits >> 16u) & 0x8000u;
    let magnitude = min(bits & 0x7fffffffu, LARGEST);
    if magnitude >= SMALLEST_NORMAL {
        // Exponents count from 127 in f32, from 15 in f16.
        return sign | rounded(magnitude - (112u << 23u), 13u);
    }
    // A multiple of 2^-24. Below 2^-25 nothing is left.
    let exponent = magnitude >> 23u;
    let significand = (magnitude & 0x7fffffu) | 0x800000u;
    return sign | select(0u, rounded(significand, min(126u - exponent, 31u)), exponent >= 102u);
}

fn f32_of(half: u32) -> u32 {
    let sign = (half & 0x8000u) << 16u;
    let magnitude = half & 0x7fffu;
    if magnitude >= 0x400u {
        return sign | ((magnitude << 13u) + (112u << 23u));
    }
    // A multiple of 2^-24 without a leading 1.
    return sign | bitcast<u32>(f32(magnitude) * 0x1p-24f);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let word = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    let count = select(4u, 2u, FORM == F32_TO_F16 || FORM == F16_TO_F32);
    let bits = 32u / count;
    let first = word * count;
    if first >= params.elements {
        return;
    }
    var packed = 0u;
    for (var i = 0u; i < min(count, params.elements - first); i++) {
        if FORM == F32_TO_F16 {
            packed |= f16_of(source[first + i]) << (bits * i);
        } else if FORM == U32_TO_U8 {
            packed |= min(source[first + i], 255u) << (bits * i);
        } else {
            let value = (source[word] >> (bits * i)) & ((1u << bits) - 1u);
            if FORM == F16_TO_F32 {
                converted[first + i] = f32_of(value);
            } else if FORM == U8_TO_F32 {
                converted[first + i] = bitcast<u32>(f32(value));
            } else {
                converted[first + i] = value;
            }
        }
    }
    if FORM == F32_TO_F16 || FORM == U32_TO_U8 {
        converted[word] = packed;
    }
}
