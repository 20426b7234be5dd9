// The tiled core for software drivers, where a barrier costs more than it saves: registers only.
//
// Each invocation owns 16 rows and meets the codewords 16 at a time: 2 x 2 register tiles, so that every vector
// loaded is used 16 times. tile_staged.wgsl has the same interface for GPUs and describes what a kernel plugs in.
// llvmpipe ends every loop of an invocation that has made 65,535 loop iterations in all, without a word: the host must
// take tile_staged.wgsl where (k / 16) (d / 4 + 1) comes near that.

// The sizes that tile_registers.wgsl names come from the host.

// Invocations in a workgroup.
const WORKGROUP_SIZE: u32 = 16u;
// From one row slot to the next, and from one codeword slot.
const ROW_STRIDE: u32 = 1u;
const CODEWORD_STRIDE: u32 = 1u;

const_assert WORKGROUP_ROWS == 16u * WORKGROUP_SIZE && PANEL == 16u && ROW_SLOTS == 8u && CODEWORD_SLOTS == 8u;
const_assert LANES == 1u && DEPTH == 1u;

const lane: u32 = 0u;
var<private> shared_low: vec4u;
var<private> shared_high: vec4u;

// Shows eight row values to the lanes of the same rows.
fn share(low: vec4u, high: vec4u) {
    shared_low = low;
    shared_high = high;
}

// What `other` shared of row slots 0 to 3.
fn read_low(other: u32) -> vec4u {
    return shared_low;
}

// What `other` shared of row slots 4 to 7.
fn read_high(other: u32) -> vec4u {
    return shared_high;
}

fn load_row(row: u32, quad: u32, about: vec4f) -> vec4f {
    return within_row(x_quad(row, quad) - about, quad);
}

// The rows of four slots.
fn rows_in(slot: u32) -> vec4u {
    return vec4u(row_in(slot), row_in(slot + 1u), row_in(slot + 2u), row_in(slot + 3u));
}

fn load_rows(low: vec4u, high: vec4u, quad: u32, about: vec4f) -> Eight {
    return Eight(
        load_row(low.x, quad, about),
        load_row(low.y, quad, about),
        load_row(low.z, quad, about),
        load_row(low.w, quad, about),
        load_row(high.x, quad, about),
        load_row(high.y, quad, about),
        load_row(high.z, quad, about),
        load_row(high.w, quad, about),
    );
}

fn load_codewords(at: u32) -> Eight {
    return Eight(
        panels[at], panels[at + 1u], panels[at + 2u], panels[at + 3u],
        panels[at + 4u], panels[at + 5u], panels[at + 6u], panels[at + 7u],
    );
}

fn run_tiles(workgroup: u32, local: u32) {
    if workgroup * WORKGROUP_ROWS >= row_count() {
        return;
    }
    let row = workgroup * WORKGROUP_ROWS + local * 16u;
    let quads = padded_quads();
    let rows = array<vec4u, 4>(rows_in(row), rows_in(row + 4u), rows_in(row + 8u), rows_in(row + 12u));
    var upper = begin(row);
    var lower = begin(row + 8u);
    var at = 0u;
    for (var k = 0u; k < params.k; k += PANEL) {
        var upper_left = Tile();
        var upper_right = Tile();
        var lower_left = Tile();
        var lower_right = Tile();
        for (var quad = 0u; quad < quads; quad++) {
            let left = load_codewords(at);
            let right = load_codewords(at + 8u);
            at += PANEL;
            let about = centre(quad);
            let upper_rows = load_rows(rows[0], rows[1], quad, about);
            upper_left = tile_add(upper_left, upper_rows, left);
            upper_right = tile_add(upper_right, upper_rows, right);
            let lower_rows = load_rows(rows[2], rows[3], quad, about);
            lower_left = tile_add(lower_left, lower_rows, left);
            lower_right = tile_add(lower_right, lower_rows, right);
        }
        absorb(&upper, upper_left, row, k);
        absorb(&upper, upper_right, row, k + 8u);
        absorb(&lower, lower_left, row + 8u, k);
        absorb(&lower, lower_right, row + 8u, k + 8u);
    }
    finish(&upper, row);
    finish(&lower, row + 8u);
}
