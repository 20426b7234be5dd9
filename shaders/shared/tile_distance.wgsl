// The distances of rows to chosen codewords, from the original vectors.
//   squared L2   sum (x - c)^2                                                       nothing cancels
//   cosine       1 - x . c / (|x| |c|), clamped to [0, 2]; 1 where either is zero    absolute error ~ d * 2^-24
//   power        sum |x - c|^POWER                                                   nothing cancels
//   inner prod.  -x . c                                                              error ~ d * 2^-24 * sum |x c|
// Sums are those of PARTS parts (shared/tile_registers.wgsl).

fn codeword_quad(code: u32, quad: u32) -> vec4f {
    let at = min(vec4u(4u * quad) + vec4u(0u, 1u, 2u, 3u), vec4u(params.d - 1u)) + code * params.d;
    return vec4f(codebook[at.x], codebook[at.y], codebook[at.z], codebook[at.w]);
}

// What four dimensions add: to the distance, or for the cosine to x . c, |x|^2 and |c|^2.
fn terms(row: u32, code: u32, quad: u32) -> vec3f {
    let v = within_row(x_quad(row_in(row), quad), quad);
    let c = within_row(codeword_quad(code, quad), quad);
    if METRIC == COSINE {
        return vec3f(dot(v, c), dot(v, v), dot(c, c));
    }
    if METRIC == INNER_PRODUCT {
        return vec3f(-dot(v, c), 0.0, 0.0);
    }
    let difference = abs(v - c);
    // A square is the same by its other name, to the last bit.
    if METRIC == POWERS && POWER != 2u {
        return vec3f(dot(to_power(difference), vec4f(1.0)), 0.0, 0.0);
    }
    return vec3f(dot(difference, difference), 0.0, 0.0);
}

// Distances of the rows to the codewords `low` (row slots 0 to 3) and `high` (4 to 7), known to all lanes.
fn distances_to(row: u32, low: vec4u, high: vec4u) -> mat2x4f {
    var first = mat2x4f();
    var x_norm = mat2x4f();
    var c_norm = mat2x4f();
    for (var parts = 0u; parts < PARTS; parts += LANES) {
        var own_first = mat2x4f();
        var own_x_norm = mat2x4f();
        var own_c_norm = mat2x4f();
        for (var quad = first_quad(parts); quad < (params.d + 3u) / 4u; quad += PARTS) {
            let low_terms = transpose(mat4x3f(
                terms(row, low.x, quad),
                terms(row + ROW_STRIDE, low.y, quad),
                terms(row + 2u * ROW_STRIDE, low.z, quad),
                terms(row + 3u * ROW_STRIDE, low.w, quad),
            ));
            var high_terms = mat3x4f();
            if ROW_SLOTS > 4u {
                high_terms = transpose(mat4x3f(
                    terms(row + 4u * ROW_STRIDE, high.x, quad),
                    terms(row + 5u * ROW_STRIDE, high.y, quad),
                    terms(row + 6u * ROW_STRIDE, high.z, quad),
                    terms(row + 7u * ROW_STRIDE, high.w, quad),
                ));
            }
            own_first += mat2x4f(low_terms[0], high_terms[0]);
            own_x_norm += mat2x4f(low_terms[1], high_terms[1]);
            own_c_norm += mat2x4f(low_terms[2], high_terms[2]);
        }
        first = add_parts(first, own_first);
        if METRIC == COSINE {
            x_norm = add_parts(x_norm, own_x_norm);
            c_norm = add_parts(c_norm, own_c_norm);
        }
    }
    if METRIC != COSINE {
        return first;
    }
    return mat2x4f(
        cosine_distance(first[0], sqrt(x_norm[0]) * sqrt(c_norm[0])),
        cosine_distance(first[1], sqrt(x_norm[1]) * sqrt(c_norm[1])),
    );
}
