// activate: what the units of a network make of their inputs.
//
//   y[i] = f(x[i])
//
// x, y (elements). One invocation per element.
//   relu max(x, 0)    gelu x sigmoid(z(x)), the tanh form    tanh    sigmoid 1 / (1 + e^-x)
// With t = e^(-2|x|), tanh |x| = (1 - t) / (1 + t): good to a few 2^-24, not to as much of itself near 0.

struct Params {
    elements: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if element < params.elements {
        y[element] = activation(x[element]);
    }
}

fn activation(x: f32) -> f32 {
    switch FUNCTION {
        case RELU: { return max(x, 0.0); }
        case GELU: { return x * sigmoid(gelu_exponent(x)); }
        case TANH: {
            let t = exponential(-2.0 * abs(x));
            let size = (1.0 - t) / (1.0 + t);
            return select(-size, size, x >= 0.0);
        }
        case SIGMOID, default: { return sigmoid(x); }
    }
}
