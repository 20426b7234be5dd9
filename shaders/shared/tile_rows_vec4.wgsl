// Reads x four dimensions at a time: for d a multiple of 4. The twin for any other d is tile_rows_scalar.wgsl.

alias Element = vec4f;

// x[row, 4 quad .. 4 quad + 4]; a quad past the last reads the last.
fn x_quad(row: u32, quad: u32) -> vec4f {
    let quads = params.d / 4u;
    return x[row * quads + min(quad, quads - 1u)];
}
