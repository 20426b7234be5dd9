// to_half: vectors about a mean, each times a power of two of its own, in f16; and what that does to their scores.
//
//   halves[i * quads + q] = dimensions 4q .. 4q + 4 of 2^e_i (x_i - mean), rounded    four f16, the first in the lowest bits
//   numbers[i]            = (2^-e_i, 1/2 |x_i - mean|^2, part of the bound, 0)        vec4f
//
// x (n, d) is row-major, mean has at least the quads of d; halves have `rows` rows of `quads` quads, zero past n and d.
// 2^e_i brings the largest magnitude into [64, 128), unless that is below 2^-67. What falls below the normal numbers of f16
// becomes 0, as a device may take it for that anyway. A vector with a magnitude of 2^50 or more counts as infinitely far: it is
// 0 with a half norm of 3e38 and the scale 0, and so are the rows past n.
// The part is 1/2 (square |x'|^2 + lost |x' - x~|^2) with lengths as they are found here: src/certified/bounds.rs says what for.
// Grid: LANES invocations per row, of `rows` (shared/lengths.wgsl).

struct Params {
    n: u32,
    d: u32,
    rows: u32,
    quads: u32,
    square: f32,
    lost: f32,
    constant: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> mean: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> halves: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> numbers: array<vec4f>;

const FAR: f32 = 3.0e38;
const TOO_FAR: f32 = 0x1p+50f;
// The smallest normal number of f16.
const SMALLEST: f32 = 0x1p-14f;
// In units of the scaled vector, more than all of its squares lose below normal numbers.
const LOST_BELOW: f32 = 0x1p-20f;

// Four dimensions about the mean, zero where there is no such row or dimension.
fn centred(row: u32, quad: u32) -> vec4f {
    let value = x_quad(min(row, params.n - 1u), quad) - mean[min(quad, (params.d - 1u) / 4u)];
    let dimensions = vec4u(4u * quad) + vec4u(0u, 1u, 2u, 3u);
    return select(vec4f(), value, (dimensions < vec4u(params.d)) & vec4<bool>(row < params.n));
}

@compute @workgroup_size(ROWS * LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) grid: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = linear_workgroup(workgroup, grid) * ROWS + local / LANES;
    let lane = local % LANES;
    // A row past the last is an empty one: all invocations have to meet at the barriers.
    let quads = select(0u, params.quads, row < params.rows);
    for (var part = lane; part < PARTS; part += LANES) {
        var largest = vec4f();
        for (var quad = part; quad < quads; quad += PARTS) {
            largest = max(largest, abs(centred(row, quad)));
        }
        parts[first_part(local) + part].x = max(max(largest.x, largest.y), max(largest.z, largest.w));
    }
    let most = largest_of_parts(local);
    let is_far = row >= params.n || most >= TOO_FAR;
    let exponent = clamp(bitcast<u32>(most) >> 23u, 60u, 177u);
    let scale = select(bitcast<f32>((260u - exponent) << 23u), 0.0, is_far);
    let back = bitcast<f32>((exponent - 6u) << 23u);

    for (var part = lane; part < PARTS; part += LANES) {
        var own = vec4f();
        for (var quad = part; quad < quads; quad += PARTS) {
            let scaled = select(scale * centred(row, quad), vec4f(), is_far);
            let kept = select(vec4f(), scaled, abs(scaled) >= vec4f(SMALLEST));
            let half = vec2u(pack2x16float(kept.xy), pack2x16float(kept.zw));
            let lost = scaled - vec4f(unpack2x16float(half.x), unpack2x16float(half.y));
            own += vec4f(dot(scaled, scaled), dot(lost, lost), 0.0, 0.0);
            halves[row * params.quads + quad] = half;
        }
        parts[first_part(local) + part] = own;
    }
    let squares = sum_of_parts(local);
    if lane == 0u && row < params.rows {
        let part = 0.5 * (params.square * squares.x + params.lost * squares.y) + LOST_BELOW;
        let found = vec4f(back, back * (back * (0.5 * squares.x)), back * (back * part) + params.constant, 0.0);
        numbers[row] = select(found, vec4f(0.0, FAR, 0.0, 0.0), is_far);
    }
}
