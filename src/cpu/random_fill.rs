//! CPU twin of `shaders/random_fill.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::math;
use super::widest::widest;
use crate::ops::Distribution;
use crate::rng;

/// Blocks of four words computed side by side, one per lane of whatever vectors there are.
const LANES: usize = 16;

/// Lanes' blocks per task.
const GROUPS: usize = 64;

/// Fills `filled` with what `distribution` makes of the words of `seed` and `step`.
pub(crate) fn random_fill(distribution: Distribution, seed: u64, step: u64, filled: &mut [f32]) {
    let arch = Arch::new();
    filled.par_chunks_mut(4 * LANES * GROUPS).enumerate().for_each(|(task, chunk)| {
        widest(
            arch,
            #[inline(always)]
            || {
                for (group, part) in chunk.chunks_mut(4 * LANES).enumerate() {
                    let block = ((task * GROUPS + group) * LANES) as u64;
                    let numbers = distribute(distribution, words(block, step, seed));
                    if let Some(part) = part.first_chunk_mut() {
                        interleave(&numbers, part);
                    } else {
                        let mut all = [0.0; 4 * LANES];
                        interleave(&numbers, &mut all);
                        part.copy_from_slice(&all[..part.len()]);
                    }
                }
            },
        );
    });
}

/// [`rng::philox`] of the blocks `first..first + LANES`: `[word][block]`.
#[inline(always)]
fn words(first: u64, step: u64, seed: u64) -> [[u32; LANES]; 4] {
    let block = std::array::from_fn(|lane| first + lane as u64);
    let mut counter = [
        block.map(|block: u64| block as u32),
        block.map(|block| (block >> 32) as u32),
        [step as u32; LANES],
        [(step >> 32) as u32; LANES],
    ];
    let [x, y, z, w] = &mut counter;
    let mut key = rng::key(seed);
    for _ in 0..10 {
        for lane in 0..LANES {
            let a = u64::from(x[lane]) * 0xD251_1F53;
            let b = u64::from(z[lane]) * 0xCD9E_8D57;
            x[lane] = (b >> 32) as u32 ^ y[lane] ^ key[0];
            y[lane] = b as u32;
            z[lane] = (a >> 32) as u32 ^ w[lane] ^ key[1];
            w[lane] = a as u32;
        }
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[inline(always)]
fn distribute(distribution: Distribution, words: [[u32; LANES]; 4]) -> [[f32; LANES]; 4] {
    match distribution {
        Distribution::Uniform => each(words, rng::unit),
        Distribution::Gumbel => each(words, |bits| -math::ln(exponential_variate(bits))),
        Distribution::Normal => {
            let mut numbers = [[0.0; LANES]; 4];
            for pair in [0, 2] {
                for lane in 0..LANES {
                    let radius = (2.0 * exponential_variate(words[pair][lane])).sqrt();
                    let (cos, sin) = math::cos_sin_turn(words[pair + 1][lane]);
                    numbers[pair][lane] = radius * cos;
                    numbers[pair + 1][lane] = radius * sin;
                }
            }
            numbers
        }
    }
}

#[inline(always)]
fn each(words: [[u32; LANES]; 4], f: impl Fn(u32) -> f32) -> [[f32; LANES]; 4] {
    // Loops, because arrays' `map` does not turn into vectors.
    let mut numbers = [[0.0; LANES]; 4];
    for (numbers, words) in numbers.iter_mut().zip(&words) {
        for (number, &bits) in numbers.iter_mut().zip(words) {
            *number = f(bits);
        }
    }
    numbers
}

/// −ln u for u = (bits + ½) / 2³².
#[inline(always)]
fn exponential_variate(bits: u32) -> f32 {
    let near_one = bits >= 1 << 31;
    let distance = (if near_one { !bits } else { bits } as f32 + 0.5) * (1.0 / 4_294_967_296.0);
    let below = math::ln(distance);
    let (exponent, f) = if distance < 0.29289323 { (0.0, -distance) } else { (-1.0, 1.0 - 2.0 * distance) };
    let above = math::ln_of(exponent, f);
    -(if near_one { above } else { below })
}

#[inline(always)]
fn interleave(numbers: &[[f32; LANES]; 4], part: &mut [f32; 4 * LANES]) {
    for lane in 0..LANES {
        for word in 0..4 {
            part[4 * lane + word] = numbers[word][lane];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lanes_hold_the_words_of_philox() {
        let (first, step, seed) = ((7 << 32) - 5, 3 << 40 | 9, 0x0123_4567_89ab_cdef);
        let lanes = words(first, step, seed);
        for lane in 0..LANES {
            let block = first + lane as u64;
            let counter = [block as u32, (block >> 32) as u32, step as u32, (step >> 32) as u32];
            assert_eq!(lanes.map(|word| word[lane]), rng::philox(counter, rng::key(seed)));
        }
    }
}
