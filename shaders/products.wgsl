// products: every vector times every codeword.
//
//   products[i, j] = x_i . c_j                   with SCORES = 0; panels are RAW
//   products[i, j] = 1/2 |c'_j|^2 - x'_i . c'_j  with SCORES = 1; panels are CENTRED, shared/tile_score.wgsl
//
// x (n, d) is row-major; panels, half_norms and mean come from prepare_codebook; products (n, k) f32 row-major.
// Grid: one workgroup per WORKGROUP_ROWS rows (shared/tile_direct.wgsl or shared/tile_staged.wgsl).
// Numbers: a product is within about d roundings of sum |x c|. An entry depends on its row and codeword alone.

struct Params {
    n: u32,
    d: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> panels: array<vec4f>;
@group(0) @binding(3) var<storage, read> half_norms: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> products: array<f32>;

override SCORES: u32 = 1u;

struct State {
    unused: u32,
}

fn begin(row: u32) -> State {
    return State();
}

fn absorb(state: ptr<function, State>, tile: Tile, row: u32, k: u32) {
    let first = k + lane;
    write_column(tile[0], row, first);
    write_column(tile[1], row, first + CODEWORD_STRIDE);
    write_column(tile[2], row, first + 2u * CODEWORD_STRIDE);
    write_column(tile[3], row, first + 3u * CODEWORD_STRIDE);
    if CODEWORD_SLOTS > 4u {
        write_column(tile[4], row, first + 4u * CODEWORD_STRIDE);
        write_column(tile[5], row, first + 5u * CODEWORD_STRIDE);
        write_column(tile[6], row, first + 6u * CODEWORD_STRIDE);
        write_column(tile[7], row, first + 7u * CODEWORD_STRIDE);
    }
}

// The rows and one codeword.
fn write_column(sum: mat2x4f, row: u32, code: u32) {
    if code >= params.k {
        return;
    }
    var values = sum;
    if SCORES == 1u {
        values = score(sum, half_norms[code]);
    }
    write(row, code, values[0].x);
    write(row + ROW_STRIDE, code, values[0].y);
    write(row + 2u * ROW_STRIDE, code, values[0].z);
    write(row + 3u * ROW_STRIDE, code, values[0].w);
    if ROW_SLOTS > 4u {
        write(row + 4u * ROW_STRIDE, code, values[1].x);
        write(row + 5u * ROW_STRIDE, code, values[1].y);
        write(row + 6u * ROW_STRIDE, code, values[1].z);
        write(row + 7u * ROW_STRIDE, code, values[1].w);
    }
}

fn write(row: u32, code: u32, value: f32) {
    if row < params.n {
        products[row * params.k + code] = value;
    }
}

fn finish(state: ptr<function, State>, row: u32) {}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    run_tiles(linear_workgroup(workgroup, grid), local);
}
