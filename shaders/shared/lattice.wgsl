// The lattices' numbers, and the block of an invocation.
const Z: u32 = 0u;
const A: u32 = 1u;
const D: u32 = 2u;
const E8: u32 = 3u;
const LEECH24: u32 = 4u;
override LATTICE: u32 = Z;

// The vector, and the first column of the block.
var<private> vector: u32;
var<private> first: u32;

// What is left of a over a multiple of m > 0, 0 to m - 1.
fn modulo(a: i32, m: i32) -> i32 {
    let left = a % m;
    return select(left, left + m, left < 0);
}

// a / m, rounded down.
fn quotient(a: i32, m: i32) -> i32 {
    return (a - modulo(a, m)) / m;
}

// Sets them for invocation `at`; false past the last block.
fn find_block(at: u32) -> bool {
    let blocks = params.columns / params.dim;
    vector = at / blocks;
    first = at % blocks * params.dim;
    return vector < params.n;
}
