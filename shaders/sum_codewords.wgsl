// sum_codewords: decoding of codes whose codewords add up.
//
//   decoded[i, :] = sum over j of codewords[offsets[j] + codes[i, j], :]
//
// A code past the end of its codebook is its last: no index leaves the codewords whatever the codes are.
// codes (n, m); offsets (m + 1): where each codebook starts in codewords (offsets[m], d); decoded (n, d).
// One invocation per element of decoded, row-major; the sum is in the order of the codebooks.

struct Params {
    n: u32,
    m: u32,
    d: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read> codewords: array<f32>;
@group(0) @binding(4) var<storage, read_write> decoded: array<f32>;

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
    let row = element / params.d;
    let column = element % params.d;
    var sum = 0.0;
    for (var j = 0u; j < params.m; j++) {
        let last = offsets[j + 1u] - offsets[j] - 1u;
        let codeword = offsets[j] + min(codes[row * params.m + j], last);
        sum += codewords[codeword * params.d + column];
    }
    decoded[element] = sum;
}
