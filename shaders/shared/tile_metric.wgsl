// The metrics of the tiled kernels, set by the host.

const SQUARED_L2: u32 = 0u; // sum (x - c)^2
const COSINE: u32 = 1u; // 1 - x . c / (|x| |c|); a vector whose |x|^2 is 0 in f32 has cosine 0
const POWERS: u32 = 2u; // sum |x - c|^POWER; POWER = 1 is L1
const INNER_PRODUCT: u32 = 3u; // -x . c
override METRIC: u32 = SQUARED_L2;
override POWER: u32 = 1u;

fn cosine_distance(dots: vec4f, lengths: vec4f) -> vec4f {
    let zero = lengths == vec4f();
    let cosine = select(dots / select(lengths, vec4f(1.0), zero), vec4f(), zero);
    return clamp(1.0 - cosine, vec4f(), vec4f(2.0));
}
