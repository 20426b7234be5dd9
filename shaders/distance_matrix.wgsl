// distance_matrix: the distance of every vector to every codeword.
//
//   distances[i, j] = distance(x_i, c_j)    (n, k) f32 row-major; metrics in shared/tile_metric.wgsl
//
// x (n, d) is row-major; panels come from prepare_codebook, RAW, or UNIT for the cosine.
// Grid: one workgroup per WORKGROUP_ROWS rows (shared/tile_direct.wgsl or shared/tile_staged.wgsl).
// Numbers: differences are summed as they are, so nothing cancels and no distance is negative. The cosine comes of
// a dot product: its absolute error is of order d * 2^-24; the inner product's is that of its sum. An entry depends on its row and codeword alone.

struct Params {
    n: u32,
    d: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> panels: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> distances: array<f32>;

// The lengths of the rows, for the cosine.
struct State {
    lengths: mat2x4f,
}

fn centre(quad: u32) -> vec4f {
    return vec4f();
}

fn accumulate(sum: mat2x4f, x: mat2x4f, c: f32) -> mat2x4f {
    if METRIC == COSINE || METRIC == INNER_PRODUCT {
        return mat2x4f(fma(x[0], vec4f(c), sum[0]), fma(x[1], vec4f(c), sum[1]));
    }
    let low = x[0] - c;
    let high = x[1] - c;
    if METRIC == POWERS {
        return mat2x4f(sum[0] + to_power(abs(low)), sum[1] + to_power(abs(high)));
    }
    return mat2x4f(fma(low, low, sum[0]), fma(high, high, sum[1]));
}

fn begin(row: u32) -> State {
    if METRIC != COSINE {
        return State();
    }
    var norms = mat2x4f();
    for (var parts = 0u; parts < PARTS; parts += LANES) {
        var own = mat2x4f();
        for (var quad = first_quad(parts); quad < (params.d + 3u) / 4u; quad += PARTS) {
            own[0] += norm_terms(row, quad);
            if ROW_SLOTS > 4u {
                own[1] += norm_terms(row + 4u * ROW_STRIDE, quad);
            }
        }
        norms = add_parts(norms, own);
    }
    return State(mat2x4f(sqrt(norms[0]), sqrt(norms[1])));
}

// What four dimensions add to the squared lengths of the rows of four slots.
fn norm_terms(row: u32, quad: u32) -> vec4f {
    return vec4f(
        norm_term(row, quad),
        norm_term(row + ROW_STRIDE, quad),
        norm_term(row + 2u * ROW_STRIDE, quad),
        norm_term(row + 3u * ROW_STRIDE, quad),
    );
}

fn norm_term(row: u32, quad: u32) -> f32 {
    let v = within_row(x_quad(row_in(row), quad), quad);
    return dot(v, v);
}

fn absorb(state: ptr<function, State>, tile: Tile, row: u32, k: u32) {
    let first = k + lane;
    write_column((*state).lengths, tile[0], row, first);
    write_column((*state).lengths, tile[1], row, first + CODEWORD_STRIDE);
    write_column((*state).lengths, tile[2], row, first + 2u * CODEWORD_STRIDE);
    write_column((*state).lengths, tile[3], row, first + 3u * CODEWORD_STRIDE);
    if CODEWORD_SLOTS > 4u {
        write_column((*state).lengths, tile[4], row, first + 4u * CODEWORD_STRIDE);
        write_column((*state).lengths, tile[5], row, first + 5u * CODEWORD_STRIDE);
        write_column((*state).lengths, tile[6], row, first + 6u * CODEWORD_STRIDE);
        write_column((*state).lengths, tile[7], row, first + 7u * CODEWORD_STRIDE);
    }
}

// The distances of the rows to one codeword.
fn write_column(lengths: mat2x4f, sum: mat2x4f, row: u32, code: u32) {
    var low = sum[0];
    var high = sum[1];
    if METRIC == COSINE {
        low = cosine_distance(low, lengths[0]);
        high = cosine_distance(high, lengths[1]);
    }
    if METRIC == INNER_PRODUCT {
        low = -low;
        high = -high;
    }
    if code < params.k {
        write(row, code, low.x);
        write(row + ROW_STRIDE, code, low.y);
        write(row + 2u * ROW_STRIDE, code, low.z);
        write(row + 3u * ROW_STRIDE, code, low.w);
        if ROW_SLOTS > 4u {
            write(row + 4u * ROW_STRIDE, code, high.x);
            write(row + 5u * ROW_STRIDE, code, high.y);
            write(row + 6u * ROW_STRIDE, code, high.z);
            write(row + 7u * ROW_STRIDE, code, high.w);
        }
    }
}

fn write(row: u32, code: u32, distance: f32) {
    if row < params.n {
        distances[row * params.k + code] = distance;
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
