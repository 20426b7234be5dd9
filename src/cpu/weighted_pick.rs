//! CPU twin of `shaders/weighted_pick.wgsl`.

use rayon::prelude::*;

use super::reduce::{BLOCK, block_sums};
use crate::rng;

/// Rows that are drawn before another thread would be awake.
const ALONE: usize = 16;

/// Draws a row for every element of `picked`, with probability proportional to its weight.
pub(crate) fn weighted_pick(weights: &[f32], seed: u64, step: u64, picked: &mut [u32]) {
    let mut sums: Vec<Vec<f32>> = Vec::new();
    while let Some(level) =
        Some(sums.last().map_or(weights, Vec::as_slice)).filter(|level| level.len() > BLOCK)
    {
        let mut next = vec![0.0; level.len().div_ceil(BLOCK)];
        block_sums(level, &mut next);
        sums.push(next);
    }
    let levels: Vec<&[f32]> = std::iter::once(weights).chain(sums.iter().map(Vec::as_slice)).collect();
    picked.par_iter_mut().enumerate().with_min_len(ALONE).for_each(|(candidate, picked)| {
        let counter = [candidate as u32, 0, step as u32, (step >> 32) as u32];
        let words = rng::philox(counter, rng::key(seed));
        *picked = (0..levels.len()).rev().fold(0, |node, level| {
            let first = node * BLOCK;
            let children = &levels[level][first..];
            let children = &children[..children.len().min(BLOCK)];
            let rows_below = |child: usize| {
                let span = BLOCK.pow(level as u32);
                span.min(weights.len() - (first + child) * span) as f32
            };
            first + pick_child(children, rows_below, rng::unit(words[level]))
        }) as u32;
    });
}

/// The first child of positive weight up to which the weights sum to more than `u` of all; if all are 0, they weigh
/// as much as there are rows below them.
fn pick_child(weights: &[f32], rows_below: impl Fn(usize) -> f32, u: f32) -> usize {
    let mut children = [0.0; BLOCK];
    children[..weights.len()].copy_from_slice(weights);
    let mut sums = scan(children);
    if sums[BLOCK - 1] == 0.0 {
        (0..weights.len()).for_each(|child| children[child] = rows_below(child));
        sums = scan(children);
    }
    let target = u * sums[BLOCK - 1];
    let mut positive = (0..BLOCK).filter(|&child| children[child] > 0.0);
    let first = positive.clone().find(|&child| sums[child] > target);
    first.or_else(|| positive.next_back()).unwrap_or(0)
}

/// Inclusive sums in doubling steps: the shader's order of addition.
fn scan(mut sums: [f32; BLOCK]) -> [f32; BLOCK] {
    for level in 0..BLOCK.ilog2() {
        let distance = 1 << level;
        let before = sums;
        for (sum, earlier) in sums[distance..].iter_mut().zip(before) {
            *sum += earlier;
        }
    }
    sums
}
