// The low and the high half of a b, which WGSL has no type for: by halves of 16 bits, no sum of which overflows.
fn wide_product(a: u32, b: u32) -> vec2u {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let cross = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let other = (a & 0xffffu) * (b >> 16u) + (cross & 0xffffu);
    return vec2u(a * b, (a >> 16u) * (b >> 16u) + (cross >> 16u) + (other >> 16u));
}
