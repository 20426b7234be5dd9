// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four random words for a
// counter under a key. src/rng.rs has the same integers.

fn philox(initial: vec4u, initial_key: vec2u) -> vec4u {
    var counter = initial;
    var key = initial_key;
    for (var round = 0u; round < 10u; round++) {
        let a = wide_product(counter.x, 0xD2511F53u);
        let b = wide_product(counter.z, 0xCD9E8D57u);
        counter = vec4u(b.y ^ counter.y ^ key.x, b.x, a.y ^ counter.w ^ key.y, a.x);
        key += vec2u(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

// The low and the high half of a b, which WGSL has no type for: by halves of 16 bits, no sum of which overflows.
fn wide_product(a: u32, b: u32) -> vec2u {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let cross = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let other = (a & 0xffffu) * (b >> 16u) + (cross & 0xffffu);
    return vec2u(a * b, (a >> 16u) * (b >> 16u) + (cross >> 16u) + (other >> 16u));
}

// A uniform in [0, 1): the top 24 bits, so that it is exact.
fn unit(bits: u32) -> f32 {
    return f32(bits >> 8u) * 0x1p-24f;
}
