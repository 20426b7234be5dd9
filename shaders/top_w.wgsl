// top_w: the W nearest codewords of every vector, nearest first.
//
//   codes[i, p]     = the codeword with the p-th lowest score(x_i, c_j)    (n, W) u32; shared/tile_score.wgsl
//   distances[i, p] = distance(x_i, c_codes[i, p])                         (n, W) f32; shared/tile_distance.wgsl
//
// x (n, d) and codebook (k, d) are row-major. panels, half_norms and mean come from prepare_codebook.
// The host prepends `const W: u32`, 1 <= W <= k: the length of the sorted lists, which are private arrays.
// Grid: one workgroup per WORKGROUP_ROWS rows, always shared/tile_staged.wgsl.
// The list of row slot i belongs to lane i. The lanes show each other their scores, and the owner inserts those below
// its list's last.
// Ties: the lowest index first; scores reach a list in ascending order of codeword.
// Numbers: as for assign; the order is that of the scores, which the recomputed distances follow up to rounding.

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

// The list of the row that this lane owns, ascending; unused in lanes ROW_SLOTS and above.
struct State {
    scores: array<f32, W>,
    codes: array<u32, W>,
}

fn begin(row: u32) -> State {
    var state = State();
    for (var i = 0u; i < W; i++) {
        state.scores[i] = FAR;
    }
    return state;
}

fn absorb(state: ptr<function, State>, tile: Tile, row: u32, k: u32) {
    offer(state, tile[0], k);
    offer(state, tile[1], k + CODEWORD_STRIDE);
    offer(state, tile[2], k + 2u * CODEWORD_STRIDE);
    offer(state, tile[3], k + 3u * CODEWORD_STRIDE);
    if CODEWORD_SLOTS > 4u {
        offer(state, tile[4], k + 4u * CODEWORD_STRIDE);
        offer(state, tile[5], k + 5u * CODEWORD_STRIDE);
        offer(state, tile[6], k + 6u * CODEWORD_STRIDE);
        offer(state, tile[7], k + 7u * CODEWORD_STRIDE);
    }
}

// Shows the lanes' scores for codewords `first + lane`, and inserts them.
fn offer(state: ptr<function, State>, sum: mat2x4f, first: u32) {
    let scores = score(sum, half_norms[first + lane]);
    share(bitcast<vec4u>(scores[0]), bitcast<vec4u>(scores[1]));
    if lane < ROW_SLOTS {
        for (var other = 0u; other < LANES; other++) {
            let candidate = bitcast<f32>(read_slot(other, lane));
            if candidate < (*state).scores[W - 1u] {
                insert(state, candidate, first + other);
            }
        }
    }
}

// Moves what is above the candidate up by one, in fours while it can, and puts the candidate below.
fn insert(state: ptr<function, State>, candidate: f32, code: u32) {
    var at = W - 1u;
    while at >= 4u && candidate < (*state).scores[at - 4u] {
        move_up(state, at);
        move_up(state, at - 1u);
        move_up(state, at - 2u);
        move_up(state, at - 3u);
        at -= 4u;
    }
    while at > 0u && candidate < (*state).scores[at - 1u] {
        move_up(state, at);
        at -= 1u;
    }
    (*state).scores[at] = candidate;
    (*state).codes[at] = code;
}

fn move_up(state: ptr<function, State>, at: u32) {
    (*state).scores[at] = (*state).scores[at - 1u];
    (*state).codes[at] = (*state).codes[at - 1u];
}

fn finish(state: ptr<function, State>, row: u32) {
    for (var p = 0u; p < W; p++) {
        // Owners show entry p of their rows, and all lanes compute its distances together.
        // Padding never enters a list, unless a compiler that knows no NaN lets the score of one pass.
        let code = vec4u(min((*state).codes[p], params.k - 1u));
        share(
            select(vec4u(), code, vec4u(0u, 1u, 2u, 3u) == vec4u(lane)),
            select(vec4u(), code, vec4u(4u, 5u, 6u, 7u) == vec4u(lane)),
        );
        var low = vec4u();
        var high = vec4u();
        for (var other = 0u; other < LANES; other++) {
            low = max(low, read_low(other));
            high = max(high, read_high(other));
        }
        let found = distances_to(row, low, high);
        if lane == 0u {
            write(row, p, low.x, found[0].x);
            write(row + ROW_STRIDE, p, low.y, found[0].y);
            write(row + 2u * ROW_STRIDE, p, low.z, found[0].z);
            write(row + 3u * ROW_STRIDE, p, low.w, found[0].w);
            if ROW_SLOTS > 4u {
                write(row + 4u * ROW_STRIDE, p, high.x, found[1].x);
                write(row + 5u * ROW_STRIDE, p, high.y, found[1].y);
                write(row + 6u * ROW_STRIDE, p, high.z, found[1].z);
                write(row + 7u * ROW_STRIDE, p, high.w, found[1].w);
            }
        }
    }
}

fn write(row: u32, p: u32, code: u32, distance: f32) {
    if row < params.n {
        codes[row * W + p] = code;
        distances[row * W + p] = distance;
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
