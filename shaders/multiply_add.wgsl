// multiply_add: as many fused multiply-adds as the device can do, to have a peak to hold other kernels against.
//
//   sums[i] = sum over 64 chains j of v_j, where v_j starts at j / 64 and becomes v_j * factor + addend, `rounds` times
//
// sums (n, 1) f32. One invocation per element: 16 independent vec4 chains hide the latency of the multiply-add. The
// operands come from the uniform, so that nothing can be computed ahead.

struct Params {
    n: u32,
    rounds: u32,
    factor: f32,
    addend: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

fn step(chains: mat4x4f) -> mat4x4f {
    let factor = vec4f(params.factor);
    let addend = vec4f(params.addend);
    return mat4x4f(
        fma(chains[0], factor, addend),
        fma(chains[1], factor, addend),
        fma(chains[2], factor, addend),
        fma(chains[3], factor, addend),
    );
}

fn start(first: f32) -> mat4x4f {
    let quad = vec4f(0.0, 1.0, 2.0, 3.0) + first;
    return mat4x4f(quad, quad + 4.0, quad + 8.0, quad + 12.0) * (1.0 / 64.0);
}

fn total(chains: mat4x4f) -> f32 {
    return dot(chains[0] + chains[1] + chains[2] + chains[3], vec4f(1.0));
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
    var a = start(0.0);
    var b = start(16.0);
    var c = start(32.0);
    var d = start(48.0);
    for (var round = 0u; round < params.rounds; round++) {
        a = step(a);
        b = step(b);
        c = step(c);
        d = step(d);
    }
    sums[element] = total(a) + total(b) + total(c) + total(d);
}
