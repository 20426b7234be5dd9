// The lattices' numbers, and the block of an invocation.
const Z: u32 = 0u;
const A2: u32 = 1u;
const D: u32 = 2u;
const E8: u32 = 3u;
const LEECH24: u32 = 4u;
override LATTICE: u32 = Z;

// The vector, and the first column of the block.
var<private> vector: u32;
var<private> first: u32;

// Sets them for invocation `at`; false past the last block.
fn find_block(at: u32) -> bool {
    let blocks = params.columns / params.dim;
    vector = at / blocks;
    first = at % blocks * params.dim;
    return vector < params.n;
}
