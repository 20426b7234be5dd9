// The baseline that assign is measured against: one invocation per row, no tiling, no packing.
//
//   codes[i] = argmin_j sum (x_i - c_j)^2, distances[i] = that minimum; x (n, d) and codebook (k, d) row-major.
// Grid: one workgroup per 64 rows. Ties: the lowest index.
// Meets codewords first .. last and goes on from what it has written before if first > 0: llvmpipe ends every loop of
// an invocation that has made 65,535 loop iterations in all, so keep (last - first) (d + 1) below that per dispatch.

struct Params {
    n: u32,
    d: u32,
    first: u32,
    last: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> codebook: array<f32>;
@group(0) @binding(3) var<storage, read_write> codes: array<u32>;
@group(0) @binding(4) var<storage, read_write> distances: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = id.x;
    if row >= params.n {
        return;
    }
    var best = 3.0e38;
    var code = 0u;
    if params.first > 0u {
        best = distances[row];
        code = codes[row];
    }
    for (var j = params.first; j < params.last; j++) {
        var distance = 0.0;
        for (var i = 0u; i < params.d; i++) {
            let difference = x[row * params.d + i] - codebook[j * params.d + i];
            distance = fma(difference, difference, distance);
        }
        if distance < best {
            best = distance;
            code = j;
        }
    }
    codes[row] = code;
    distances[row] = best;
}
