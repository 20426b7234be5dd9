// Reads x one dimension at a time: for any d. The faster twin for d a multiple of 4 is tile_rows_vec4.wgsl.

alias Element = f32;

// x[row, 4 quad .. 4 quad + 4]; a dimension past the last reads the last.
fn x_quad(row: u32, quad: u32) -> vec4f {
    let at = min(vec4u(4u * quad) + vec4u(0u, 1u, 2u, 3u), vec4u(params.d - 1u)) + row * params.d;
    return vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
}
