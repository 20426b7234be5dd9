// gain_shape_decode: what codes of a gain and a shape stand for
//
// codes (n, d + 4), decoded (n, d), grid (2, k), as gain_shape_encode has them. Code j of a row is a magnitude of row 1 of
// grid, from the largest below 0 to the largest above; the last four are the bits of T, by four from the highest on, and the gain is the
// float whose bits are T << 15. A code that is past the last counts as the last. One invocation per number, row-major.
//
// Magnitudes have 12 bits and gains 9, so products are exact.

struct Params {
    n: u32,
    d: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> grid: array<f32>;
@group(0) @binding(3) var<storage, read_write> decoded: array<f32>;

const LONGEST: u32 = 0xe3ffu;

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
    let row = element / params.d * (params.d + 4u);
    var length = 0u;
    for (var i = 0u; i < 4u; i++) {
        length = (length << 4u) | min(codes[row + params.d + i], 15u);
    }
    let gain = bitcast<f32>(min(length, LONGEST) << 15u);
    let code = min(codes[row + element % params.d], 2u * params.k - 1u);
    if code < params.k {
        decoded[element] = -gain * grid[params.k + params.k - 1u - code];
    } else {
        decoded[element] = gain * grid[code];
    }
}
