// The tiled core for GPUs: a workgroup meets WORKGROUP_ROWS rows of x with the codewords, as many at a time, through
// workgroup memory.
//
// GROUPS x LANES invocations stand over that tile; each holds a register tile, rows `row + GROUPS i` and
// codewords `k + lane + LANES j`, so that neighbours touch neighbouring vectors: no bank conflicts. Each 32 consecutive
// invocations form a patch of 4 x 8, which reads the fewest distinct vectors; in it, one neighbour has the same rows and the
// next but one the same codewords, so that half as many loads go through workgroup memory one by one. DEPTH quads of
// dimensions are staged at a time, as many as leave each invocation no more than one quad of a row and one of a codeword to
// bring, and the next ones are on their way in registers meanwhile.
//
// The kernel plugs in, besides what tile_registers.wgsl names,
//   struct State                                                  what an invocation keeps of its rows
//   fn begin(row: u32) -> State
//   fn absorb(state: ptr<function, State>, tile: Tile, row: u32, k: u32)    a finished tile, k ascending
//   fn finish(state: ptr<function, State>, row: u32)
// All invocations of a workgroup call them together: they may use barriers. Row slot i is
// `row + ROW_STRIDE i`, which may lie past the rows there are (shared/every_row.wgsl); codeword slot j is `k + lane + CODEWORD_STRIDE j`, which may lie past k.

// The sizes that tile_registers.wgsl names come from the host.

// Groups of rows, of which an invocation has one.
const GROUPS: u32 = WORKGROUP_ROWS / ROW_SLOTS;
// Invocations in a workgroup.
const WORKGROUP_SIZE: u32 = GROUPS * LANES;
// From one row slot to the next, and from one codeword slot.
const ROW_STRIDE: u32 = GROUPS;
const CODEWORD_STRIDE: u32 = LANES;
// Quads that are staged at a time.
const ROW_QUADS: u32 = WORKGROUP_ROWS * DEPTH;
const CODEWORD_QUADS: u32 = PANEL * DEPTH;

const_assert PANEL == CODEWORD_SLOTS * LANES && LANES % 8u == 0u && GROUPS % 4u == 0u;
const_assert ROW_QUADS <= WORKGROUP_SIZE && CODEWORD_QUADS <= WORKGROUP_SIZE && DEPTH != 3u && DEPTH <= 4u;
const_assert ROW_QUADS + CODEWORD_QUADS <= STAGE && ROW_SLOTS / 4u * WORKGROUP_SIZE <= STAGE;
const_assert LANES % PARTS == 0u || PARTS % LANES == 0u;

var<private> lane: u32;
// Which of the groups of rows.
var<private> group: u32;
// [quad][row of x], then [quad][codeword]; between tiles, what lanes share. Holds the bits of f32.
var<workgroup> stage: array<vec4u, STAGE>;

// Shows row values to the lanes of the same rows.
fn share(low: vec4u, high: vec4u) {
    workgroupBarrier();
    stage[lane * GROUPS + group] = low;
    if ROW_SLOTS > 4u {
        stage[WORKGROUP_SIZE + lane * GROUPS + group] = high;
    }
    workgroupBarrier();
}

// What `other` shared of row slots 0 to 3.
fn read_low(other: u32) -> vec4u {
    return stage[other * GROUPS + group];
}

// What `other` shared of row slots 4 to 7.
fn read_high(other: u32) -> vec4u {
    if ROW_SLOTS > 4u {
        return stage[WORKGROUP_SIZE + other * GROUPS + group];
    }
    return vec4u();
}

// What `other` shared of one row slot.
fn read_slot(other: u32, slot: u32) -> u32 {
    return stage[slot / 4u * WORKGROUP_SIZE + other * GROUPS + group][slot % 4u];
}

// The quads of `slots` vectors, from `at` on.
fn staged(at: u32, stride: u32, slots: u32) -> Eight {
    if slots == 4u {
        return Eight(
            bitcast<vec4f>(stage[at]),
            bitcast<vec4f>(stage[at + stride]),
            bitcast<vec4f>(stage[at + 2u * stride]),
            bitcast<vec4f>(stage[at + 3u * stride]),
            vec4f(), vec4f(), vec4f(), vec4f(),
        );
    }
    return Eight(
        bitcast<vec4f>(stage[at]),
        bitcast<vec4f>(stage[at + stride]),
        bitcast<vec4f>(stage[at + 2u * stride]),
        bitcast<vec4f>(stage[at + 3u * stride]),
        bitcast<vec4f>(stage[at + 4u * stride]),
        bitcast<vec4f>(stage[at + 5u * stride]),
        bitcast<vec4f>(stage[at + 6u * stride]),
        bitcast<vec4f>(stage[at + 7u * stride]),
    );
}

// Adds the staged quad `quad` of rows and codewords.
fn add_staged(tile: Tile, quad: u32) -> Tile {
    let rows = staged(quad * WORKGROUP_ROWS + group, GROUPS, ROW_SLOTS);
    return tile_add(tile, rows, staged(ROW_QUADS + quad * PANEL + lane, LANES, CODEWORD_SLOTS));
}

fn run_tiles(workgroup: u32, local: u32) {
    if workgroup * WORKGROUP_ROWS >= row_count() {
        return;
    }
    // Squares of 4 x 4, of which two make a patch of 4 x 8.
    let square = local / 16u;
    lane = (local & 1u) | ((local >> 1u) & 2u) | (square % (LANES / 4u) * 4u);
    group = ((local >> 1u) & 1u) | ((local >> 2u) & 2u) | (square / (LANES / 4u) * 4u);
    let row = workgroup * WORKGROUP_ROWS + group;
    let quads = padded_quads();
    let steps = (params.k + PANEL - 1u) / PANEL * quads / DEPTH;

    // This invocation stages one quad of one row, and one of one codeword: panels hold them in staging order. Where there
    // are fewer quads than invocations, the last ones load what another stages.
    let brings_row = ROW_QUADS == WORKGROUP_SIZE || local < ROW_QUADS;
    let brings_codeword = CODEWORD_QUADS == WORKGROUP_SIZE || local < CODEWORD_QUADS;
    let load = min(local, ROW_QUADS - 1u);
    let load_row = row_in(workgroup * WORKGROUP_ROWS + load / DEPTH);
    let load_quad = load % DEPTH;
    let slot = load_quad * WORKGROUP_ROWS + load / DEPTH;
    let load_codeword = min(local, CODEWORD_QUADS - 1u);
    var next_x = x_quad(load_row, load_quad);
    var next_centre = centre(load_quad);
    var next_c = panels[load_codeword];

    var state = begin(row);
    var step = 0u;
    for (var k = 0u; k < params.k; k += PANEL) {
        var tile = Tile();
        for (var quad = 0u; quad < quads; quad += DEPTH) {
            workgroupBarrier();
            if brings_row {
                stage[slot] = bitcast<vec4u>(within_row(next_x - next_centre, quad + load_quad));
            }
            if brings_codeword {
                stage[ROW_QUADS + local] = bitcast<vec4u>(next_c);
            }
            workgroupBarrier();
            step += 1u;
            let next_quad = select(quad + DEPTH, 0u, quad + DEPTH >= quads) + load_quad;
            next_x = x_quad(load_row, next_quad);
            next_centre = centre(next_quad);
            next_c = panels[min(step, steps - 1u) * CODEWORD_QUADS + load_codeword];
            tile = add_staged(tile, 0u);
            if DEPTH > 1u {
                tile = add_staged(tile, 1u);
            }
            if DEPTH > 2u {
                tile = add_staged(tile, 2u);
                tile = add_staged(tile, 3u);
            }
        }
        absorb(&state, tile, row, k);
    }
    finish(&state, row);
}
