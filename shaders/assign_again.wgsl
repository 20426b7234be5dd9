// assign_again: the second look of assign, at blocks of rows of which many are open: by sums of differences.
//
//   codes[i], distances[i]    as assign has them, without OPEN where the sums decide; unchanged where it is not set
//
// x (n, d) and codebook (k, d) are row-major. panels and half_norms come from prepare_codebook in the form RAW, open from
// assign, whose workgroups are the same (shared/open_rows.wgsl).
// Grid: one workgroup per WORKGROUP_ROWS rows; those with less than an eighth of their rows open return at once.
// Numbers: the rounding of a sum of squared differences is a share of it, however far the data lie from the origin or from one
// another. A row where another codeword may be as near stays open. src/certified/bounds.rs has the proof.

struct Params {
    n: u32,
    d: u32,
    k: u32,
    // Up to factor times the lowest sum, and what is lost below normal numbers, a sum may be that of a nearest codeword.
    factor: f32,
    underflow: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> codebook: array<f32>;
@group(0) @binding(3) var<storage, read> panels: array<vec4f>;
@group(0) @binding(4) var<storage, read> half_norms: array<f32>;
@group(0) @binding(5) var<storage, read> open: array<u32>;
@group(0) @binding(6) var<storage, read_write> codes: array<u32>;
@group(0) @binding(7) var<storage, read_write> distances: array<f32>;

// Nothing is taken about a mean.
const mean = array<vec4f, 1>(vec4f());

fn start(half_norm: f32) -> f32 {
    return half_norm;
}

// Whether all other codewords are farther, for all that rounding can hide.
fn is_nearest(least: vec4f, others: vec4f) -> vec4<bool> {
    let threshold = params.factor * least + params.underflow;
    return (others > threshold) & (threshold < vec4f(LARGEST));
}

fn finish(state: ptr<function, State>, row: u32) {
    let own = *state;
    lowest_over_lanes(state, params.k - 1u);
    let found = *state;
    let others = others_over_lanes(own, found);
    let apart = distances_to(row, found.low, found.high);
    if lane == 0u {
        let low = is_nearest(found.score[0], others[0]);
        let high = is_nearest(found.score[1], others[1]);
        write(row, found.low.x, apart[0].x, low.x);
        write(row + ROW_STRIDE, found.low.y, apart[0].y, low.y);
        write(row + 2u * ROW_STRIDE, found.low.z, apart[0].z, low.z);
        write(row + 3u * ROW_STRIDE, found.low.w, apart[0].w, low.w);
        write(row + 4u * ROW_STRIDE, found.high.x, apart[1].x, high.x);
        write(row + 5u * ROW_STRIDE, found.high.y, apart[1].y, high.y);
        write(row + 6u * ROW_STRIDE, found.high.z, apart[1].z, high.z);
        write(row + 7u * ROW_STRIDE, found.high.w, apart[1].w, high.w);
    }
}

fn write(row: u32, code: u32, distance: f32, decided: bool) {
    if row < params.n && decided && (codes[row] & OPEN) != 0u {
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
    let number = linear_workgroup(workgroup, grid);
    var opened = 0u;
    for (var entry = 0u; entry < ENTRIES && number * WORKGROUP_ROWS < params.n; entry++) {
        opened += countOneBits(open[number * ENTRIES + entry]);
    }
    if opened < WORKGROUP_ROWS / 8u {
        return;
    }
    run_tiles(number, local);
}
