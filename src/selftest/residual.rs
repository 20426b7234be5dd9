//! Check of `residual` against float64.

use super::Check;
use super::oracle::U;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, d, k) in [(1, 1, 1), (255, 3, 7), (256, 1, 300), (257, 128, 500), (4096, 33, 5)] {
        let case = format!("n {n}, d {d}, k {k}");
        let (x, codebook) = (check.normals(n, d, 1.0), check.normals(k, d, 1.0));
        let mut codes = check.codes(n, k);
        codes[[n - 1, 0]] = k as u32;
        let mut residuals = engine.uninitialized(n, d)?;
        let mut recorder = engine.recorder();
        recorder.residual(
            &engine.upload(x.view())?,
            &engine.upload(codebook.view())?,
            &engine.upload(codes.view())?,
            &mut residuals,
        )?;
        recorder.submit()?;
        let codeword = |i: usize, j: usize| codebook.get((codes[[i, 0]] as usize, j)).copied().unwrap_or(0.0);
        let want: Vec<f64> =
            x.indexed_iter().map(|((i, j), &x)| f64::from(x) - f64::from(codeword(i, j))).collect();
        // One subtraction, which WGSL lets round to either neighbour, and flush if it is subnormal.
        let bound = |at: usize| 2.0 * U * want[at].abs() + f64::from(f32::MIN_POSITIVE);
        check.close(&case, residuals.download()?, &want, bound);
    }

    let mut residuals = engine.uninitialized(0, 3)?;
    let codebook = engine.upload(check.normals(2, 3, 0.0).view())?;
    let (x, codes) = (engine.uninitialized(0, 3)?, engine.uninitialized(0, 1)?);
    let mut recorder = engine.recorder();
    recorder.residual(&x, &codebook, &codes, &mut residuals)?;
    recorder.submit()?;
    check.holds("n 0", "no vectors leave no residuals", residuals.download()?.is_empty());
    Ok(())
}
