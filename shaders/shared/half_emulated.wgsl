// Products of blocks without a matrix unit, and without f16: a lane has half a row of sums.

alias Quad = vec2u;
// The lane's row: 16 dimensions.
alias Rows = mat4x4f;
// Where the codewords are staged.
alias Codewords = u32;
alias Sums = mat2x4f;

fn staged_quad(at: u32) -> vec4f {
    let quad = stage[at];
    return vec4f(unpack2x16float(quad.x), unpack2x16float(quad.y));
}

fn load_rows(at: u32) -> Rows {
    let own = at + lane % 16u * STRIDE;
    return mat4x4f(staged_quad(own), staged_quad(own + 1u), staged_quad(own + 2u), staged_quad(own + 3u));
}

fn load_codewords(at: u32) -> Codewords {
    return at;
}

fn product(row: Rows, at: u32) -> f32 {
    let low = dot(row[0], staged_quad(at)) + dot(row[1], staged_quad(at + 1u));
    return low + (dot(row[2], staged_quad(at + 2u)) + dot(row[3], staged_quad(at + 3u)));
}

fn four_products(row: Rows, at: u32) -> vec4f {
    return vec4f(
        product(row, at),
        product(row, at + STRIDE),
        product(row, at + 2u * STRIDE),
        product(row, at + 3u * STRIDE),
    );
}

fn add_products(rows: Rows, codewords: Codewords, sums: Sums) -> Sums {
    let own = codewords + lane / 16u * 8u * STRIDE;
    return sums + mat2x4f(four_products(rows, own), four_products(rows, own + 4u * STRIDE));
}

fn show(sums: Sums, at: u32) {
    let own = part_of_patch(at);
    patches[own] = sums[0];
    patches[own + 1u] = sums[1];
}
