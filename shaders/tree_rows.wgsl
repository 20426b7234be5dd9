// tree_rows: which codewords the codes of a tree-structured residual quantizer are.
//
//   rows[i, 0] = codes[i, 0];  rows[i, j] = codes[i, j - 1] k + codes[i, j]
//
// codes, rows (n, m). One invocation per code, row-major.

struct Params {
    n: u32,
    m: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read_write> rows: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if element >= params.n * params.m {
        return;
    }
    var row = codes[element];
    if element % params.m > 0u {
        row += codes[element - 1u] * params.k;
    }
    rows[element] = row;
}
