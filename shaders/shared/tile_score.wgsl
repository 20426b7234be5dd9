// The score by which codewords are ranked, per metric. The prepared codebook (prepare_codebook.wgsl) has the form
// that the metric asks for.
//   squared L2   1/2 |c'|^2 - x' . c'     on data centred about the mean of the codewords
//   cosine       -x . c / |c|             the length of x changes nothing within a row
//   power        sum |x - c|^POWER        POWER = 1 is L1
//   inner prod.  -x . c

fn accumulate(sum: mat2x4f, x: mat2x4f, c: f32) -> mat2x4f {
    if METRIC == POWERS {
        return sum + mat2x4f(to_power(abs(x[0] - c)), to_power(abs(x[1] - c)));
    }
    return mat2x4f(fma(x[0], vec4f(c), sum[0]), fma(x[1], vec4f(c), sum[1]));
}

// Scores of the rows from their sums; `half_norm` is 0 unless the metric has one, and FAR for padding.
fn score(sum: mat2x4f, half_norm: f32) -> mat2x4f {
    let sign = select(-1.0, 1.0, METRIC == POWERS);
    return mat2x4f(half_norm + sign * sum[0], half_norm + sign * sum[1]);
}

fn centre(quad: u32) -> vec4f {
    if METRIC == SQUARED_L2 {
        return mean[quad];
    }
    return vec4f();
}
