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

// The first values of chains `first` to `first + 3`.
fn start(first: f32) -> vec4f {
    return (vec4f(0.0, 1.0, 2.0, 3.0) + first) * (1.0 / 64.0);
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
    // A variable for each, so that no compiler keeps them in memory.
    var a = start(0.0);
    var b = start(4.0);
    var c = start(8.0);
    var d = start(12.0);
    var e = start(16.0);
    var f = start(20.0);
    var g = start(24.0);
    var h = start(28.0);
    var i = start(32.0);
    var j = start(36.0);
    var k = start(40.0);
    var l = start(44.0);
    var m = start(48.0);
    var n = start(52.0);
    var o = start(56.0);
    var p = start(60.0);
    for (var round = 0u; round < params.rounds; round++) {
        a = fma(a, factor, addend);
        b = fma(b, factor, addend);
        c = fma(c, factor, addend);
        d = fma(d, factor, addend);
        e = fma(e, factor, addend);
        f = fma(f, factor, addend);
        g = fma(g, factor, addend);
        h = fma(h, factor, addend);
        i = fma(i, factor, addend);
        j = fma(j, factor, addend);
        k = fma(k, factor, addend);
        l = fma(l, factor, addend);
        m = fma(m, factor, addend);
        n = fma(n, factor, addend);
        o = fma(o, factor, addend);
        p = fma(p, factor, addend);
    }
    let quarters = (a + b + c + d) + (e + f + g + h) + (i + j + k + l) + (m + n + o + p);
    sums[element] = dot(quarters, vec4f(1.0));
}
