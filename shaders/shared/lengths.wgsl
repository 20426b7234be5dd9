// Rows that 32 invocations share: each takes every 32nd element, in order, and their sums are added as a tree.
const LANES: u32 = 32u;
const ROWS: u32 = WORKGROUP / LANES;

// Squares that sum to less than 2^-100 (a length below 2^-50) count as 0: smaller ones lose digits to underflow.
const SMALLEST_SQUARE: f32 = 0x1p-100f;

var<workgroup> lane_sums: array<vec4f, WORKGROUP>;

// The sum of `own` over the 32 invocations of a row. All invocations of the workgroup have to call it.
fn sum_over_lanes(own: vec4f, local: u32) -> vec4f {
    // What the last call shared has been read by all.
    workgroupBarrier();
    lane_sums[local] = own;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if local % LANES < half {
            lane_sums[local] += lane_sums[local + half];
        }
    }
    workgroupBarrier();
    return lane_sums[local / LANES * LANES];
}

fn length_of(square: f32) -> f32 {
    return select(0.0, sqrt(square), square >= SMALLEST_SQUARE);
}

fn inverse_length_of(square: f32) -> f32 {
    return select(0.0, inverseSqrt(max(square, SMALLEST_SQUARE)), square >= SMALLEST_SQUARE);
}
