// The register tile: 8 rows of x against 8 codewords, 64 running sums in one invocation.
//
// Values that belong to the eight rows travel as one mat2x4f: row slot i is component i % 4 of column i / 4. The
// steps are written out because an index known only at run time sends a private array to memory.
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

// tile[j] += accumulate over four dimensions, for each of the eight codewords.
fn tile_add(tile: Tile, rows: Eight, c: Eight) -> Tile {
    let low = transpose(mat4x4f(rows[0], rows[1], rows[2], rows[3]));
    let high = transpose(mat4x4f(rows[4], rows[5], rows[6], rows[7]));
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

// The sums of eight row values over the lanes of those rows, in order of lane.
fn sum_over_lanes(part: mat2x4f) -> mat2x4f {
    share(bitcast<vec4u>(part[0]), bitcast<vec4u>(part[1]));
    var sum = mat2x4f();
    for (var other = 0u; other < LANES; other++) {
        sum += mat2x4f(bitcast<vec4f>(read_low(other)), bitcast<vec4f>(read_high(other)));
    }
    return sum;
}
