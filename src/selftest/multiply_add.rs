//! Check of `multiply_add` against float64.

use super::Check;
use super::oracle::U;
use crate::error::Result;
use crate::ops::MULTIPLY_ADD_CHAINS as CHAINS;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, rounds) in [(1, 0), (3, 1), (255, 7), (257, 100), (70_000, 3)] {
        let (factor, addend) = (0.875_f32, 0.25_f32);
        let mut sums = engine.uninitialized(n, 1)?;
        let mut recorder = engine.recorder();
        recorder.multiply_add(&mut sums, rounds, factor, addend)?;
        recorder.submit()?;
        let chain = |number: usize| {
            (0..rounds).fold(number as f64 / CHAINS as f64, |v, _| v * f64::from(factor) + f64::from(addend))
        };
        let want: f64 = (0..CHAINS).map(chain).sum();
        // Values stay below 2, so each round rounds by 4u at most (a product and a sum) and keeps 7/8 of the error so
        // far: 32u per chain in the end, and then a sum of 64.
        let bound = CHAINS as f64 * 32.0 * U + CHAINS as f64 * U * want;
        check.close(&format!("n {n}, {rounds} rounds"), sums.download()?, &vec![want; n], |_| bound);
    }
    Ok(())
}
