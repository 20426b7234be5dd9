// What assign and assign_again do with finished tiles: keep the lowest score of each row, and the lowest of the others.

alias State = Lowest;

fn begin(row: u32) -> State {
    return no_candidate();
}

fn absorb(state: ptr<function, State>, tile: Tile, row: u32, k: u32) {
    let first = k + lane;
    meet(state, tile[0], first);
    meet(state, tile[1], first + CODEWORD_STRIDE);
    meet(state, tile[2], first + 2u * CODEWORD_STRIDE);
    meet(state, tile[3], first + 3u * CODEWORD_STRIDE);
    if CODEWORD_SLOTS > 4u {
        meet(state, tile[4], first + 4u * CODEWORD_STRIDE);
        meet(state, tile[5], first + 5u * CODEWORD_STRIDE);
        meet(state, tile[6], first + 6u * CODEWORD_STRIDE);
        meet(state, tile[7], first + 7u * CODEWORD_STRIDE);
    }
}

fn meet(state: ptr<function, State>, sum: mat2x4f, code: u32) {
    consider(state, score(sum, start(half_norms[code])), code);
}

// Has the kernel's `write` take what was found of each of the rows: the codeword, its distance, and a verdict on it.
fn write_each(row: u32, found: Lowest, apart: mat2x4f, low: vec4<bool>, high: vec4<bool>) {
    write(row, found.low.x, apart[0].x, low.x);
    write(row + ROW_STRIDE, found.low.y, apart[0].y, low.y);
    write(row + 2u * ROW_STRIDE, found.low.z, apart[0].z, low.z);
    write(row + 3u * ROW_STRIDE, found.low.w, apart[0].w, low.w);
    if ROW_SLOTS > 4u {
        write(row + 4u * ROW_STRIDE, found.high.x, apart[1].x, high.x);
        write(row + 5u * ROW_STRIDE, found.high.y, apart[1].y, high.y);
        write(row + 6u * ROW_STRIDE, found.high.z, apart[1].z, high.z);
        write(row + 7u * ROW_STRIDE, found.high.w, apart[1].w, high.w);
    }
}
