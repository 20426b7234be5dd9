// elementwise: result[i, j] = apply(left[i, j], right[i, j])
//
// left and result (n, d), row-major. The right operand has the same shape, or is a row (1, d), a column (n, 1), a
// single element or a constant that stands for all; operations on one operand have none. In place, result holds
// the left operand: a binding for reading and one for writing cannot share a buffer.
// One invocation per element.
//
// Nothing here makes an infinity or a NaN out of finite operands, save where a sum, product or quotient overflows:
//   x / 0 = 0    1 / 0 = 0    sqrt(x < 0) = 0    log(x <= 2^-126) = log(2^-126)    exp(x > 88.7) = the largest f32
// Division is within 2.5 ulp, sqrt within 4.5 (what WGSL promises), exp and log within 2; the rest rounds once.

struct Params {
    elements: u32,
    d: u32,
    in_place: u32,
    broadcast: u32,
    constant: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;

override OPERATION: u32;
const ADD: u32 = 0u;
const SUB: u32 = 1u;
const MUL: u32 = 2u;
const DIV: u32 = 3u;
const MIN: u32 = 4u;
const MAX: u32 = 5u;
const ABS: u32 = 6u;
const SQUARE: u32 = 7u;
const SQRT: u32 = 8u;
const EXP: u32 = 9u;
const LOG: u32 = 10u;
const RECIPROCAL: u32 = 11u;

// params.broadcast.
const SAME_SHAPE: u32 = 0u;
const ROW: u32 = 1u;
const COLUMN: u32 = 2u;
const ELEMENT: u32 = 3u;

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
    var a: f32;
    if params.in_place == 1u {
        a = result[element];
    } else {
        a = left[element];
    }
    result[element] = apply(a, element);
}

fn apply(a: f32, element: u32) -> f32 {
    switch OPERATION {
        case ADD: { return a + operand(element); }
        case SUB: { return a - operand(element); }
        case MUL: { return a * operand(element); }
        case DIV: { return divide(a, operand(element)); }
        case MIN: { return min(a, operand(element)); }
        case MAX: { return max(a, operand(element)); }
        case ABS: { return abs(a); }
        case SQUARE: { return a * a; }
        case SQRT: { return sqrt(max(a, 0.0)); }
        case EXP: { return exponential(a); }
        case LOG: { return logarithm(max(a, SMALLEST_NORMAL)); }
        case RECIPROCAL, default: { return divide(1.0, a); }
    }
}

fn operand(element: u32) -> f32 {
    switch params.broadcast {
        case SAME_SHAPE: { return right[element]; }
        case ROW: { return right[element % params.d]; }
        case COLUMN: { return right[element / params.d]; }
        case ELEMENT: { return right[0]; }
        default: { return params.constant; }
    }
}

fn divide(a: f32, b: f32) -> f32 {
    if b == 0.0 {
        return 0.0;
    }
    return a / b;
}
