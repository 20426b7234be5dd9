//! Random numbers that depend only on where they are used.
//!
//! Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a 128-bit
//! counter and a 64-bit key into 128 random bits. There is no state to advance, so element `i` of step `s`
//! draws the same number whatever the thread, the batch or the device: `shaders/random_fill.wgsl` computes
//! the same integers.

/// The ten rounds: random words for `counter` under `key`.
pub(crate) fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        let high = |product: u64| (product >> 32) as u32;
        counter = [high(b) ^ counter[1] ^ key[0], b as u32, high(a) ^ counter[3] ^ key[1], a as u32];
    }
    counter
}

/// The two halves of a seed, as Philox's key.
pub(crate) fn key(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// A uniform in [0, 1): the top 24 bits, so that every value is exact in `f32`.
pub(crate) fn unit(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// A stream of random numbers for the host's own choices: which rows to start from, which to sample.
///
/// ```
/// use wgvq::Rng;
/// let (mut a, mut b) = (Rng::new(7, 0), Rng::new(7, 0));
/// assert_eq!(a.below(1000), b.below(1000));
/// ```
#[derive(Clone, Debug)]
pub struct Rng {
    key: [u32; 2],
    stream: u64,
    block: u64,
    words: [u32; 4],
    used: usize,
}

impl Rng {
    /// The stream number `stream` of `seed`; streams of one seed are independent.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { key: key(seed), stream, block: 0, words: [0; 4], used: 4 }
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        if self.used == 4 {
            let (block, stream) = (self.block, self.stream);
            let counter = [block as u32, (block >> 32) as u32, stream as u32, (stream >> 32) as u32];
            self.words = philox(counter, self.key);
            self.block += 1;
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// A uniform in [0, 1).
    pub fn uniform(&mut self) -> f32 {
        unit(self.bits())
    }

    /// A uniform in [0, 1) with 53 random bits.
    pub fn uniform_f64(&mut self) -> f64 {
        let bits = (u64::from(self.bits()) << 32 | u64::from(self.bits())) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }

    /// A standard normal (Box and Muller's).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.uniform_f64()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * self.uniform_f64()).cos()) as f32
    }

    /// A whole number in `0..bound`, every one equally likely. `bound` has to be positive.
    pub fn below(&mut self, bound: usize) -> usize {
        debug_assert!(bound > 0);
        let bound = bound as u64;
        // Draws beyond the largest multiple of `bound` are thrown away, or small numbers would be favoured.
        let fair = u64::MAX - u64::MAX % bound;
        loop {
            let draw = u64::from(self.bits()) << 32 | u64::from(self.bits());
            if draw < fair {
                return (draw % bound) as usize;
            }
        }
    }

    /// `count` different numbers of `0..bound` in ascending order (all of them if there are fewer): Floyd's
    /// sampling, so a few out of many costs memory for the few.
    pub fn distinct(&mut self, count: usize, bound: usize) -> Vec<usize> {
        let mut chosen = std::collections::BTreeSet::new();
        for last in bound.saturating_sub(count)..bound {
            let draw = self.below(last + 1);
            if !chosen.insert(draw) {
                chosen.insert(last);
            }
        }
        chosen.into_iter().collect()
    }

    /// Puts `values` in random order.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that come with Random123 (`kat_vectors`).
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn distinct_numbers_are_distinct_and_reach_everything() {
        let mut rng = Rng::new(1, 2);
        let chosen = rng.distinct(40, 100);
        assert_eq!(chosen.len(), 40);
        assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]) && chosen[39] < 100);
        assert_eq!(rng.distinct(9, 5), vec![0, 1, 2, 3, 4]);
        let mut counts = [0; 10];
        (0..2000).for_each(|_| rng.distinct(3, 10).into_iter().for_each(|at| counts[at] += 1));
        // Each is in a sample with probability 0.3: 600 ± 20.5, and five standard deviations are 103.
        assert!(counts.iter().all(|&count| (497..=703).contains(&count)), "{counts:?}");
    }

    #[test]
    fn below_is_fair_and_normals_are_standard() {
        let mut rng = Rng::new(3, 0);
        let mut counts = [0; 3];
        (0..30_000).for_each(|_| counts[rng.below(3)] += 1);
        // 10,000 ± 81.6 each; five standard deviations are 409.
        assert!(counts.iter().all(|&count: &i32| (count - 10_000).abs() < 409), "{counts:?}");
        let draws: Vec<f64> = (0..40_000).map(|_| f64::from(rng.normal())).collect();
        let mean = draws.iter().sum::<f64>() / 4e4;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / 4e4;
        // Standard errors 1/200 and √2/200; five of each.
        assert!(mean.abs() < 0.025 && (variance - 1.0).abs() < 0.036, "{mean} {variance}");
    }
}
