// Magnitudes to the power POWER, which is 1 or more.

fn to_power(base: vec4f) -> vec4f {
    var product = base;
    for (var i = 1u; i < POWER; i++) {
        product *= base;
    }
    return product;
}
