// multiply_add: as many fused multiply-adds as the device can do, to have a peak to hold other kernels against.
//
//   sums[i] = sum over 64 chains j of v_j, where v_j starts at j / 64 and becomes v_j * factor + addend, `rounds` times
//
// sums (n, 1) f32. One invocation per element, eight chains at a time, eight rounds between two tests of the loop: with
// more chains or fewer rounds compilers copy the running values at each turn, which takes as long as the multiply-adds.
// The operands come from the uniform, so that nothing can be computed ahead.

const CHAINS: u32 = 64u;

struct Params {
    n: u32,
    rounds: u32,
    factor: f32,
    addend: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

fn eight_rounds(v: vec4f, factor: vec4f, addend: vec4f) -> vec4f {
    let two = fma(fma(v, factor, addend), factor, addend);
    let four = fma(fma(two, factor, addend), factor, addend);
    let six = fma(fma(four, factor, addend), factor, addend);
    return fma(fma(six, factor, addend), factor, addend);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, grid) * WORKGROUP + local;
    if element >= params.n {
        return;
    }
    let factor = vec4f(params.factor);
    let addend = vec4f(params.addend);
    var sum = 0.0;
    for (var chain = 0u; chain < CHAINS; chain += 8u) {
        var low = (vec4f(0.0, 1.0, 2.0, 3.0) + f32(chain)) / f32(CHAINS);
        var high = low + 4.0 / f32(CHAINS);
        for (var eight = 0u; eight < params.rounds / 8u; eight++) {
            low = eight_rounds(low, factor, addend);
            high = eight_rounds(high, factor, addend);
        }
        for (var round = 0u; round < params.rounds % 8u; round++) {
            low = fma(low, factor, addend);
            high = fma(high, factor, addend);
        }
        sum += dot(low + high, vec4f(1.0));
    }
    sums[element] = sum;
}
