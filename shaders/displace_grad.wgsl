// displace_grad: the derivative of displace by x and by what x was quantized to, its directions held fixed.
//
//   v[i] = (gradient[i, :] . directions[i, :]) residuals[i, :] / |residuals[i, :]|, 0 where residuals[i, :] is
//   dx[i, :] = gradient[i, :] + v[i]
//   dquantized[i, :] = -v[i]
//
// because x' = x + |x - q| u, and the gradient of |x - q| by x is (x - q) / |x - q|. At x = q it is taken as 0, where
// automatic differentiation of a square root would give 0 / 0.
// residuals (x - q), directions (u), gradient, dx, dquantized (n, d). LANES invocations share a row
// (shared/lengths.wgsl). Residuals shorter than 2^-50 count as 0; their squares have to
// stay in the range of f32.

struct Params {
    n: u32,
    d: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> residuals: array<f32>;
@group(0) @binding(2) var<storage, read> directions: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;
@group(0) @binding(5) var<storage, read_write> dquantized: array<f32>;

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
            own += vec4f(residual * residual, gradient[start + i] * directions[start + i], 0.0, 0.0);
        }
        parts[first_part(local) + part] = own;
    }
    let sums = sum_of_parts(local);
    let slope = sums.y * inverse_length_of(sums.x);
    for (var i = lane; i < d; i += LANES) {
        let v = slope * residuals[start + i];
        dx[start + i] = gradient[start + i] + v;
        dquantized[start + i] = -v;
    }
}
