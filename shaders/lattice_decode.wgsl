// lattice_decode: the lattice points that codes stand for
//
// codes (n, columns); decoded (n, d), columns = d rounded up to a multiple of the lattice's dimension.
// grid (columns, 6), as lattice_round.wgsl has it. decoded = offset + step * q, where q is the code
// plus the least code with its implied bits behind: those that follow from the other coordinates of the block, as
// lattice_round.wgsl has it; of An times k + 1, plus what is implied. One invocation per block.

struct Params {
    n: u32,
    d: u32,
    columns: u32,
    // Dimensions of the lattice.
    dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> grid: array<f32>;
@group(0) @binding(3) var<storage, read_write> decoded: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    if !find_block(linear_workgroup(workgroup, workgroups) * WORKGROUP + local) {
        return;
    }
    switch LATTICE {
        case Z: {
            put(0u, free_bits(0u));
        }
        case A: {
            // p_1 + ... + p_k of the point p in n + 1 dimensions.
            var sum = free_bits(params.dim - 1u);
            put(params.dim - 1u, sum);
            for (var k = i32(params.dim) - 1; k > 0; k--) {
                let z = free_bits(u32(k - 1));
                put(u32(k - 1), z * (k + 1) + modulo(sum, k + 1));
                sum += z - quotient(sum, k + 1);
            }
        }
        case D: {
            var sum = 0;
            for (var i = 0u; i + 1u < params.dim; i++) {
                let q = free_bits(i);
                sum ^= q;
                put(i, q);
            }
            put(params.dim - 1u, 2 * free_bits(params.dim - 1u) + (sum & 1));
        }
        case E8: {
            let m = free_bits(0u) & 1;
            put(0u, free_bits(0u));
            var sum = free_bits(0u) >> 1u;
            for (var i = 1u; i < 7u; i++) {
                sum ^= free_bits(i);
                put(i, 2 * free_bits(i) + m);
            }
            put(7u, 4 * free_bits(7u) + 2 * (sum & 1) + m);
        }
        default: {
            decode_leech24();
        }
    }
}

// Coordinate i of the block without its implied bits.
fn free_bits(i: u32) -> i32 {
    let column = first + i;
    return i32(codes[vector * params.columns + column]) + i32(grid[6u * column + 5u]);
}

fn put(i: u32, q: i32) {
    let column = first + i;
    if column < params.d {
        decoded[vector * params.d + column] = grid[6u * column] + grid[6u * column + 1u] * f32(q);
    }
}

fn decode_leech24() {
    let m = free_bits(0u) & 1;
    // The word of the Golay code, from its free bits.
    var word = select(0u, ROWS[0], (free_bits(0u) & 2) != 0);
    var row = 1u;
    for (var i = 1u; i < 24u; i++) {
        if ((FREE >> i) & 1u) == 1u {
            word ^= select(0u, ROWS[row], (free_bits(i) & 1) != 0);
            row += 1u;
        }
    }
    put(0u, free_bits(0u));
    var sum = m ^ (free_bits(0u) >> 2u);
    for (var i = 1u; i < 24u; i++) {
        let bit = i32((word >> i) & 1u);
        var z = free_bits(i);
        if ((FREE >> i) & 1u) == 1u {
            z >>= 1u;
        }
        if i == 23u {
            z = 2 * z + (sum & 1);
        }
        sum ^= z;
        put(i, m + 2 * bit + 4 * z);
    }
}
