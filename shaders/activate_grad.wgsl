// activate_grad: the derivative of activate.
//
//   dx[i] = gradient[i] f'(x[i])
//
// x, gradient, dx (elements). One invocation per element. f' is
//   relu 1 where x > 0, else 0    gelu s + x s (1 - s) z'(x), s = sigmoid(z)
//   tanh 4 t / (1 + t)^2, t = e^(-2|x|)    sigmoid t / (1 + t)^2, t = e^-|x|

struct Params {
    elements: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if element < params.elements {
        dx[element] = gradient[element] * slope(x[element]);
    }
}

fn slope(x: f32) -> f32 {
    switch FUNCTION {
        case RELU: { return select(0.0, 1.0, x > 0.0); }
        case GELU: {
            let z = gelu_exponent(x);
            let s = sigmoid(z);
            let near = clamp(x, -100.0, 100.0);
            return s + near * s * sigmoid(-z) * GELU_SLOPE * (1.0 + 3.0 * GELU_CUBE * near * near);
        }
        case TANH: { return 4.0 * bell(2.0 * x); }
        case SIGMOID, default: { return bell(x); }
    }
}

// t / (1 + t)^2 for t = e^-|z|
fn bell(z: f32) -> f32 {
    let t = exponential(-abs(z));
    return t / ((1.0 + t) * (1.0 + t));
}
