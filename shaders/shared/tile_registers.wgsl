// The register tile: ROW_SLOTS rows of x against CODEWORD_SLOTS codewords, up to 8 x 8 running sums in one invocation.
//
// Values that belong to the rows travel as one mat2x4f: row slot i is component i % 4 of column i / 4. The
// steps are written out because an index known only at run time sends a private array to memory. Where there are four slots
// and not eight, the other four are computed with and never loaded, shared or written: compilers leave them out.
//
// These come from the host (`Tile` in src/engine/tile.rs):
//   WORKGROUP_ROWS    rows of x per workgroup
//   PANEL             codewords in a panel of the prepared codebook
//   DEPTH             dimension quads per step of the main loop
//   LANES             invocations that share the same rows; an invocation's lane is its number among them
//   ROW_SLOTS, CODEWORD_SLOTS    of an invocation: 4 or 8
//   PARTS             parts that sums over dimensions have, beside those of scores; whatever the lanes, a part is one lane's
//   STAGE             vec4u of workgroup memory, where the core has any
//
// The kernel, or a shared piece beside it, plugs in
//   fn accumulate(sum: mat2x4f, x: mat2x4f, c: f32) -> mat2x4f    one dimension of eight rows and one codeword
//   fn centre(quad: u32) -> vec4f                                 what four dimensions of every row are taken about

// The sums of codeword slots 0 to 7.
alias Tile = array<mat2x4f, 8>;
// Four dimensions of eight vectors.
alias Eight = array<vec4f, 8>;

// A score that no real codeword reaches: the half norm of padding, and where a search for the lowest starts.
const FAR: f32 = 3.0e38;

// Number of dimension quads, rounded up to a whole number of steps of the main loop.
fn padded_quads() -> u32 {
    return (params.d + 4u * DEPTH - 1u) / (4u * DEPTH) * DEPTH;
}

// Four dimensions of a row, zero where there is no such dimension.
fn within_row(x: vec4f, quad: u32) -> vec4f {
    return select(vec4f(), x, vec4u(4u * quad) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.d));
}

// tile[j] += accumulate over four dimensions, for each of the codewords.
fn tile_add(tile: Tile, rows: Eight, c: Eight) -> Tile {
    let low = transpose(mat4x4f(rows[0], rows[1], rows[2], rows[3]));
    let high = transpose(mat4x4f(rows[4], rows[5], rows[6], rows[7]));
    if CODEWORD_SLOTS == 4u {
        return Tile(
            add_codeword(tile[0], low, high, c[0]),
            add_codeword(tile[1], low, high, c[1]),
            add_codeword(tile[2], low, high, c[2]),
            add_codeword(tile[3], low, high, c[3]),
            tile[4], tile[5], tile[6], tile[7],
        );
    }
    return Tile(
        add_codeword(tile[0], low, high, c[0]),
        add_codeword(tile[1], low, high, c[1]),
        add_codeword(tile[2], low, high, c[2]),
        add_codeword(tile[3], low, high, c[3]),
        add_codeword(tile[4], low, high, c[4]),
        add_codeword(tile[5], low, high, c[5]),
        add_codeword(tile[6], low, high, c[6]),
        add_codeword(tile[7], low, high, c[7]),
    );
}

fn add_codeword(sum: mat2x4f, low: mat4x4f, high: mat4x4f, c: vec4f) -> mat2x4f {
    let first = accumulate(sum, mat2x4f(low[0], high[0]), c.x);
    let second = accumulate(first, mat2x4f(low[1], high[1]), c.y);
    let third = accumulate(second, mat2x4f(low[2], high[2]), c.z);
    return accumulate(third, mat2x4f(low[3], high[3]), c.w);
}

// A sum over dimensions is that of PARTS parts, in order: part p has quads p, p + PARTS and so on. The lanes take
// them LANES at a time, so that the order is the same however many lanes there are:
//
//   for (var parts = 0u; parts < PARTS; parts += LANES) {
//       for (var quad = first_quad(parts); quad < (params.d + 3u) / 4u; quad += PARTS) { own += ... }
//       sum = add_parts(sum, own);
//   }

// The first quad of this lane's part among those from `parts` on; none if there is no part for it.
fn first_quad(parts: u32) -> u32 {
    return select(0xffffffffu, parts + lane, parts + lane < PARTS);
}

// Adds what the lanes have of the row values to the sum.
fn add_parts(sum: mat2x4f, own: mat2x4f) -> mat2x4f {
    share(bitcast<vec4u>(own[0]), bitcast<vec4u>(own[1]));
    var all = sum;
    for (var other = 0u; other < min(LANES, PARTS); other++) {
        all += mat2x4f(bitcast<vec4f>(read_low(other)), bitcast<vec4f>(read_high(other)));
    }
    return all;
}
