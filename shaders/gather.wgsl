// gather: gathered[i, :] = source_rows[indices[i] - first, :]
//
// source_rows (rows, d): the rows first .. first + rows of the source; indices (n); gathered (n, d).
// One invocation per element of gathered, row-major. An index outside these rows leaves its row alone: the
// source may come in several shards, each in a dispatch of its own.

struct Params {
    n: u32,
    d: u32,
    first: u32,
    rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source_rows: array<f32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> gathered: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if element >= params.n * params.d {
        return;
    }
    let row = indices[element / params.d] - params.first;
    if row < params.rows {
        gathered[element] = source_rows[row * params.d + element % params.d];
    }
}
