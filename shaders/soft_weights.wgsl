// soft_weights: the softmax of every row, and the logarithm of what it is divided by.
//
//   weights[i, j] = exp(s * scores[i, j] - m_i) / z_i        m_i = max over j of s * scores[i, j]
//   log_sums[i] = m_i + log z_i                              z_i = sum over j of exp(s * scores[i, j] - m_i)
//
// scores, weights (n, k); log_sums (n). One workgroup per row: 64 invocations take every 64th element, in order, and their
// maxima and sums are joined by halves. Scores below the maximum by more than 87 weigh 0.

struct Params {
    n: u32,
    k: u32,
    scale: f32,
}

const THREADS = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read_write> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> log_sums: array<f32>;

var<workgroup> parts: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let row = linear_workgroup(workgroup, workgroups);
    let inside = row < params.n;
    let first = select(0u, row, inside) * params.k;

    var largest = -LARGEST;
    for (var j = local; j < params.k; j += THREADS) {
        largest = max(largest, params.scale * scores[first + j]);
    }
    parts[local] = largest;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if local < half {
            parts[local] = max(parts[local], parts[local + half]);
        }
        workgroupBarrier();
    }
    let m = parts[0];
    workgroupBarrier();

    var sum = 0.0;
    for (var j = local; j < params.k; j += THREADS) {
        sum += exponential(params.scale * scores[first + j] - m);
    }
    parts[local] = sum;
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if local < half {
            parts[local] += parts[local + half];
        }
        workgroupBarrier();
    }
    let z = parts[0];

    if inside {
        for (var j = local; j < params.k; j += THREADS) {
            weights[first + j] = exponential(params.scale * scores[first + j] - m) / z;
        }
        if local == 0u {
            log_sums[row] = m + logarithm(z);
        }
    }
}
