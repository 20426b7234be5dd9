// displace: moves each vector as far as its quantization error is long, in a direction of the caller's.
//
//   directions[i, :] = directions[i, :] / |directions[i, :]|
//   displaced[i, :] = x[i, :] + |residuals[i, :]| directions[i, :]
//
// x, residuals, directions, displaced (n, d). LANES invocations share a row (shared/lengths.wgsl). A direction shorter than 2^-50
// becomes 0, and residuals shorter than that displace nothing. Squares have to stay in the range of f32.
// Relative error of a length: half of ceil(d/32) + 6 roundings and 4.5 ulp of the root (of an inverse: 2).

struct Params {
    n: u32,
    d: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> residuals: array<f32>;
@group(0) @binding(3) var<storage, read_write> directions: array<f32>;
@group(0) @binding(4) var<storage, read_write> displaced: array<f32>;

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
        var own = vec4f();
        for (var i = part; i < d; i += PARTS) {
            let residual = residuals[start + i];
            let direction = directions[start + i];
            own += vec4f(residual * residual, direction * direction, 0.0, 0.0);
        }
        parts[first_part(local) + part] = own;
    }
    let squares = sum_of_parts(local);
    let error = length_of(squares.x);
    let inverse = inverse_length_of(squares.y);
    for (var i = lane; i < d; i += LANES) {
        let unit = directions[start + i] * inverse;
        directions[start + i] = unit;
        displaced[start + i] = x[start + i] + error * unit;
    }
}
