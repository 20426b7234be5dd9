//! Check of `distance_matrix` against float64.

use super::assign::{METRICS, OF_EVERY_TILE, SHAPES};
use super::{Check, oracle};
use crate::error::Result;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;

pub(super) fn check(check: &mut Check) -> Result<()> {
    for metric in METRICS {
        for shape in SHAPES {
            compare(check, "", metric, shape)?;
        }
    }
    // The cosine adds up the lengths of rows too.
    check.on_further_tiles(|check, tile| compare(check, &format!("{tile}, "), Metric::Cosine, OF_EVERY_TILE))
}

fn compare(check: &mut Check, on: &str, metric: Metric, (n, d, k): (usize, usize, usize)) -> Result<()> {
    let engine = check.engine();
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
    check.close(&format!("{on}{metric:?}, n {n}, d {d}, k {k}"), distances.download()?, &want, |at| {
        1.01 * oracle::distance_error(metric, &pairs[at].0.to_vec(), &pairs[at].1.to_vec())
    });
    Ok(())
}
