// lattice_round: the nearest point of a scaled lattice to each block of each vector, and its codes
//
// x, nearest (n, d); codes (n, columns), columns = d rounded up to a multiple of the lattice's dimension: what is
// missing of the last block is 0. grid (columns, 6): offset, step, 1 / step (of An 1 / (k(k+1) steps), of its last 1 / (n
// steps)), low, high, least code.
// A value is first clamped to low .. high, then counted in steps from the offset; a lattice point has whole steps q:
//   Z        any q
//   An       q_k = p_1 + ... + p_k - k p_(k+1), in steps of 1/sqrt(2k(k+1)), of integers p_1 ... p_(n+1) whose sum is 0;
//            q_n = p_1 + ... + p_n, in steps that are n + 1 times as long
//   Dn       an even sum
//   E8       all even or all odd, the sum a multiple of 4 (the step is 1/2)
//   Leech24  leech24.wgsl
// nearest = offset + step * q, and the code is q without its implied bits (those that follow from the other
// coordinates of the block; of An the quotient of q_k and k + 1), less the least code.
//
// One invocation per block: Conway and Sloane, "Fast quantizing and decoding algorithms for lattice quantizers and
// codes", 1982. The steps of a value are rounded twice, so points whose distances differ by less than that may be exchanged.
// Of points equally near every device takes the same: a coordinate in the middle goes to the even number; where one of several
// equally far off has to give way, that is the first (of An the last); of the two cosets of E8 the even one comes first, of
// Leech24 the even points and the first word. So nothing may be rounded otherwise on another device: `rounded` is for
// products that are added to.

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
        case A: {
            round_a();
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

// A product that is rounded before it is added to: none here is so large, but a compiler cannot know, and a product in a
// clamp cannot become a fused multiply-add.
fn rounded(product: f32) -> f32 {
    return clamp(product, -16777216.0, 16777216.0);
}

// Coordinate i of the block, in steps; of An over k(k+1), the last over n.
fn place(i: u32) -> f32 {
    let column = first + i;
    if column >= params.d {
        return 0.0;
    }
    let at = 6u * column;
    let value = clamp(x[vector * params.d + column], grid[at + 3u], grid[at + 4u]);
    return rounded((value - grid[at]) * grid[at + 2u]);
}

// Coordinate i of the nearest point is q steps, of which so many low bits are implied.
fn put(i: u32, q: i32, implied_bits: u32) {
    put_quotient(i, q, q >> implied_bits);
}

// Coordinate i of the nearest point is q steps, and z without what is implied.
fn put_quotient(i: u32, q: i32, z: i32) {
    let column = first + i;
    let at = 6u * column;
    codes[vector * params.columns + column] = u32(z - i32(grid[at + 5u]));
    if column < params.d {
        nearest[vector * params.d + column] = grid[at] + grid[at + 1u] * f32(q);
    }
}

// An: the coordinates in n + 1 dimensions are rounded, and those that are farthest off to the right side moved by one, so that
// the sum is 0. They are computed once, and kept where the codes will be, the first one here: computed anew, they might be
// rounded otherwise.
var<private> first_y: f32;

fn keep_y(k: u32, y: f32) {
    if k == 0u {
        first_y = y;
    } else {
        codes[vector * params.columns + first + k - 1u] = bitcast<u32>(y);
    }
}

fn y_of(k: u32) -> f32 {
    if k == 0u {
        return first_y;
    }
    return bitcast<f32>(codes[vector * params.columns + first + k - 1u]);
}

// A number that is smaller the sooner a coordinate is moved by one, against `unit`.
fn turn(y: f32, unit: f32) -> u32 {
    let bits = bitcast<u32>(unit * (y - round(y)));
    return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

// The turn of those that come last, and how many of that turn are moved.
struct Last {
    turn: u32,
    count: u32,
}

// Of so many that are moved: four bits of their turn after the other, by how many have which.
fn last_turn(count: u32, unit: f32) -> Last {
    var last = Last(0u, count);
    for (var bits = 32u; bits > 0u; bits -= 4u) {
        let shift = bits - 4u;
        var counts = array<u32, 16>();
        for (var k = 0u; k <= params.dim; k++) {
            let own = turn(y_of(k), unit) >> shift;
            if (own >> 4u) == last.turn {
                counts[own & 15u] += 1u;
            }
        }
        var digit = 0u;
        while digit < 15u && last.count > counts[digit] {
            last.count -= counts[digit];
            digit += 1u;
        }
        last.turn = (last.turn << 4u) | digit;
    }
    return last;
}

fn round_a() {
    let n = params.dim;
    // The sum of all places that lie behind.
    var behind = 0.0;
    var excess = 0;
    for (var left = n + 1u; left > 0u; left--) {
        let k = left - 1u;
        var own = 0.0;
        if k > 0u {
            own = place(k - 1u);
        }
        let y = behind - rounded(f32(k) * own);
        behind += own;
        keep_y(k, y);
        excess += i32(round(y));
    }
    // Of rounding alone: where numbers are large, the coordinates do not quite sum to 0.
    let all = excess / i32(n + 1u);
    let some = excess - all * i32(n + 1u);
    let unit = sign(some);
    var last = Last();
    if some != 0 {
        last = last_turn(u32(abs(some)), f32(unit));
    }
    var sum = 0;
    for (var k = n; k > 0u; k--) {
        let y = y_of(k);
        var p = i32(round(y)) - all;
        if some != 0 {
            let own = turn(y, f32(unit));
            if own < last.turn {
                p -= unit;
            } else if own == last.turn && last.count > 0u {
                // Of equal ones the last.
                p -= unit;
                last.count -= 1u;
            }
        }
        sum -= p;
        let q = select(sum - i32(k) * p, sum, k == n);
        put_quotient(k - 1u, q, select(quotient(q, i32(k) + 1), q, k == n));
    }
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

// The nearest even numbers are the point of 2 D8 if the sum of their halves is even; otherwise the one that is farthest off
// goes the other way. The odd ones are on the other side of each coordinate: that is as far from them as it is near the even
// ones, so the two cosets are told apart by sums.
fn round_e8() {
    var halves = 0;
    var below = 0;
    var sum = 0.0;
    var farthest = 0u;
    var nearest_one = 0u;
    var greatest = -1.0;
    var least = 2.0;
    for (var i = 0u; i < 8u; i++) {
        let steps = place(i);
        let half = round(steps * 0.5);
        let off = abs(steps - 2.0 * half);
        halves ^= i32(half);
        below ^= select(0, 1, steps < 2.0 * half);
        sum += off;
        if off > greatest {
            greatest = off;
            farthest = i;
        }
        if off < least {
            least = off;
            nearest_one = i;
        }
    }
    let even_turns = (halves & 1) == 1;
    let odd_turns = ((halves ^ below) & 1) == 1;
    // Half of what the squares come to, less those of the even numbers.
    let even = select(0.0, 2.0 - 2.0 * greatest, even_turns);
    let odd = 4.0 - sum + select(0.0, 2.0 * least, odd_turns);
    let take_odd = odd < even;
    let turned = select(select(8u, farthest, even_turns), select(8u, nearest_one, odd_turns), take_odd);
    for (var i = 0u; i < 8u; i++) {
        let steps = place(i);
        var q = 2.0 * round(steps * 0.5);
        if take_odd {
            q += select(-1.0, 1.0, steps >= q);
        }
        if i == turned {
            q += select(-2.0, 2.0, steps >= q);
        }
        put(i, i32(q), select(0u, 1u, i > 0u) + select(0u, 1u, i == 7u));
    }
}
