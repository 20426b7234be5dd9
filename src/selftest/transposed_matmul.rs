//! Check of `transposed_matmul` against float64.

use super::{Check, oracle};
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    let shapes = [
        (1, 1, 1),
        (17, 3, 5),
        (256, 64, 64),
        (300, 65, 63),
        (1000, 1, 130),
        (40_000, 7, 3),
        (257, 128, 200),
    ];
    for (n, p, q) in shapes {
        let (a, b) = (check.normals(n, p, 1.0), check.normals(n, q, -1.0));
        let mut products = engine.uninitialized(p, q)?;
        let mut recorder = engine.recorder();
        recorder.transposed_matmul(&engine.upload(a.view())?, &engine.upload(b.view())?, &mut products)?;
        recorder.submit()?;

        let (a, b) = (a.mapv(f64::from), b.mapv(f64::from));
        let want = a.t().dot(&b);
        let sizes = a.mapv(f64::abs).t().dot(&b.mapv(f64::abs));
        let flat = |values: &ndarray::Array2<f64>| values.iter().copied().collect::<Vec<_>>();
        let sizes = flat(&sizes);
        check.close(&format!("n {n}, p {p}, q {q}"), products.download()?, &flat(&want), |at| {
            oracle::sum_bound(n, sizes[at])
        });
    }
    Ok(())
}
