// What activate and activate_grad compute with: e to the minus |z|, from which all of them follow without overflow.

override FUNCTION: u32;
const RELU: u32 = 0u;
const GELU: u32 = 1u;
const TANH: u32 = 2u;
const SIGMOID: u32 = 3u;

// gelu(x) = x sigmoid(z), z = 2 sqrt(2 / pi) (x + 0.044715 x^3). Beyond 100 it is x or 0 whatever z is.
const GELU_SLOPE: f32 = 1.5957692;
const GELU_CUBE: f32 = 0.044715;

fn gelu_exponent(x: f32) -> f32 {
    let near = clamp(x, -100.0, 100.0);
    return GELU_SLOPE * (near + GELU_CUBE * near * near * near);
}

// 1 / (1 + e^-z)
fn sigmoid(z: f32) -> f32 {
    let t = exponential(-abs(z));
    return select(t, 1.0, z >= 0.0) / (1.0 + t);
}
