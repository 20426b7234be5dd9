//! Check of `row_distances` against float64.

use super::{Check, oracle};
use crate::error::Result;
use crate::metrics::Metric;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, d) in [(1, 1), (255, 3), (257, 128), (1000, 33), (300, 200)] {
        let (x, y) = (check.normals(n, d, 5.0), check.normals(n, d, 5.0));
        let mut distances = engine.uninitialized(n, 1)?;
        let mut recorder = engine.recorder();
        recorder.row_distances(&engine.upload(x.view())?, &engine.upload(y.view())?, &mut distances)?;
        recorder.submit()?;
        let metric = Metric::SquaredL2;
        let want: Vec<f64> = (0..n).map(|row| metric.distance(x.row(row), y.row(row))).collect();
        check.close(&format!("n {n}, d {d}"), distances.download()?, &want, |row| {
            1.01 * oracle::distance_error(metric, &x.row(row).to_vec(), &y.row(row).to_vec())
        });
    }
    Ok(())
}
