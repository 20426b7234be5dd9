//! Check of `tally` against sums on the host.

use ndarray::Array2;

use super::Check;
use crate::error::Result;
use crate::rng::Rng;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    let mut rng = Rng::new(7, 0);
    for k in [1, 255, 257, 70_000] {
        let mut counts = || Array2::from_shape_simple_fn((k, 1), || rng.below(3) as u32);
        let (first, second) = (counts(), counts());
        let (mut vectors, mut batches) = (engine.zeros(k, 1)?, engine.zeros(k, 1)?);
        let mut recorder = engine.recorder();
        for counts in [&first, &second] {
            recorder.tally(&engine.upload(counts.view())?, &mut vectors, &mut batches)?;
        }
        recorder.submit()?;
        let sums: Vec<u32> = first.iter().zip(&second).map(|(a, b)| a + b).collect();
        check.same(&format!("vectors of {k}"), vectors.download()?, &sums);
        let used = first.iter().zip(&second).map(|(&a, &b)| u32::from(a > 0) + u32::from(b > 0));
        check.same(&format!("batches of {k}"), batches.download()?, &used.collect::<Vec<u32>>());
    }
    Ok(())
}
