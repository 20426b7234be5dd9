// residual: residuals[i, :] = x[i, :] - codebook[codes[i], :]
//
// x, residuals (n, d); codebook (k, d); codes (n). One invocation per element of x, row-major. A code that is not
// below k subtracts nothing.

struct Params {
    n: u32,
    d: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> codebook: array<f32>;
@group(0) @binding(3) var<storage, read> codes: array<u32>;
@group(0) @binding(4) var<storage, read_write> residuals: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if element >= params.n * params.d {
        return;
    }
    let code = codes[element / params.d];
    var value = x[element];
    if code < params.k {
        value -= codebook[code * params.d + element % params.d];
    }
    residuals[element] = value;
}
