// gain_shape_encode: rows as a gain and a shape
//
// x (n, d); grid (2, k): the lower borders of k cells of magnitudes, the first 0, and the magnitudes that stand for them, both
// ascending, for rows whose magnitudes sum to 1 / unit. codes (n, d + 4), distances (n).
//
// A row is a gain times a shape y. Its grid is grid * g, where g = sum |x| * unit. Codes 0 to d - 1 are the cells, k + cell for
// x >= 0 and k - 1 - cell below; a magnitude on a border is in the lower cell. The gain is x.y / y.y, the best there is for y,
// as the length code T of 16 bits: the float whose bits are T << 15. Codes d to d + 3 are its bits, by four from the highest on. A row
// whose magnitudes sum to less than 2^-60 has all codes 0. distances is |x - gain * y|^2.
//
// All devices have the same codes: sum |x| is of additions alone; borders are products, rounded once; x counts as rounded to 11
// bits and magnitudes have 12, so that products are exact, fused or not; the sums are the same additions everywhere; and T is
// found by comparing products that are exact, y.y rounded to 14 bits with borders of T, which have 10.
//
// LANES invocations share a row; its sums have an order of their own (shared/lengths.wgsl).

struct Params {
    n: u32,
    d: u32,
    k: u32,
    unit: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> grid: array<f32>;
@group(0) @binding(3) var<storage, read_write> codes: array<u32>;
@group(0) @binding(4) var<storage, read_write> distances: array<f32>;

const SMALLEST_SUM: f32 = 0x1p-60f;
const LONGEST: u32 = 0xe3ffu;

@compute @workgroup_size(ROWS * LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = linear_workgroup(workgroup, workgroups) * ROWS + local / LANES;
    // A row past the last is an empty one: all invocations have to meet at the barriers.
    let d = select(0u, params.d, row < params.n);
    let start = row * params.d;
    let out = row * (params.d + 4u);
    let lane = local % LANES;

    for (var part = lane; part < PARTS; part += LANES) {
        var own = 0.0;
        for (var i = part; i < d; i += PARTS) {
            own += abs(x[start + i]);
        }
        parts[first_part(local) + part] = vec4f(own, 0.0, 0.0, 0.0);
    }
    let sum = sum_of_parts(local).x;

    let gain = sum * params.unit;
    for (var part = lane; part < PARTS; part += LANES) {
        var terms = vec2f(0.0);
        for (var j = part; j < d; j += PARTS) {
            let value = abs(x[start + j]);
            let magnitude = grid[params.k + cell_of(value, gain)];
            terms += vec2f(eleven_bits(value) * magnitude, magnitude * magnitude);
        }
        parts[first_part(local) + part] = vec4f(terms, 0.0, 0.0);
    }
    let sums = sum_of_parts(local).xy;

    let is_there = sum >= SMALLEST_SUM;
    let code = select(0u, length_code(sums.x, sums.y), is_there);
    let size = bitcast<f32>(code << 15u);
    for (var part = lane; part < PARTS; part += LANES) {
        var squares = 0.0;
        for (var j = part; j < d; j += PARTS) {
            let value = x[start + j];
            let cell = cell_of(abs(value), gain);
            let number = select(params.k + cell, params.k - 1u - cell, value < 0.0);
            codes[out + j] = select(0u, number, is_there);
            let off = abs(value) - size * grid[params.k + cell];
            squares += off * off;
        }
        parts[first_part(local) + part] = vec4f(squares, 0.0, 0.0, 0.0);
    }
    let distance = sum_of_parts(local).x;
    if lane == 0u && d > 0u {
        for (var i = 0u; i < 4u; i++) {
            codes[out + d + i] = (code >> (12u - 4u * i)) & 15u;
        }
        distances[row] = distance;
    }
}

// The last cell whose lower border is below the value. k is a power of two.
fn cell_of(value: f32, gain: f32) -> u32 {
    var cell = 0u;
    for (var step = params.k / 2u; step > 0u; step /= 2u) {
        if value > grid[cell + step] * gain {
            cell += step;
        }
    }
    return cell;
}

fn eleven_bits(value: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(value) + 0x1000u) & ~0x1fffu);
}

// That of the length nearest to product / square, of two the longer.
fn length_code(product: f32, square: f32) -> u32 {
    let divisor = bitcast<f32>((bitcast<u32>(square) + 0x200u) & ~0x3ffu);
    var code = (bitcast<u32>(product / divisor) + 0x4000u) >> 15u;
    if product < border_above(code - 1u) * divisor {
        code -= 1u;
    } else if product >= border_above(code) * divisor {
        code += 1u;
    }
    return min(code, LONGEST);
}

fn border_above(code: u32) -> f32 {
    return bitcast<f32>((code << 15u) + 0x4000u);
}
