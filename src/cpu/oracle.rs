//! What the CPU twins' own tests share: inputs, shapes and instruction sets. The answers are those of
//! [`crate::selftest::oracle`].

use pulp::Arch;

use crate::metrics::Metric;
pub(crate) use crate::selftest::oracle::{check_distance, check_nearest, ranking};

/// One of each kind.
pub(crate) const METRICS: [Metric; 6] =
    [Metric::SquaredL2, Metric::L1, Metric::Power(2), Metric::Power(3), Metric::Cosine, Metric::InnerProduct];

/// (n, d, k) at and about the edges of tiles, panels and groups of rows.
pub(crate) const SHAPES: [(usize, usize, usize); 14] = [
    (0, 3, 4),
    (1, 1, 1),
    (1, 17, 257),
    (5, 3, 2),
    (6, 16, 15),
    (11, 1, 33),
    (12, 16, 32),
    (13, 17, 31),
    (7, 15, 16),
    (24, 128, 100),
    (95, 33, 65),
    (96, 4, 17),
    (97, 2, 257),
    (3, 500, 48),
];

/// The instruction sets this machine can run.
pub(crate) fn archs() -> impl Iterator<Item = Arch> {
    fused_archs().chain(std::iter::once(Arch::Scalar))
}

/// Those that fuse multiply and add, whose results have the same bits.
pub(crate) fn fused_archs() -> impl Iterator<Item = Arch> {
    #[cfg(target_arch = "x86_64")]
    let narrower = pulp::x86::V3::try_new().map(Arch::V3);
    #[cfg(not(target_arch = "x86_64"))]
    let narrower = None;
    let widest = Arch::new();
    // On a machine without either the widest is scalar, and alone.
    std::iter::once(widest).chain(narrower)
}

/// `len` numbers in [−1, 1), a function of the seed.
pub(crate) fn uniform(seed: u64, len: usize) -> Vec<f32> {
    // The output function of splitmix64 over a counter.
    let mix = |i: u64| {
        let mut z = (seed << 32).wrapping_add(i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0..len as u64).map(|i| (mix(i + 1) >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
}

/// An even number `k` of codewords of small integers that add up to zero.
pub(crate) fn integers_of_mean_zero(seed: u64, k: usize, d: usize) -> Vec<f32> {
    let half: Vec<f32> = uniform(seed, k / 2 * d).iter().map(|x| (x * 3.0).round()).collect();
    half.iter().copied().chain(half.iter().map(|x| -x)).collect()
}

/// The numbers as they lie in memory: what "the same bits" compares.
pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
