//! Check of `random_fill`: uniforms bit by bit, normals and Gumbels against float64, and their moments.

use super::Check;
use super::oracle::U;
use crate::error::Result;
use crate::ops::Distribution::{self, Gumbel, Normal, Uniform};
use crate::rng;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let known = [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8].map(rng::unit);
    check.same_bits("the published words of seed 0", fill(check, Uniform, 0, 0, (1, 4))?, &known);
    // The last is over 256 KiB, and its rows are no whole quadruples.
    let seeds = [(0, 0), (7, 1), (0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210)];
    for ((n, d), (seed, step)) in
        [(1, 1), (1, 7), (9, 111), (256, 5), (1031, 65)].into_iter().zip(seeds.into_iter().cycle())
    {
        let case = |distribution| format!("{distribution:?}, n {n}, d {d}, seed {seed}, step {step}");
        let words: Vec<[u32; 4]> =
            (0..n * d).step_by(4).map(|first| words(first as u64 / 4, seed, step)).collect();

        let want: Vec<f32> = words.iter().flatten().map(|&word| rng::unit(word)).take(n * d).collect();
        check.same_bits(&case(Uniform), fill(check, Uniform, seed, step, (n, d))?, &want);

        // The bounds are counted out in the shaders.
        let want: Vec<f64> = words.iter().flat_map(|words| normals(*words)).take(n * d).collect();
        check.close(&case(Normal), fill(check, Normal, seed, step, (n, d))?, &want, |at| {
            20.0 * U * want[at].abs()
        });

        let want: Vec<f64> =
            words.iter().flatten().map(|&word| -exponential(word).ln()).take(n * d).collect();
        let bound = |at: usize| (8.0 + 5.0 * want[at].abs()) * U;
        check.close(&case(Gumbel), fill(check, Gumbel, seed, step, (n, d))?, &want, bound);
    }
    moments(check)?;
    check.holds("no elements", "nothing to do", fill(check, Normal, 1, 1, (0, 3))?.is_empty());
    Ok(())
}

fn fill(
    check: &Check,
    distribution: Distribution,
    seed: u64,
    step: u64,
    shape: (usize, usize),
) -> Result<Vec<f32>> {
    let engine = check.engine();
    let mut filled = engine.uninitialized(shape.0, shape.1)?;
    let mut recorder = engine.recorder();
    recorder.random_fill(distribution, seed, step, &mut filled)?;
    recorder.submit()?;
    Ok(filled.download()?.into_iter().collect())
}

fn words(block: u64, seed: u64, step: u64) -> [u32; 4] {
    rng::philox([block as u32, (block >> 32) as u32, step as u32, (step >> 32) as u32], rng::key(seed))
}

/// −ln u for u = (word + ½) / 2³², from the nearer end.
fn exponential(word: u32) -> f64 {
    let share = |word: u32| (f64::from(word) + 0.5) / 2f64.powi(32);
    if word < 1 << 31 { -share(word).ln() } else { -(-share(!word)).ln_1p() }
}

fn normals([a, b, c, d]: [u32; 4]) -> [f64; 4] {
    let pair = |a, b: u32| {
        // Reduced to an eighth of a turn in whole numbers: the sine of π in f64 is not 0.
        let quarter = b.wrapping_add(1 << 29) >> 30;
        let rest = f64::from(b.wrapping_sub(quarter << 30).cast_signed());
        let (sin, cos) = (rest * std::f64::consts::TAU / 2f64.powi(32)).sin_cos();
        let (cos, sin) = [(cos, sin), (-sin, cos), (-cos, -sin), (sin, -cos)][quarter as usize];
        let radius = (2.0 * exponential(a)).sqrt();
        [radius * cos, radius * sin]
    };
    let ([first, second], [third, fourth]) = (pair(a, b), pair(c, d));
    [first, second, third, fourth]
}

/// Means and variances of 300,000 numbers within five standard errors: √(variance / N) for the mean and
/// √((fourth central moment − variance²) / N) for the variance, whose moments of each distribution are known.
fn moments(check: &mut Check) -> Result<()> {
    const EULER: f64 = 0.577_215_664_901_532_9;
    let gumbel_variance = std::f64::consts::PI.powi(2) / 6.0;
    for (distribution, mean, variance, kurtosis) in
        [(Uniform, 0.5, 1.0 / 12.0, 1.8), (Normal, 0.0, 1.0, 3.0), (Gumbel, EULER, gumbel_variance, 5.4)]
    {
        let numbers = fill(check, distribution, 5, 3, (1200, 250))?;
        let count = numbers.len() as f64;
        let moment = |power: i32, about: f64| {
            numbers.iter().map(|&number| (f64::from(number) - about).powi(power)).sum::<f64>() / count
        };
        let got = [moment(1, 0.0) as f32, moment(2, mean) as f32];
        let errors = [(variance / count).sqrt(), variance * ((kurtosis - 1.0) / count).sqrt()];
        let case = format!("mean and variance of {distribution:?}");
        check.close(&case, got, &[mean, variance], |at| 5.0 * errors[at]);
    }
    Ok(())
}
