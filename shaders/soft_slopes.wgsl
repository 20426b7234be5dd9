// soft_slopes: the gradient by the scores of a softmax, as a factor for what each score is of, limited row by row
//
//   m_i       = sum_j w_ij p_ij                          w: weights; p_ij = g_i . c_j, in slopes before
//   e_ij      = w_ij (p_ij - m_i)                        the gradient by the score t_ij; over j they add up to 0
//   slopes_ij = 2 s e_ij min(1, |g_i| |w_i| / (2 s sqrt(sum_j e_ij^2 D_ij)))
//
// weights, distances D (squared, of row i and codeword j) and slopes (n, k); gradient (n, d). s is the factor of the
// distances in the scores. What a row gives to the codewords through their weights, 2 s e_ij (x_i - c_j), is so never
// longer than what it gives to them as parts of the sum, w_ij g_i: without the limit it grows with s.
// LANES invocations share a row (shared/lengths.wgsl).

struct Params {
    n: u32,
    d: u32,
    k: u32,
    sharpness: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> distances: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> slopes: array<f32>;

@compute @workgroup_size(ROWS * LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = linear_workgroup(workgroup, workgroups) * ROWS + local / LANES;
    // A row past the last is an empty one: all invocations have to meet at the barriers.
    let exists = row < params.n;
    let k = select(0u, params.k, exists);
    let d = select(0u, params.d, exists);
    let start = row * params.k;
    let lane = local % LANES;

    for (var part = lane; part < PARTS; part += LANES) {
        var own = 0.0;
        for (var j = part; j < k; j += PARTS) {
            own += weights[start + j] * slopes[start + j];
        }
        parts[first_part(local) + part] = vec4f(own, 0.0, 0.0, 0.0);
    }
    let mean = sum_of_parts(local).x;

    // Squares: of what goes through the weights, of the weights, of the gradient.
    for (var part = lane; part < PARTS; part += LANES) {
        var squares = vec4f();
        for (var j = part; j < k; j += PARTS) {
            let weight = weights[start + j];
            let slope = weight * (slopes[start + j] - mean);
            squares += vec4f(slope * slope * distances[start + j], weight * weight, 0.0, 0.0);
        }
        for (var i = part; i < d; i += PARTS) {
            let value = gradient[row * params.d + i];
            squares.z += value * value;
        }
        parts[first_part(local) + part] = squares;
    }
    let lengths = sqrt(sum_of_parts(local));

    let through = 2.0 * params.sharpness * lengths.x;
    let direct = lengths.y * lengths.z;
    let limit = select(1.0, direct / through, through > direct);
    for (var j = lane; j < k; j += LANES) {
        let slope = weights[start + j] * (slopes[start + j] - mean);
        slopes[start + j] = 2.0 * params.sharpness * slope * limit;
    }
}
