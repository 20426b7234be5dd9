// The tiled core for GPUs: a workgroup meets 128 rows of x with the codewords, 128 at a time, through workgroup
// memory.
//
// 256 invocations stand as 16 x 16 over that tile; each holds an 8 x 8 register tile, rows `row + 16 i` and
// codewords `k + lane + 16 j`, so that neighbours touch neighbouring vectors: no bank conflicts. Each 32 consecutive
// invocations form a patch of 4 x 8, which reads the fewest distinct vectors; in it, one neighbour has the same rows and the
// next but one the same codewords, so that half as many loads go through workgroup memory one by one. Eight dimensions
// are staged at a time, and the next eight are on their way in registers meanwhile.
//
// The kernel plugs in, besides what tile_registers.wgsl names,
//   struct State                                                  what an invocation keeps of its eight rows
//   fn begin(row: u32) -> State
//   fn absorb(state: ptr<function, State>, tile: Tile, row: u32, k: u32)    a finished tile, k ascending
//   fn finish(state: ptr<function, State>, row: u32)
// All invocations of a workgroup call them together: they may use barriers. Row slot i is row
// `row + ROW_STRIDE i`, which may lie past n; codeword slot j is `k + lane + CODEWORD_STRIDE j`, which may lie past k.

// WORKGROUP_ROWS (rows of x per workgroup), PANEL (codewords in a panel of the prepared codebook), DEPTH (dimension quads
// per step of the main loop) and LANES (invocations that share the same rows: an invocation's lane is its number among
// them) come from the host: `Tile` in src/kernels/tile.rs.

// Invocations in a workgroup.
const WORKGROUP_SIZE: u32 = 256u;
// From one row slot to the next.
const ROW_STRIDE: u32 = 16u;
// From one codeword slot to the next.
const CODEWORD_STRIDE: u32 = 16u;

var<private> lane: u32;
// Which of the 16 groups of rows.
var<private> group: u32;
// [2 quads][128 rows of x], then [2 quads][128 codewords]; between tiles, what lanes share. Holds the bits of f32.
var<workgroup> stage: array<vec4u, 512>;

// Shows eight row values to the lanes of the same rows.
fn share(low: vec4u, high: vec4u) {
    workgroupBarrier();
    stage[lane * 16u + group] = low;
    stage[256u + lane * 16u + group] = high;
    workgroupBarrier();
}

// What `other` shared of row slots 0 to 3.
fn read_low(other: u32) -> vec4u {
    return stage[other * 16u + group];
}

// What `other` shared of row slots 4 to 7.
fn read_high(other: u32) -> vec4u {
    return stage[256u + other * 16u + group];
}

// What `other` shared of one row slot.
fn read_slot(other: u32, slot: u32) -> u32 {
    return stage[slot / 4u * 256u + other * 16u + group][slot % 4u];
}

fn staged(at: u32) -> Eight {
    return Eight(
        bitcast<vec4f>(stage[at]),
        bitcast<vec4f>(stage[at + 16u]),
        bitcast<vec4f>(stage[at + 32u]),
        bitcast<vec4f>(stage[at + 48u]),
        bitcast<vec4f>(stage[at + 64u]),
        bitcast<vec4f>(stage[at + 80u]),
        bitcast<vec4f>(stage[at + 96u]),
        bitcast<vec4f>(stage[at + 112u]),
    );
}

fn run_tiles(workgroup: u32, local: u32) {
    if workgroup * WORKGROUP_ROWS >= params.n {
        return;
    }
    lane = (local & 1u) | ((local >> 1u) & 2u) | ((local >> 2u) & 12u);
    group = ((local >> 1u) & 1u) | ((local >> 2u) & 2u) | ((local >> 4u) & 12u);
    let row = workgroup * WORKGROUP_ROWS + group;
    let quads = padded_quads();
    let steps = (params.k + PANEL - 1u) / PANEL * quads / DEPTH;

    // This invocation stages one quad of one row, and one of one codeword: panels hold them in staging order.
    let load_row = min(workgroup * WORKGROUP_ROWS + local / 2u, params.n - 1u);
    let load_quad = local % 2u;
    let slot = load_quad * WORKGROUP_ROWS + local / 2u;
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
            stage[256u + local] = bitcast<vec4u>(next_c);
            workgroupBarrier();
            step += 1u;
            let next_quad = select(quad + DEPTH, 0u, quad + DEPTH >= quads) + load_quad;
            next_x = x_quad(load_row, next_quad);
            next_centre = centre(next_quad);
            next_c = panels[min(step, steps - 1u) * 256u + local];
            tile = tile_add(tile, staged(group), staged(256u + lane));
            tile = tile_add(tile, staged(128u + group), staged(384u + lane));
        }
        absorb(&state, tile, row, k);
    }
    finish(&state, row);
}
