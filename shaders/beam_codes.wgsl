// beam_codes: the codes of the cheapest tuple of every beam.
//
//   codes[i, j] = id - offsets[j] for the id of the first tuple of row i that lies in offsets[j] .. offsets[j + 1]
//
// ids (n, width): codeword numbers, the first m of a row being its cheapest tuple, in any order; offsets (m + 1): where
// each codebook starts; codes (n, m). One invocation per code.

struct Params {
    n: u32,
    m: u32,
    width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read_write> codes: array<u32>;

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
    let row = element / params.m;
    let j = element % params.m;
    var code = 0u;
    for (var i = 0u; i < params.m; i++) {
        let id = ids[row * params.width + i];
        if id >= offsets[j] && id < offsets[j + 1u] {
            code = id - offsets[j];
        }
    }
    codes[element] = code;
}
