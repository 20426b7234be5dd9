// rotation_grad: carries a gradient by q back to x along the rotation and scaling that take x to q.
//
//   e = x / |x|, f = q / |q|, s = e + f
//   R = I - 2 s s^T / |s|^2 + 2 f e^T        (two reflections: R e = f)
//   dx = (|q| / |x|) R^T gradient = (|q| / |x|) (gradient - 2 s (s . gradient) / |s|^2 + 2 e (f . gradient))
//
// Fifty et al., "Restructuring vector quantization with the rotation trick", 2024.
// x, quantized (q), gradient, dx (n, d). LANES invocations share a row (shared/lengths.wgsl). Where there is no such rotation:
//   |x| < 2^-50    dx = gradient, as a straight-through estimator has it
//   |q| < 2^-50    dx = 0, the limit of the factor |q| / |x|
//   |s| < 2^-12    the term with s is left out, for rounding decides on it: what remains, I - 2 e e^T, takes e to -e too
// Squares have to stay in the range of f32. An error of s of one rounding is 1 / |s| as large in its direction.

struct Params {
    n: u32,
    d: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> quantized: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

const OPPOSITE: f32 = 0x1p-24f;

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
    let lane = local % LANES;

    for (var part = lane; part < PARTS; part += LANES) {
        var own = vec2f();
        for (var i = part; i < d; i += PARTS) {
            let at = vec2f(x[start + i], quantized[start + i]);
            own += at * at;
        }
        parts[first_part(local) + part] = vec4f(own, 0.0, 0.0);
    }
    let squares = sum_of_parts(local);
    let to_unit = vec2f(inverse_length_of(squares.x), inverse_length_of(squares.y));

    for (var part = lane; part < PARTS; part += LANES) {
        var own = vec4f();
        for (var i = part; i < d; i += PARTS) {
            let unit = vec2f(x[start + i], quantized[start + i]) * to_unit;
            let sum = unit.x + unit.y;
            own += vec4f(sum * sum, sum * gradient[start + i], unit.y * gradient[start + i], 0.0);
        }
        parts[first_part(local) + part] = own;
    }
    let products = sum_of_parts(local);
    let along_sum = select(0.0, 2.0 * products.y / max(products.x, OPPOSITE), products.x >= OPPOSITE);
    let along_e = 2.0 * products.z;
    let scale = length_of(squares.y) * to_unit.x;
    for (var i = lane; i < d; i += LANES) {
        let unit = vec2f(x[start + i], quantized[start + i]) * to_unit;
        let g = gradient[start + i];
        let turned = g - along_sum * (unit.x + unit.y) + along_e * unit.x;
        dx[start + i] = select(scale * turned, g, to_unit.x == 0.0);
    }
}
