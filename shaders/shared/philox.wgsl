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

// A uniform in [0, 1): the top 24 bits, so that it is exact.
fn unit(bits: u32) -> f32 {
    return f32(bits >> 8u) * 0x1p-24f;
}
