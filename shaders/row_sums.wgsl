// row_sums: the sum of each row.
//
//   sums[i] = sum over j of x[i, j]
//
// x (n, d), sums (n). One invocation per row; a row is added in its order.

struct Params {
    n: u32,
    d: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if row >= params.n {
        return;
    }
    var sum = 0.0;
    for (var j = 0u; j < params.d; j++) {
        sum += x[row * params.d + j];
    }
    sums[row] = sum;
}
