// row_distances: the squared distance of each row of one matrix to the same row of another.
//
//   distances[i] = sum over j of (x[i, j] - y[i, j])^2
//
// x, y (n, d); distances (n). One invocation per row: d is read in order, and the sum is in order.

struct Params {
    n: u32,
    d: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> distances: array<f32>;

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
        let difference = x[row * params.d + j] - y[row * params.d + j];
        sum = fma(difference, difference, sum);
    }
    distances[row] = sum;
}
