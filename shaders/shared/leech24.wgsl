// The nearest point of the Leech lattice, exactly: about 12,000 additions and comparisons for 24 dimensions.
//
// In steps of 1/sqrt(8) a point is q = m + 2c + 4z, where m is 0 or 1 for all coordinates, c a word of the Golay code
// and the sum of z is as even as m. A Golay word is a word of the hexacode, one digit for each column of four bits; a
// parity h that is that of every column and of the first row; and for each column one of the two patterns (one the
// complement of the other) that stand for its digit at that parity. So for given m and h (the four cosets of Vardy
// and Be'ery, "More efficient soft decoding of the Golay codes and the Leech lattice", 1991 and 1993) only two parities
// tie the columns together: of the first row's bits, to be h, and of z, to be m. A column's cost is a vector of four,
// one for each label: bit in the first row + 2 * parity of z. Costs of several columns join label by label, and the
// 64 words of the hexacode go over joined pairs of columns.
//
// The kernel plugs in place(i), coordinate i in steps, put(i, q, implied_bits), and rounded(product).

// The best z of the 24 coordinates for c = 0 and c = 1, and what is left.
var<private> best_z: array<vec2i, 24>;
var<private> residual: array<vec2f, 24>;
// [column][digit]: the cost of each label.
var<private> cost: array<vec4f, 24>;
// [pair of columns][digit][digit]
var<private> pair: array<vec4f, 48>;

// Products with the other two units of GF(4), whose elements 0, 1, w, w' are 0 to 3 and are added by xor.
fn times_w(a: u32) -> u32 {
    return (0x78u >> (2u * a)) & 3u;
}
fn times_w_bar(a: u32) -> u32 {
    return (0x9cu >> (2u * a)) & 3u;
}

// A word of the hexacode from its first three digits: a x^2 + b x + c at the four elements follows a and b.
fn hexacode(number: u32) -> array<u32, 6> {
    let a = number >> 4u;
    let b = (number >> 2u) & 3u;
    let c = number & 3u;
    return array<u32, 6>(
        a, b, c, a ^ b ^ c, times_w_bar(a) ^ times_w(b) ^ c, times_w(a) ^ times_w_bar(b) ^ c,
    );
}

// The four bits of a column that stand for a digit at a parity, with the given bit in the first row.
fn pattern(digit: u32, h: u32, top: u32) -> u32 {
    let bits = select(select(14u ^ (1u << digit), 0u, digit == 0u), 1u << digit, h == 1u);
    return select(bits, bits ^ 15u, (bits & 1u) != top);
}

// The least cost of each label over two groups of columns: labels add by xor.
fn join(a: vec4f, b: vec4f) -> vec4f {
    return min(min(a.x + b, a.y + b.yxwz), min(a.z + b.zwxy, a.w + b.wzyx));
}

fn measure(m: u32) {
    for (var i = 0u; i < 24u; i++) {
        let steps = place(i) - f32(m) - vec2f(0.0, 2.0);
        let z = round(steps * 0.25);
        best_z[i] = vec2i(z);
        residual[i] = steps - 4.0 * z;
    }
}

// The sum of squares, the greatest residual and the parity of z of a column with these bits.
fn column_cost(column: u32, bits: u32) -> vec3f {
    var sum = 0.0;
    var greatest = 0.0;
    var parity = 0;
    for (var row = 0u; row < 4u; row++) {
        let i = 4u * column + row;
        let bit = (bits >> row) & 1u;
        let off = abs(residual[i][bit]);
        sum += rounded(off * off);
        greatest = max(greatest, off);
        parity ^= best_z[i][bit];
    }
    return vec3f(sum, greatest, f32(parity & 1));
}

fn fill_costs(h: u32) {
    for (var at = 0u; at < 24u; at++) {
        let zero = column_cost(at / 4u, pattern(at % 4u, h, 0u));
        let one = column_cost(at / 4u, pattern(at % 4u, h, 1u));
        // With the other parity, the coordinate that is farthest off goes to its second nearest z.
        let sums = vec2f(zero.x, one.x);
        let others = sums + 16.0 - 8.0 * vec2f(zero.y, one.y);
        let odd_sum = vec2f(zero.z, one.z) == vec2f(1.0);
        cost[at] = vec4f(select(sums, others, odd_sum), select(others, sums, odd_sum));
    }
    for (var at = 0u; at < 48u; at++) {
        let first = at / 16u * 8u;
        pair[at] = join(cost[first + at % 16u / 4u], cost[first + 4u + at % 4u]);
    }
}

fn round_leech24() {
    var best = 3.0e38;
    var best_m = 0u;
    var best_h = 0u;
    var best_word = 0u;
    for (var m = 0u; m < 2u; m++) {
        measure(m);
        for (var h = 0u; h < 2u; h++) {
            fill_costs(h);
            for (var number = 0u; number < 64u; number++) {
                let word = hexacode(number);
                let four = join(pair[word[0] * 4u + word[1]], pair[16u + word[2] * 4u + word[3]]);
                let found = join(four, pair[32u + word[4] * 4u + word[5]])[h + 2u * m];
                if found < best {
                    best = found;
                    best_m = m;
                    best_h = h;
                    best_word = number;
                }
            }
        }
    }
    measure(best_m);
    fill_costs(best_h);
    emit(best_m, best_h, hexacode(best_word));
}

// Finds the labels of the columns of the best word again, from the last column to the first, and the points' coordinates.
fn emit(m: u32, h: u32, word: array<u32, 6>) {
    var digits = word;
    // The least costs of the labels of the columns up to each.
    var up_to: array<vec4f, 6>;
    up_to[0] = cost[digits[0]];
    for (var column = 1u; column < 6u; column++) {
        up_to[column] = join(up_to[column - 1u], cost[4u * column + digits[column]]);
    }
    var label = h + 2u * m;
    for (var column = 5u; column > 0u; column--) {
        let before = up_to[column - 1u];
        let own = cost[4u * column + digits[column]];
        var rest = 0u;
        for (var other = 1u; other < 4u; other++) {
            if before[other] + own[label ^ other] < before[rest] + own[label ^ rest] {
                rest = other;
            }
        }
        put_column(column, m, pattern(digits[column], h, (label ^ rest) & 1u), (label ^ rest) >> 1u);
        label = rest;
    }
    put_column(0u, m, pattern(digits[0], h, label & 1u), label >> 1u);
}

fn put_column(column: u32, m: u32, bits: u32, parity: u32) {
    let found = column_cost(column, bits);
    var to_flip = u32(found.z) != parity;
    for (var row = 0u; row < 4u; row++) {
        let i = 4u * column + row;
        let bit = (bits >> row) & 1u;
        let off = residual[i][bit];
        var z = best_z[i][bit];
        if to_flip && abs(off) == found.y {
            z += select(-1, 1, off >= 0.0);
            to_flip = false;
        }
        let last = select(0u, 1u, i == 23u);
        let implied = 1u + select(1u, 0u, ((FREE >> i) & 1u) == 1u) + last;
        put(i, i32(m + 2u * bit) + 4 * z, select(implied, 0u, i == 0u));
    }
}
