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
    meet(state, tile[4], first + 4u * CODEWORD_STRIDE);
    meet(state, tile[5], first + 5u * CODEWORD_STRIDE);
    meet(state, tile[6], first + 6u * CODEWORD_STRIDE);
    meet(state, tile[7], first + 7u * CODEWORD_STRIDE);
}

fn meet(state: ptr<function, State>, sum: mat2x4f, code: u32) {
    consider(state, score(sum, start(half_norms[code])), code);
}
