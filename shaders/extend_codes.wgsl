// extend_codes: rows that are not yet near enough take codes that are one codeword longer.
//
//   if distances[i] > limit:   codes[i, j] = longer[i, j] for j < count,  stops[j] for j >= count
//                              distances[i] = errors[i]
//
// codes (n, m), longer (n, columns) with count <= columns, stops (m), distances and errors (n). One invocation per row.
// A row is not touched again once its distance is at most the limit: its codes have ended.

struct Params {
    n: u32,
    m: u32,
    columns: u32,
    count: u32,
    limit: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> longer: array<u32>;
@group(0) @binding(2) var<storage, read> errors: array<f32>;
@group(0) @binding(3) var<storage, read> stops: array<u32>;
@group(0) @binding(4) var<storage, read_write> codes: array<u32>;
@group(0) @binding(5) var<storage, read_write> distances: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if row >= params.n || distances[row] <= params.limit {
        return;
    }
    for (var j = 0u; j < params.m; j++) {
        if j < params.count {
            codes[row * params.m + j] = longer[row * params.columns + j];
        } else {
            codes[row * params.m + j] = stops[j];
        }
    }
    distances[row] = errors[row];
}
