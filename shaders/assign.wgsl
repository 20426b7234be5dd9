// assign: the nearest codeword of every vector, fused: no (n, k) matrix is written.
//
//   codes[i]     = argmin_j score(x_i, c_j)     (n) u32; the score per metric is in shared/tile_score.wgsl
//   distances[i] = distance(x_i, c_codes[i])    (n) f32; from the original vectors, shared/tile_distance.wgsl
//
// x (n, d) and codebook (k, d) are row-major. panels, half_norms and mean come from prepare_codebook.
// Grid: one workgroup per WORKGROUP_ROWS rows (shared/tile_direct.wgsl or shared/tile_staged.wgsl).
// Ties: the lowest index, across codeword slots, tiles and lanes.
// Numbers: scores carry a rounding error of order d * 2^-24 * |x'| |c'|; of two codewords closer than that, either
// may win. The result for a row depends on that row and the codebook alone. Where every score overflows, code 0.

struct Params {
    n: u32,
    d: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> codebook: array<f32>;
@group(0) @binding(3) var<storage, read> panels: array<vec4f>;
@group(0) @binding(4) var<storage, read> half_norms: array<f32>;
@group(0) @binding(5) var<storage, read> mean: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> codes: array<u32>;
@group(0) @binding(7) var<storage, read_write> distances: array<f32>;

alias State = Lowest;

fn begin(row: u32) -> State {
    return no_candidate();
}

fn absorb(state: ptr<function, State>, tile: Tile, row: u32, k: u32) {
    let first = k + lane;
    meet(state, tile[0], first);
    meet(state, tile[1], first + CODEWORD_STRIDE);
    meet(state, tile[2], first + 2u * CODEWORD_STRIDE);
    meet(state, tile[3], first + 3u * CODEWORD_STRIDE);
    meet(state, tile[4], first + 4u * CODEWORD_STRIDE);
    meet(state, tile[5], first + 5u * CODEWORD_STRIDE);
    meet(state, tile[6], first + 6u * CODEWORD_STRIDE);
    meet(state, tile[7], first + 7u * CODEWORD_STRIDE);
}

fn meet(state: ptr<function, State>, sum: mat2x4f, code: u32) {
    consider(state, score(sum, half_norms[code]), code);
}

fn finish(state: ptr<function, State>, row: u32) {
    lowest_over_lanes(state, params.k - 1u);
    let found = distances_to(row, (*state).low, (*state).high);
    if lane == 0u {
        write(row, (*state).low.x, found[0].x);
        write(row + ROW_STRIDE, (*state).low.y, found[0].y);
        write(row + 2u * ROW_STRIDE, (*state).low.z, found[0].z);
        write(row + 3u * ROW_STRIDE, (*state).low.w, found[0].w);
        write(row + 4u * ROW_STRIDE, (*state).high.x, found[1].x);
        write(row + 5u * ROW_STRIDE, (*state).high.y, found[1].y);
        write(row + 6u * ROW_STRIDE, (*state).high.z, found[1].z);
        write(row + 7u * ROW_STRIDE, (*state).high.w, found[1].w);
    }
}

fn write(row: u32, code: u32, distance: f32) {
    if row < params.n {
        codes[row] = code;
        distances[row] = distance;
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    run_tiles(linear_workgroup(workgroup, grid), local);
}
