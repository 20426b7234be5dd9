// lattice_round: the nearest point of a scaled lattice to each block of each vector, and its codes
//
// x, nearest (n, d); codes (n, columns), columns = d rounded up to a multiple of the lattice's dimension: what is
// missing of the last block is 0. grid (columns, 6): offset, step, 1 / step, low, high, least code.
// A value is first clamped to low .. high, then counted in steps from the offset; a lattice point has whole steps q:
//   Z        any q
//   A2       both even or both odd (the steps are 1/2 and sqrt(3)/2)
//   Dn       an even sum
//   E8       all even or all odd, the sum a multiple of 4 (the step is 1/2)
//   Leech24  leech24.wgsl
// nearest = offset + step * q, and the code is q without its implied bits (those that follow from the other
// coordinates of the block), less the least code.
//
// One invocation per block: Conway and Sloane, "Fast quantizing and decoding algorithms for lattice quantizers and
// codes", 1982. Of points equally near any may be taken. The steps of a value are rounded twice, so points whose distances
// differ by less than that may be exchanged.

struct Params {
    n: u32,
    d: u32,
    columns: u32,
    // Dimensions of the lattice.
    dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> grid: array<f32>;
@group(0) @binding(3) var<storage, read_write> codes: array<u32>;
@group(0) @binding(4) var<storage, read_write> nearest: array<f32>;

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
            put(0u, i32(round(place(0u))), 0u);
        }
        case A2: {
            round_a2();
        }
        case D: {
            round_d();
        }
        case E8: {
            round_e8();
        }
        default: {
            round_leech24();
        }
    }
}

// Coordinate i of the block, in steps.
fn place(i: u32) -> f32 {
    let column = first + i;
    if column >= params.d {
        return 0.0;
    }
    let at = 6u * column;
    let value = clamp(x[vector * params.d + column], grid[at + 3u], grid[at + 4u]);
    return (value - grid[at]) * grid[at + 2u];
}

// Coordinate i of the nearest point is q steps.
fn put(i: u32, q: i32, implied_bits: u32) {
    let column = first + i;
    let at = 6u * column;
    codes[vector * params.columns + column] = u32((q >> implied_bits) - i32(grid[at + 5u]));
    if column < params.d {
        nearest[vector * params.d + column] = grid[at] + grid[at + 1u] * f32(q);
    }
}

// The nearest number to `steps` that is m more than a multiple of 2.
fn round_to_parity(steps: f32, m: f32) -> f32 {
    return m + 2.0 * round((steps - m) * 0.5);
}

fn round_a2() {
    let steps = vec2f(place(0u), place(1u));
    var best = vec2f();
    var least = 3.0e38;
    for (var m = 0.0; m < 2.0; m += 1.0) {
        let q = vec2f(round_to_parity(steps.x, m), round_to_parity(steps.y, m));
        let off = steps - q;
        let distance = off.x * off.x + 3.0 * off.y * off.y;
        if distance < least {
            least = distance;
            best = q;
        }
    }
    put(0u, i32(best.x), 1u);
    put(1u, i32(best.y), 0u);
}

fn round_d() {
    // Round each; if the sum is odd, the one that is farthest off goes the other way.
    var sum = 0;
    var worst = 0u;
    var greatest = -1.0;
    for (var i = 0u; i < params.dim; i++) {
        let steps = place(i);
        sum ^= i32(round(steps));
        let off = abs(steps - round(steps));
        if off > greatest {
            greatest = off;
            worst = i;
        }
    }
    for (var i = 0u; i < params.dim; i++) {
        let steps = place(i);
        var q = i32(round(steps));
        if (sum & 1) == 1 && i == worst {
            q += select(-1, 1, steps >= round(steps));
        }
        put(i, q, select(0u, 1u, i == params.dim - 1u));
    }
}

// What the nearest point of one coset of 2 D8 costs, and the coordinate that goes the other way, 8 if none does.
struct Coset {
    cost: f32,
    worst: u32,
}

fn try_coset(m: f32) -> Coset {
    var sum = 0;
    var found = Coset(0.0, 0u);
    var greatest = -1.0;
    for (var i = 0u; i < 8u; i++) {
        let steps = place(i);
        let q = round_to_parity(steps, m);
        sum ^= i32(q - m) / 2;
        let off = abs(steps - q);
        found.cost += off * off;
        if off > greatest {
            greatest = off;
            found.worst = i;
        }
    }
    if (sum & 1) == 0 {
        found.worst = 8u;
    } else {
        found.cost += 4.0 - 4.0 * greatest;
    }
    return found;
}

fn round_e8() {
    let even = try_coset(0.0);
    let odd_ones = try_coset(1.0);
    let take_odd = odd_ones.cost < even.cost;
    let m = select(0.0, 1.0, take_odd);
    let worst = select(even.worst, odd_ones.worst, take_odd);
    for (var i = 0u; i < 8u; i++) {
        let steps = place(i);
        var q = round_to_parity(steps, m);
        if i == worst {
            q += select(-2.0, 2.0, steps >= q);
        }
        put(i, i32(q), select(0u, 1u, i > 0u) + select(0u, 1u, i == 7u));
    }
}
