// grouped_assign_exactly: the second look of grouped_assign, at the rows whose distances do not tell the nearest codeword, in whole
// numbers (shared/exactly.wgsl).
//
//   codes[i], rows[i]    as grouped_assign has them, without rounding, for the rows that are listed
//   distances[i]         = the squared distance of x_i to that codeword
//
// codebook (any, d), groups (n) u32: as codewords and groups of grouped_assign, and listed comes from it
// (shared/listed_rows.wgsl).
// Grid: one workgroup per row of the list.

struct Params {
    d: u32,
    k: u32,
    first: u32,
    factor: f32,
    underflow: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> codebook: array<u32>;
@group(0) @binding(3) var<storage, read> groups: array<u32>;
@group(0) @binding(4) var<storage, read> listed: ListedRows;
@group(0) @binding(5) var<storage, read_write> codes: array<u32>;
@group(0) @binding(6) var<storage, read_write> rows: array<u32>;
@group(0) @binding(7) var<storage, read_write> distances: array<f32>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let slot = linear_workgroup(workgroup, grid);
    if slot >= row_count() {
        return;
    }
    let row = row_in(slot);
    let start = params.first + groups[row] * params.k;
    let nearest = nearest_exactly(row, start, params.k, local);
    if local == 0u {
        codes[row] = nearest - start;
        rows[row] = nearest;
        distances[row] = distance_in_parts(row, nearest);
    }
}
