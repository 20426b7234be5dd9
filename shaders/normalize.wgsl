// normalize: unit[i, :] = x[i, :] / |x[i, :]|, and 0 where the row is 0
//
// x and unit (n, d). LANES invocations share a row (shared/lengths.wgsl).
//
// The row is first scaled by a power of two that brings its largest magnitude into [1, 2): exact, and no square then
// overflows or is lost to underflow beside the largest. A row without a normal number (2^-126 or more) counts as 0.
// Relative error of a result: half of ceil(d/32) + 6 roundings, the inverse root's 2 ulp, and one product.

struct Params {
    n: u32,
    d: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> unit: array<f32>;

@compute @workgroup_size(ROWS * LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = linear_workgroup(workgroup, workgroups) * ROWS + local / LANES;
    // A row past the last is an empty one: all invocations have to meet at the barriers.
    let d = select(0u, params.d, row < params.n);
    let start = row * params.d;
    let lane = local % LANES;

    for (var part = lane; part < PARTS; part += LANES) {
        var own = 0.0;
        for (var i = part; i < d; i += PARTS) {
            own = max(own, abs(x[start + i]));
        }
        parts[first_part(local) + part].x = own;
    }
    let largest = largest_of_parts(local);

    let scale = scale_to_one(largest);
    for (var part = lane; part < PARTS; part += LANES) {
        var own = 0.0;
        for (var i = part; i < d; i += PARTS) {
            let scaled = x[start + i] * scale;
            own += scaled * scaled;
        }
        parts[first_part(local) + part] = vec4f(own, 0.0, 0.0, 0.0);
    }
    let sum = sum_of_parts(local).x;

    // At least 1, unless the scale is 0.
    let inverse = inverseSqrt(max(sum, 1.0));
    for (var i = lane; i < d; i += LANES) {
        unit[start + i] = x[start + i] * scale * inverse;
    }
}

// The power of two that brings `largest` into [1, 2), or [2, 4) at the very top; 0 for what is not normal.
fn scale_to_one(largest: f32) -> f32 {
    let exponent = bitcast<u32>(largest) >> 23u;
    if exponent == 0u {
        return 0.0;
    }
    return bitcast<f32>(max(254u - exponent, 1u) << 23u);
}
