//! Check of `codebook_mean` against float64.

use super::Check;
use super::oracle::sum_bound;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (k, d) in [(1, 1), (15, 16), (17, 33), (500, 3), (256, 200)] {
        let codewords = check.normals(k, d, 2.0);
        let mut recorder = engine.recorder();
        let padded = d.next_multiple_of(8);
        let mut mean = engine.uninitialized(1, padded)?;
        recorder.codebook_mean(&engine.upload(codewords.view())?, &mut mean)?;
        recorder.submit()?;
        let column = |at: usize| codewords.column(at.min(d - 1));
        let want: Vec<f64> =
            (0..padded)
                .map(|at| {
                    if at < d {
                        column(at).iter().map(|&c| f64::from(c)).sum::<f64>() / k as f64
                    } else {
                        0.0
                    }
                })
                .collect();
        // A sum of k values and a division.
        check.close(&format!("k {k}, d {d}"), mean.download()?, &want, |at| {
            sum_bound(k + 3, column(at).iter().map(|&c| f64::from(c).abs()).sum::<f64>() / k as f64)
        });
    }
    Ok(())
}
