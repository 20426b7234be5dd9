// assign: the nearest codeword of every vector, fused: no (n, k) matrix is written.
//
//   codes[i]     = argmin_j score(x_i, c_j)     (n) u32; the score per metric is in shared/tile_score.wgsl
//   distances[i] = distance(x_i, c_codes[i])    (n) f32; from the original vectors, shared/tile_distance.wgsl
//   left         = the rows that assign_again has to look at (shared/left_rows.wgsl)
//
// x (n, d) and codebook (k, d) are row-major. panels, half_norms and mean come from prepare_codebook.
// Grid: one workgroup per WORKGROUP_ROWS rows (shared/tile_direct.wgsl or shared/tile_staged.wgsl).
// Ties: the lowest index, across codeword slots, tiles and lanes.
// Numbers: where another codeword may be as near as the one of the lowest score, for all that rounding can hide, a row
// is left, by squared L2, to assign_again. src/certified/bounds.rs has the proof. By the other metrics, of two codewords closer than the rounding of their scores, either may win. The result for a row depends
// on that row and the codebook alone. Where every score overflows, code 0.

struct Params {
    n: u32,
    d: u32,
    k: u32,
    // a(c) over the half norm of c, r(x) over that of x, and what r has beside.
    codeword_share: f32,
    row_share: f32,
    constant: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> codebook: array<f32>;
@group(0) @binding(3) var<storage, read> panels: array<vec4f>;
@group(0) @binding(4) var<storage, read> half_norms: array<f32>;
@group(0) @binding(5) var<storage, read> mean: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> codes: array<u32>;
@group(0) @binding(7) var<storage, read_write> distances: array<f32>;
@group(0) @binding(8) var<storage, read_write> left: LeftRows;

// Twice the largest share of a result by which an operation rounds it.
const ROUNDED: f32 = 0x1p-23f;

// What is below the score, of all that rounding may make of it, begins lower by the codeword's part of the bound.
fn start(half_norm: f32) -> f32 {
    if METRIC != SQUARED_L2 {
        return half_norm;
    }
    return select(half_norm - params.codeword_share * half_norm, half_norm, half_norm >= FAR);
}

// Whether a codeword that is not the nearest by its score, `least`, may be as near.
fn may_be_others(least: vec4f, others: vec4f, half_norm: vec4f, distance: vec4f) -> vec4<bool> {
    if METRIC != SQUARED_L2 {
        return vec4<bool>();
    }
    let rounded = 2.0 * params.row_share * (distance + abs(least) + params.constant);
    let row = (1.0 + 4.0 * params.row_share) * max(0.5 * distance - least, vec4f()) + rounded;
    let apart = 2.0 * (params.codeword_share * half_norm + params.row_share * row + params.constant);
    let threshold = least + (apart + ROUNDED * (abs(least) + apart));
    // What is no number may be anything.
    return !((others > threshold) & (max(row, half_norm) < vec4f(TRUSTED)));
}

fn finish(state: ptr<function, State>, row: u32) {
    let own = *state;
    lowest_over_lanes(state, params.k - 1u);
    let found = *state;
    let others = others_over_lanes(own, found);
    let apart = distances_to(row, found.low, found.high);
    if lane == 0u {
        let low = may_be_others(found.score[0], others[0], half_norms_of(found.low), apart[0]);
        let high = may_be_others(found.score[1], others[1], half_norms_of(found.high), apart[1]);
        write_each(row, found, apart, low, high);
    }
}

fn half_norms_of(code: vec4u) -> vec4f {
    return vec4f(half_norms[code.x], half_norms[code.y], half_norms[code.z], half_norms[code.w]);
}

fn write(row: u32, code: u32, distance: f32, may_be_another: bool) {
    if row < params.n {
        codes[row] = code;
        distances[row] = distance;
        if may_be_another {
            leave(row, WORKGROUP_ROWS);
        }
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
