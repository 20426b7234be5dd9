// The tiled core for GPUs: a workgroup meets WORKGROUP_ROWS rows of x with the codewords, as many at a time, through
// workgroup memory.
//
// LANES x LANES invocations stand over that tile; each holds an 8 x 8 register tile, rows `row + LANES i` and
// codewords `k + lane + LANES j`, so that neighbours touch neighbouring vectors: no bank conflicts. Each 32 consecutive
// invocations form a patch of 4 x 8, which reads the fewest distinct vectors; in it, one neighbour has the same rows and the
// next but one the same codewords, so that half as many loads go through workgroup memory one by one. DEPTH quads of
// dimensions are staged at a time, as many as give each invocation one quad of a row and one of a codeword to bring, and the
// next ones are on their way in registers meanwhile.
//
// The kernel plugs in, besides what tile_registers.wgsl names,
//   struct State                                                  what an invocation keeps of its eight rows
//   fn begin(row: u32) -> State
//   fn absorb(state: ptr<function, State>, tile: Tile, row: u32, k: u32)    a finished tile, k ascending
//   fn finish(state: ptr<function, State>, row: u32)
// All invocations of a workgroup call them together: they may use barriers. Row slot i is
// `row + ROW_STRIDE i`, which may lie past the rows there are (shared/every_row.wgsl); codeword slot j is `k + lane + CODEWORD_STRIDE j`, which may lie past k.

// WORKGROUP_ROWS (rows of x per workgroup), ROW_STRIDE (from one row slot to the next), PANEL (codewords in a panel of the prepared codebook), DEPTH (dimension quads
// per step of the main loop) and LANES (invocations that share the same rows: an invocation's lane is its number among
// them) come from the host: `Tile` in src/kernels/tile.rs.

// Invocations in a workgroup.
const WORKGROUP_SIZE: u32 = LANES * LANES;
// From one codeword slot to the next.
const CODEWORD_STRIDE: u32 = LANES;

// Each invocation has eight rows and eight codewords, and brings one quad of each.
const_assert WORKGROUP_ROWS == 8u * LANES && PANEL == 8u * LANES && LANES == 8u * DEPTH && DEPTH <= 2u;

var<private> lane: u32;
// Which of the LANES groups of rows.
var<private> group: u32;
// [quad][row of x], then [quad][codeword]; between tiles, what lanes share. Holds the bits of f32.
var<workgroup> stage: array<vec4u, 2 * WORKGROUP_SIZE>;

// Shows eight row values to the lanes of the same rows.
fn share(low: vec4u, high: vec4u) {
    workgroupBarrier();
    stage[lane * LANES + group] = low;
    stage[WORKGROUP_SIZE + lane * LANES + group] = high;
    workgroupBarrier();
}

// What `other` shared of row slots 0 to 3.
fn read_low(other: u32) -> vec4u {
    return stage[other * LANES + group];
}

// What `other` shared of row slots 4 to 7.
fn read_high(other: u32) -> vec4u {
    return stage[WORKGROUP_SIZE + other * LANES + group];
}

// What `other` shared of one row slot.
fn read_slot(other: u32, slot: u32) -> u32 {
    return stage[slot / 4u * WORKGROUP_SIZE + other * LANES + group][slot % 4u];
}

fn staged(at: u32) -> Eight {
    return Eight(
        bitcast<vec4f>(stage[at]),
        bitcast<vec4f>(stage[at + LANES]),
        bitcast<vec4f>(stage[at + 2u * LANES]),
        bitcast<vec4f>(stage[at + 3u * LANES]),
        bitcast<vec4f>(stage[at + 4u * LANES]),
        bitcast<vec4f>(stage[at + 5u * LANES]),
        bitcast<vec4f>(stage[at + 6u * LANES]),
        bitcast<vec4f>(stage[at + 7u * LANES]),
    );
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

    // This invocation stages one quad of one row, and one of one codeword: panels hold them in staging order.
    let load_row = row_in(workgroup * WORKGROUP_ROWS + local / DEPTH);
    let load_quad = local % DEPTH;
    let slot = load_quad * WORKGROUP_ROWS + local / DEPTH;
    var next_x = x_quad(load_row, load_quad);
    var next_centre = centre(load_quad);
    var next_c = panels[local];

    var state = begin(row);
    var step = 0u;
    for (var k = 0u; k < params.k; k += PANEL) {
        var tile = Tile();
        for (var quad = 0u; quad < quads; quad += DEPTH) {
            workgroupBarrier();
            stage[slot] = bitcast<vec4u>(within_row(next_x - next_centre, quad + load_quad));
            stage[WORKGROUP_SIZE + local] = bitcast<vec4u>(next_c);
            workgroupBarrier();
            step += 1u;
            let next_quad = select(quad + DEPTH, 0u, quad + DEPTH >= quads) + load_quad;
            next_x = x_quad(load_row, next_quad);
            next_centre = centre(next_quad);
            next_c = panels[min(step, steps - 1u) * WORKGROUP_SIZE + local];
            tile = tile_add(tile, staged(group), staged(WORKGROUP_SIZE + lane));
            if DEPTH > 1u {
                tile = tile_add(tile, staged(WORKGROUP_ROWS + group), staged(WORKGROUP_SIZE + PANEL + lane));
            }
        }
        absorb(&state, tile, row, k);
    }
    finish(&state, row);
}
