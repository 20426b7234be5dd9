// Magnitudes to the power 2.

fn to_power(base: vec4f) -> vec4f {
    return base * base;
}
