//! CPU twin of `shaders/reduce.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::widest::widest;

/// Values that are reduced to one at each level; sums are the same tree in every block, wherever it is computed.
pub(crate) const BLOCK: usize = 256;

/// The sum, as a tree of blocks of blocks.
pub(crate) fn sum(values: &[f32]) -> f32 {
    let mut sums = vec![0.0; values.len().div_ceil(BLOCK).max(1)];
    block_sums(values, &mut sums);
    if sums.len() == 1 { sums[0] } else { sum(&sums) }
}

/// The sum of the squares, as the same tree.
pub(crate) fn sum_squares(values: &[f32]) -> f32 {
    let mut sums = vec![0.0; values.len().div_ceil(BLOCK).max(1)];
    block_sums_of(values, &mut sums, |value| value * value);
    sum(&sums)
}

/// `sums[b]`: the sum of block `b` of `values`.
pub(crate) fn block_sums(values: &[f32], sums: &mut [f32]) {
    block_sums_of(values, sums, |value| value);
}

fn block_sums_of(values: &[f32], sums: &mut [f32], f: impl Fn(f32) -> f32 + Sync) {
    let arch = Arch::new();
    sums.par_iter_mut().zip(values.par_chunks(BLOCK)).with_min_len(64).for_each(|(sum, block)| {
        let mut padded = [0.0; BLOCK];
        let block = block.first_chunk().unwrap_or_else(|| {
            padded[..block.len()].copy_from_slice(block);
            &padded
        });
        *sum = widest(
            arch,
            #[inline(always)]
            || tree_sum(block.map(&f)),
        );
    });
}

/// Halves onto halves, eight times.
#[inline(always)]
fn tree_sum(mut sums: [f32; BLOCK]) -> f32 {
    let mut half = BLOCK / 2;
    while half > 0 {
        for at in 0..half {
            sums[at] += sums[at + half];
        }
        half /= 2;
    }
    sums[0]
}

/// The least value and its row number, the lowest of equals; `None` of nothing.
pub(crate) fn min(values: &[f32]) -> Option<(f32, u32)> {
    first_best(values, |a, b| a < b)
}

/// The greatest value and its row number, the lowest of equals; `None` of nothing.
pub(crate) fn max(values: &[f32]) -> Option<(f32, u32)> {
    first_best(values, |a, b| a > b)
}

fn first_best(values: &[f32], better: impl Fn(f32, f32) -> bool + Sync) -> Option<(f32, u32)> {
    const CHUNK: usize = 4096;
    let best_of = |(number, chunk): (usize, &[f32])| {
        let best = best_value(chunk, &better);
        let at = chunk.iter().position(|&value| value == best).unwrap_or(0);
        // The value itself, not its equal: a −0 stays one.
        (chunk[at], (number * CHUNK + at) as u32)
    };
    // Of two chunks' equals the earlier chunk's has the lower number.
    values.par_chunks(CHUNK).enumerate().map(best_of).reduce_with(|a, b| {
        let earlier = if a.1 < b.1 { a } else { b };
        let later = if a.1 < b.1 { b } else { a };
        if better(later.0, earlier.0) { later } else { earlier }
    })
}

/// In sixteen lanes, which a compiler turns into vectors.
fn best_value(chunk: &[f32], better: &impl Fn(f32, f32) -> bool) -> f32 {
    let pick = |a: f32, b: f32| if better(b, a) { b } else { a };
    let (sixteens, rest) = chunk.as_chunks::<16>();
    let mut best = [chunk[0]; 16];
    for values in sixteens {
        for lane in 0..16 {
            best[lane] = pick(best[lane], values[lane]);
        }
    }
    best.into_iter().chain(rest.iter().copied()).fold(chunk[0], pick)
}
