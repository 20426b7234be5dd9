//! Check of `distance_matrix` against float64.

use super::assign::{METRICS, SHAPES};
use super::{Check, oracle};
use crate::error::Result;
use crate::kernels::prepare_codebook::Codebook;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for metric in METRICS {
        for (n, d, k) in SHAPES {
            // Rows of k distances: a shard holds 256 of them at least, also where bindings are kept small.
            let k = k.min(250);
            let (x, codewords) = (check.normals(n, d, 3.0), check.normals(k, d, 3.0));
            let codebook = Codebook::new(&engine, codewords.view(), metric)?;
            let mut distances = engine.uninitialized(n, k)?;
            let mut recorder = engine.recorder();
            recorder.distance_matrix(&engine.upload(x.view())?, &codebook, &mut distances)?;
            recorder.submit()?;
            let pairs: Vec<_> = (0..n * k).map(|at| (x.row(at / k), codewords.row(at % k))).collect();
            let want: Vec<f64> = pairs.iter().map(|(x, c)| metric.distance(*x, *c)).collect();
            check.close(&format!("{metric:?}, n {n}, d {d}, k {k}"), distances.download()?, &want, |at| {
                1.01 * oracle::distance_error(metric, &pairs[at].0.to_vec(), &pairs[at].1.to_vec())
            });
        }
    }
    Ok(())
}
