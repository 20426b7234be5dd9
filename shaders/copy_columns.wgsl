// copy_columns: columns of one matrix become columns of another.
//
//   target_rows[i, to + j] = source_rows[i, from + j]    for j < count
//
// source_rows (n, source_cols), target_rows (n, target_cols): any elements of four bytes. One invocation per element
// that is copied.

struct Params {
    n: u32,
    count: u32,
    source_cols: u32,
    from_col: u32,
    target_cols: u32,
    to_col: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source_rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> target_rows: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if element >= params.n * params.count {
        return;
    }
    let row = element / params.count;
    let column = element % params.count;
    target_rows[row * params.target_cols + params.to_col + column] =
        source_rows[row * params.source_cols + params.from_col + column];
}
