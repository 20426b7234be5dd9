// assign_again: the second look of assign, at the rows that its scores left: by sums of differences.
//
//   codes[i], distances[i]    as assign has them, for the rows that are listed
//   left                      = the rows that assign_exactly has to look at (shared/left_rows.wgsl)
//
// x (n, d) and codebook (k, d) are row-major. panels and half_norms come from prepare_codebook in the form RAW, listed from
// assign (shared/listed_rows.wgsl).
// Grid: one workgroup per WORKGROUP_ROWS rows of the list.
// Numbers: the rounding of a sum of squared differences is a share of it, however far the data lie from the origin or from one
// another. A row where another codeword may be as near is left. src/certified/bounds.rs has the proof.

struct Params {
    n: u32,
    d: u32,
    k: u32,
    // Up to factor times the lowest sum, and what is lost below normal numbers, a sum may be that of a nearest codeword.
    factor: f32,
    underflow: f32,
    // Rows that a workgroup of assign_exactly takes.
    exact_rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> codebook: array<f32>;
@group(0) @binding(3) var<storage, read> panels: array<vec4f>;
@group(0) @binding(4) var<storage, read> half_norms: array<f32>;
@group(0) @binding(5) var<storage, read> listed: ListedRows;
@group(0) @binding(6) var<storage, read_write> codes: array<u32>;
@group(0) @binding(7) var<storage, read_write> distances: array<f32>;
@group(0) @binding(8) var<storage, read_write> left: LeftRows;

// Nothing is taken about a mean.
const mean = array<vec4f, 1>(vec4f());

fn start(half_norm: f32) -> f32 {
    return half_norm;
}

// Whether all other codewords are farther, for all that rounding can hide.
fn is_nearest(least: vec4f, others: vec4f) -> vec4<bool> {
    let threshold = params.factor * least + params.underflow;
    return (others > threshold) & (threshold < vec4f(TRUSTED));
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
        write_each(row, found, apart, low, high);
    }
}

fn write(slot: u32, code: u32, distance: f32, is_nearest: bool) {
    if slot < listed.count {
        let row = row_in(slot);
        codes[row] = code;
        distances[row] = distance;
        if !is_nearest {
            leave(row, params.exact_rows);
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
