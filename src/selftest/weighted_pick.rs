//! Check of `weighted_pick`: every single draw against float64 sums, and the counts of many against their odds.

use ndarray::Array2;

use super::Check;
use super::oracle::U;
use crate::error::Result;
use crate::rng;

const BLOCK: usize = 256;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // One, two and three levels; the last is over 256 KiB.
    for (n, candidates) in
        [(1, 3), (5, 300), (255, 70), (256, 70), (257, 70), (4000, 256), (65_536, 64), (70_001, 300)]
    {
        let squares = check.normals(n, 1, 0.0).mapv(|value| value * value);
        draws(check, &format!("{n} squares"), &squares, candidates)?;
        // Nine of ten weigh nothing, and the last block nothing at all.
        let mut few = squares.clone();
        few.iter_mut().enumerate().filter(|(row, _)| row % 10 != 3).for_each(|(_, weight)| *weight = 0.0);
        few.iter_mut().skip(n / 2).for_each(|weight| *weight = 0.0);
        few[[0, 0]] = 1e-3;
        draws(check, &format!("{n} weights, most 0"), &few, candidates)?;
        draws(check, &format!("{n} weights, all 0"), &Array2::zeros((n, 1)), candidates)?;
        let mut one = Array2::zeros((n, 1));
        one[[n - 1, 0]] = 1e-30;
        let got = pick(check, &one, 3, 4, 5)?;
        check.same(&format!("{n} weights, one not 0"), got, &[n as u32 - 1; 5]);
    }
    odds(check)?;

    let engine = check.engine();
    let weights = engine.zeros(0, 1)?;
    let mut recorder = engine.recorder();
    let picked = recorder.weighted_pick(&weights, 1, 1, &mut engine.zeros(2, 1)?);
    check.holds("no rows", "an error", picked.is_err());
    let none = recorder.weighted_pick(&weights, 1, 1, &mut engine.zeros(0, 1)?);
    check.holds("no rows for no candidates", "nothing to do", none.is_ok());
    recorder.submit()
}

fn pick(check: &Check, weights: &Array2<f32>, seed: u64, step: u64, candidates: usize) -> Result<Vec<u32>> {
    let engine = check.engine();
    let mut picked = engine.uninitialized(candidates, 1)?;
    let mut recorder = engine.recorder();
    recorder.weighted_pick(&engine.upload(weights.view())?, seed, step, &mut picked)?;
    recorder.submit()?;
    Ok(picked.download()?.into_iter().collect())
}

/// At every level of the tree the candidate's uniform has to lie where the choice's share of its node does.
fn draws(check: &mut Check, case: &str, weights: &Array2<f32>, candidates: usize) -> Result<()> {
    let (seed, step) = (0x0123_4567_89ab_cdef, 9 << 32 | candidates as u64);
    let got = pick(check, weights, seed, step, candidates)?;
    let shares = shares(weights);
    let excess = |candidate: usize, row: usize| {
        let words = rng::philox([candidate as u32, 0, step as u32, (step >> 32) as u32], rng::key(seed));
        let levels = shares.iter().zip(words);
        let misses = levels.scan(row, |at, (shares, word)| {
            let (low, high) = shares[*at];
            let u = f64::from(rng::unit(word));
            *at /= BLOCK;
            Some(if high > low { (low - u).max(u - high).max(0.0) } else { 1.0 })
        });
        misses.fold(0.0, f64::max)
    };
    // A child's weight has eight roundings from each level below, a sum over children eight more, both in the sum up
    // to the choice and in that of all, and u times the latter is rounded once.
    let bound = (16 * shares.len() + 1) as f64 * U * 1.001;
    check.choices(case, got, weights.len(), excess, |_| bound);
    Ok(())
}

/// For every level and each child there, from where to where its share of its node goes, in float64.
fn shares(weights: &Array2<f32>) -> Vec<Vec<(f64, f64)>> {
    let all_zero = weights.iter().all(|&weight| weight == 0.0);
    let mut level: Vec<f64> =
        weights.iter().map(|&weight| if all_zero { 1.0 } else { f64::from(weight) }).collect();
    let mut shares = Vec::new();
    loop {
        let of_node = |children: &[f64]| {
            let total: f64 = children.iter().sum();
            let mut sum = 0.0;
            let share = |child: &f64| {
                let low = sum / total;
                sum += child;
                (low, sum / total)
            };
            children.iter().map(share).collect::<Vec<_>>()
        };
        shares.push(level.chunks(BLOCK).flat_map(of_node).collect());
        if level.len() <= BLOCK {
            return shares;
        }
        level = level.chunks(BLOCK).map(|node| node.iter().sum()).collect();
    }
}

/// Pearson's statistic of the counts in groups of rows. Over `draws` from `groups` of probabilities p it has mean
/// g − 1 and variance 2 (g − 1) + (Σ 1/p − g² − 2g + 2) / draws; five standard deviations are allowed.
fn odds(check: &mut Check) -> Result<()> {
    let skewed = Array2::from_shape_fn((70_000, 1), |(row, _)| (row % 97) as f32 * (1.0 + row as f32 / 7e3));
    for (case, weights, groups) in [
        ("3 to 1 to 0 to 4", ndarray::array![[3.0_f32], [1.0], [0.0], [4.0]], 4),
        ("70,000 skewed weights", skewed, 20),
        ("3,000 weights of 0", Array2::zeros((3000, 1)), 15),
    ] {
        let all_zero = weights.iter().all(|&weight| weight == 0.0);
        let size = weights.len() / groups;
        let mut odds = vec![0.0; groups];
        for (row, &weight) in weights.iter().enumerate() {
            odds[row / size] += if all_zero { 1.0 } else { f64::from(weight) };
        }
        let total: f64 = odds.iter().sum();
        let mut counts = vec![0.0; groups];
        let draws = 2048;
        for row in pick(check, &weights, 17, 1, draws)? {
            counts[(row as usize / size).min(groups - 1)] += 1.0;
        }
        let (mut statistic, mut reciprocals, mut g) = (0.0, 0.0, 0.0);
        for (count, odds) in counts.iter().zip(odds).filter(|(_, odds)| *odds > 0.0) {
            let expected = odds / total * draws as f64;
            statistic += (count - expected) * (count - expected) / expected;
            reciprocals += total / odds;
            g += 1.0;
        }
        let variance = 2.0 * (g - 1.0) + (reciprocals - g * g - 2.0 * g + 2.0) / draws as f64;
        check.close(case, [statistic as f32], &[g - 1.0], |_| 5.0 * variance.sqrt());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;

    fn picks_on(engine: &Engine) -> Vec<u32> {
        let mut rng = crate::rng::Rng::new(12, 0);
        let weights = ndarray::Array2::from_shape_simple_fn((200_003, 1), || rng.uniform());
        let mut picked = engine.zeros(1000, 1).unwrap();
        let mut recorder = engine.recorder();
        recorder.weighted_pick(&engine.upload(weights.view()).unwrap(), 1, 2, &mut picked).unwrap();
        recorder.submit().unwrap();
        picked.download().unwrap().into_iter().collect()
    }

    #[test]
    fn picks_are_the_same_whatever_the_shards_and_threads() {
        let cpu = picks_on(&Engine::cpu());
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one_thread.install(|| picks_on(&Engine::cpu())), cpu);
        let Some(whole) = crate::test_gpu() else { return };
        let sharded = Engine::builder().device("gpu").max_binding(256 << 10).build().unwrap();
        assert_eq!(picks_on(&sharded), picks_on(&whole));
    }
}
