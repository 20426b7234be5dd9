// optimizer_step: one step of gradient descent on a parameter, in place
//
// value, gradient, first, second (n, d), row-major; squared_norm (1). With theta = value, m = first, v = second,
// g = gradient, or if clip > 0: gradient min(1, clip / sqrt(squared_norm)):
//   PLAIN      theta -= rate g
//   MOMENTUM   m = momentum m + g    theta -= rate m
//   NESTEROV   m = momentum m + g    theta -= rate (g + momentum m)
//   RMSPROP    v += second_weight (g^2 - v)    theta -= rate g / (root_weight sqrt(v) + epsilon)
//   ADAGRAD    v += g^2              theta -= rate g / (root_weight sqrt(v) + epsilon)
//   ADAM       m += first_weight (g - m), v += second_weight (g^2 - v)
//              theta -= rate m / (root_weight sqrt(v) + epsilon)
// and shrinkage theta is taken off theta in the same subtraction: theta (1 - shrinkage) would round the factor.
// A state that a rule does not name is neither read nor written. One invocation per element.
//
// A squared norm that overflowed is no reason to stand still: a norm that is not finite becomes the factor, and nothing
// that is written is finite then. Squares of gradients under 1e-19 vanish in f32, beside an epsilon that is larger.

struct Params {
    elements: u32,
    clip: f32,
    rate: f32,
    momentum: f32,
    first_weight: f32,
    second_weight: f32,
    root_weight: f32,
    epsilon: f32,
    shrinkage: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> squared_norm: array<f32>;
@group(0) @binding(3) var<storage, read_write> value: array<f32>;
@group(0) @binding(4) var<storage, read_write> first: array<f32>;
@group(0) @binding(5) var<storage, read_write> second: array<f32>;

override RULE: u32;
const PLAIN: u32 = 0u;
const MOMENTUM: u32 = 1u;
const NESTEROV: u32 = 2u;
const RMSPROP: u32 = 3u;
const ADAGRAD: u32 = 4u;
const ADAM: u32 = 5u;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let element = linear_workgroup(workgroup, workgroups) * WORKGROUP + local;
    if element >= params.elements {
        return;
    }
    let step = direction(element, gradient[element] * gradient_scale());
    let theta = value[element];
    value[element] = theta - (params.rate * step + params.shrinkage * theta);
}

fn gradient_scale() -> f32 {
    if params.clip == 0.0 {
        return 1.0;
    }
    // By its bits: shaders may take it that there is no NaN and no infinity.
    if (bitcast<u32>(squared_norm[0]) & 0x7f800000u) == 0x7f800000u {
        return squared_norm[0];
    }
    let norm = sqrt(squared_norm[0]);
    if norm > params.clip {
        return params.clip / norm;
    }
    return 1.0;
}

// Where to go, and the states brought up to date.
fn direction(element: u32, g: f32) -> f32 {
    switch RULE {
        case MOMENTUM: {
            return accelerate(element, g);
        }
        case NESTEROV: {
            return g + params.momentum * accelerate(element, g);
        }
        case RMSPROP: {
            return g / root(average_square(element, g));
        }
        case ADAGRAD: {
            let v = second[element] + g * g;
            second[element] = v;
            return g / root(v);
        }
        case ADAM: {
            var m = first[element];
            m += params.first_weight * (g - m);
            first[element] = m;
            return m / root(average_square(element, g));
        }
        case PLAIN, default: {
            return g;
        }
    }
}

fn accelerate(element: u32, g: f32) -> f32 {
    let m = params.momentum * first[element] + g;
    first[element] = m;
    return m;
}

fn average_square(element: u32, g: f32) -> f32 {
    var v = second[element];
    v += params.second_weight * (g * g - v);
    second[element] = v;
    return v;
}

fn root(v: f32) -> f32 {
    return params.root_weight * sqrt(v) + params.epsilon;
}
