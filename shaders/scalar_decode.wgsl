// scalar_decode: decoded[i, j] = level codes[i, j] of column j
//
// codes, decoded (n, d). The levels of column j are row j of the table, or row 0 if it has only one.
//   uniform    table (rows, 4): the lowest level, the highest, the step, 1 / step; level c is lowest + c * step
//   listed     table (rows, k): the k levels
// One invocation per element, row-major. A code that is not below k gives the last level.

struct Params {
    n: u32,
    d: u32,
    k: u32,
    // From the levels of one column to those of the next: 0 if all have the same.
    stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> decoded: array<f32>;

override LISTED: u32 = 0u;

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
    let levels = element % params.d * params.stride;
    let code = min(codes[element], params.k - 1u);
    if LISTED == 1u {
        decoded[element] = table[levels + code];
    } else {
        decoded[element] = table[levels] + f32(code) * table[levels + 2u];
    }
}
