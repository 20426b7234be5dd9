//! Check of `code_distances` against float64.

use super::{Check, oracle};
use crate::error::Result;
use crate::metrics::Metric;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, d, k) in [(1, 1, 1), (15, 3, 2), (17, 128, 40), (300, 33, 7), (65, 200, 9)] {
        let (x, codebook) = (check.normals(n, d, 5.0), check.normals(k, d, 5.0));
        let codes = check.codes(n, k);
        let mut distances = engine.uninitialized(n, 1)?;
        let (values, rows, numbers) =
            (engine.upload(x.view())?, engine.upload(codebook.view())?, engine.upload(codes.view())?);
        let mut recorder = engine.recorder();
        recorder.code_distances(&values, &rows, &numbers, &mut distances, 0..n)?;
        recorder.submit()?;
        let metric = Metric::SquaredL2;
        let codeword = |row: usize| codebook.row(codes[[row, 0]] as usize);
        let want: Vec<f64> = (0..n).map(|row| metric.distance(x.row(row), codeword(row))).collect();
        check.close(&format!("n {n}, d {d}, k {k}"), distances.download()?, &want, |row| {
            1.01 * oracle::distance_error(metric, &x.row(row).to_vec(), &codeword(row).to_vec())
        });
    }
    Ok(())
}
