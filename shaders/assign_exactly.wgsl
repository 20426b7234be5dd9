// assign_exactly: the third look of assign, at the rows that assign_again left: by their distances, and codewords that those do
// not tell apart in whole numbers (shared/exactly.wgsl).
//
//   codes[i]        = the lowest of the codewords nearest to x_i, without rounding, for the rows that are listed
//   distances[i]    = distance(x_i, c_codes[i]) for those, summed as in assign
//
// listed comes from assign_again (shared/listed_rows.wgsl).
// Grid: one workgroup per params.rows rows of the list, which it takes one after the other.

struct Params {
    n: u32,
    d: u32,
    k: u32,
    // As for assign_again.
    factor: f32,
    underflow: f32,
    // Rows of a workgroup.
    rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> codebook: array<u32>;
@group(0) @binding(3) var<storage, read> listed: ListedRows;
@group(0) @binding(4) var<storage, read_write> codes: array<u32>;
@group(0) @binding(5) var<storage, read_write> distances: array<f32>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let first = linear_workgroup(workgroup, grid) * params.rows;
    for (var slot = first; slot < min(first + params.rows, row_count()); slot++) {
        let row = row_in(slot);
        let code = nearest_exactly(row, 0u, params.k, local);
        if local == 0u {
            codes[row] = code;
            distances[row] = distance_in_parts(row, code);
        }
    }
}
