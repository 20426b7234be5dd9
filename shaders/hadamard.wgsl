// hadamard: a round of a rotation by Hadamard matrices, or of its inverse
//
// x, turned (n, d); moves (rounds, d), of which a round is a permutation of the d coordinates whose highest bits say that a
// sign changes. There: coordinate i of a row becomes that of moves[i], and then blocks of 256 coordinates are multiplied
// with the largest Hadamard matrices of 4^k that fit: the first 256, and of what is left as many of 64, of 16 and of 4 as
// there are. Back: the same in the opposite order.
//
// A matrix is multiplied with by k stages of 4 x 4, half of [1 1 1 1; 1 -1 1 -1; 1 1 -1 -1; 1 -1 -1 1]. The coordinates of
// matrices of 4w and more stand first, so a stage of width w is for as many whole groups of 4w as the block has. There
// are only additions and halvings in it, each rounded once at most: all devices have the same bits, but for numbers below 2^-126.
//
// 64 invocations share a block of a row, 4 coordinates each; a workgroup has 4 blocks.

struct Params {
    n: u32,
    d: u32,
    // Where the round begins in moves.
    round: u32,
    blocks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> moves: array<u32>;
@group(0) @binding(3) var<storage, read_write> turned: array<f32>;

override BACK: u32 = 0u;

const BLOCK: u32 = 256u;
const SHARE: u32 = BLOCK / 4u;
const NEGATED: u32 = 0x80000000u;

var<workgroup> values: array<f32, 1024>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let number = linear_workgroup(workgroup, workgroups) * (WORKGROUP / SHARE) + local / SHARE;
    let row = number / params.blocks * params.d;
    let first = number % params.blocks * BLOCK;
    // A block past the last is an empty one: all invocations have to meet at the barriers.
    let length = select(0u, min(BLOCK, params.d - first), number < params.n * params.blocks);
    let own = local / SHARE * BLOCK;
    let place = local % SHARE;

    for (var i = place; i < length; i += SHARE) {
        if BACK == 1u {
            values[own + i] = x[row + first + i];
        } else {
            let place_before = moves[params.round + first + i];
            values[own + i] = signed(x[row + (place_before & ~NEGATED)], place_before);
        }
    }
    for (var width = 1u; width < BLOCK; width *= 4u) {
        workgroupBarrier();
        let start = place / width * 4u * width;
        if start + 4u * width <= length {
            let at = own + start + place % width;
            let a = values[at];
            let b = values[at + width];
            let c = values[at + 2u * width];
            let d = values[at + 3u * width];
            values[at] = 0.5 * ((a + b) + (c + d));
            values[at + width] = 0.5 * ((a - b) + (c - d));
            values[at + 2u * width] = 0.5 * ((a + b) - (c + d));
            values[at + 3u * width] = 0.5 * ((a - b) - (c - d));
        }
    }
    workgroupBarrier();
    for (var i = place; i < length; i += SHARE) {
        if BACK == 1u {
            let to = moves[params.round + first + i];
            turned[row + (to & ~NEGATED)] = signed(values[own + i], to);
        } else {
            turned[row + first + i] = values[own + i];
        }
    }
}

fn signed(value: f32, by: u32) -> f32 {
    return bitcast<f32>(bitcast<u32>(value) ^ (by & NEGATED));
}
