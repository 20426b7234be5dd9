// random_fill: filled[i] = a random number that depends on seed, step and i alone
//
// filled (n, d), i counting its elements row-major. Philox4x32-10 gives four words for the counter
// (i / 4 low, i / 4 high, step low, step high) under the seed's two halves, and element i takes word i mod 4.
//   uniform   the word's top 24 bits / 2^24, in [0, 1): the same bits on every device
//   normal    of the words' pairs (a, b), by Box and Muller: sqrt(-2 ln u(a)) cos 2 pi b / 2^32, then the same with sin
//   Gumbel    -ln(-ln u)
// where u(word) = (word + 1/2) / 2^32, strictly inside (0, 1). Normals are within 20 units of 2^-24, relative; a
// Gumbel g within 8 + 5 |g| units, absolute (it is 0 where its inner logarithm is 1, of which 8 units are known).
//
// One invocation per word quadruple; `block` is the number of the first, in two halves.

struct Params {
    block_low: u32,
    block_high: u32,
    step_low: u32,
    step_high: u32,
    key_low: u32,
    key_high: u32,
    elements: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> filled: array<f32>;

override DISTRIBUTION: u32;
const UNIFORM: u32 = 0u;
const NORMAL: u32 = 1u;
const GUMBEL: u32 = 2u;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let quadruple = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    let first = quadruple * 4u;
    if first >= params.elements {
        return;
    }
    let block_low = params.block_low + quadruple;
    let block_high = params.block_high + select(0u, 1u, block_low < quadruple);
    let counter = vec4u(block_low, block_high, params.step_low, params.step_high);
    let numbers = distribute(philox(counter, vec2u(params.key_low, params.key_high)));
    for (var i = 0u; i < min(4u, params.elements - first); i++) {
        filled[first + i] = numbers[i];
    }
}

fn distribute(words: vec4u) -> vec4f {
    switch DISTRIBUTION {
        case UNIFORM: {
            return vec4f(unit(words.x), unit(words.y), unit(words.z), unit(words.w));
        }
        case NORMAL: {
            let first = sqrt(2.0 * exponential_variate(words.x)) * cos_sin_turn(words.y);
            let second = sqrt(2.0 * exponential_variate(words.z)) * cos_sin_turn(words.w);
            return vec4f(first, second);
        }
        case GUMBEL, default: {
            return vec4f(gumbel(words.x), gumbel(words.y), gumbel(words.z), gumbel(words.w));
        }
    }
}

fn gumbel(bits: u32) -> f32 {
    return -logarithm(exponential_variate(bits));
}

// -ln u(bits), which is exponentially distributed: within 8 units, relative.
fn exponential_variate(bits: u32) -> f32 {
    // The distance from the nearer end, 0 or 1, has all its digits there.
    let near_one = bits >= 0x80000000u;
    let distance = (f32(select(bits, ~bits, near_one)) + 0.5) * 0x1p-32f;
    if !near_one {
        return -logarithm(distance);
    }
    // 1 - distance, as 2^exponent (1 + f) without a rounding.
    if distance < 0.29289323 {
        return -logarithm_of(0.0, -distance);
    }
    return -logarithm_of(-1.0, 1.0 - 2.0 * distance);
}
