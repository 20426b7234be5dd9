//! Check of `row_sums`, and of the column sums beside it, against float64.

use super::{Check, oracle};
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, d) in [(1, 1), (255, 3), (257, 128), (1000, 33)] {
        let x = check.normals(n, d, 0.5);
        let (mut rows, mut columns) = (engine.uninitialized(n, 1)?, engine.uninitialized(1, d)?);
        let there = engine.upload(x.view())?;
        let mut recorder = engine.recorder();
        recorder.row_sums(&there, &mut rows)?;
        recorder.column_sums(&there, &mut columns)?;
        recorder.submit()?;
        let x = x.mapv(f64::from);
        let sums = |x: &ndarray::Array2<f64>| x.rows().into_iter().map(|row| row.sum()).collect::<Vec<_>>();
        let (turned, sizes) = (x.t().to_owned(), x.mapv(f64::abs));
        let row_sizes = sums(&sizes);
        check.close(&format!("rows of {n} × {d}"), rows.download()?, &sums(&x), |at| {
            oracle::sum_bound(d, row_sizes[at])
        });
        let column_sizes = sums(&sizes.t().to_owned());
        check.close(&format!("columns of {n} × {d}"), columns.download()?, &sums(&turned), |at| {
            oracle::sum_bound(n, column_sizes[at])
        });
    }
    Ok(())
}
