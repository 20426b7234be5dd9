//! Check of `products`, both as plain products and as scores.

use super::assign::{OF_EVERY_TILE, SHAPES};
use super::{Check, oracle};
use crate::error::Result;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;

pub(super) fn check(check: &mut Check) -> Result<()> {
    SHAPES.into_iter().try_for_each(|shape| compare(check, "", shape))?;
    check.on_further_tiles(|check, tile| compare(check, &format!("{tile}, "), OF_EVERY_TILE))
}

fn compare(check: &mut Check, on: &str, (n, d, k): (usize, usize, usize)) -> Result<()> {
    let engine = check.engine();
    // Rows of k products: a shard holds 256 of them at least, also where bindings are kept small.
    let k = k.min(250);
    let case = format!("{on}n {n}, d {d}, k {k}");
    let (x, c) = (check.normals(n, d, 1.0), check.normals(k, d, 1.0));
    let (x_there, c_there) = (engine.upload(x.view())?, engine.upload(c.view())?);
    let codebook = Codebook::new(&engine, c.view(), Metric::SquaredL2)?;
    let (mut products, mut scores) = (engine.uninitialized(n, k)?, engine.uninitialized(n, k)?);
    let mut recorder = engine.recorder();
    recorder.matmul_transposed(&x_there, &c_there, &mut products)?;
    recorder.scores(&x_there, &codebook, &mut scores)?;
    recorder.submit()?;

    let pairs: Vec<_> = (0..n * k).map(|at| (x.row(at / k), c.row(at % k))).collect();
    let terms = |at: usize| {
        let (x, c) = pairs[at];
        x.iter().zip(c).map(|(&x, &c)| f64::from(x) * f64::from(c)).collect::<Vec<_>>()
    };
    let want: Vec<f64> = (0..n * k).map(|at| terms(at).iter().sum()).collect();
    check.close(&case, products.download()?, &want, |at| {
        oracle::sum_bound(d, terms(at).iter().map(|term| term.abs()).sum())
    });

    // The score is half the distance less half that of the row to the mean, which only the score knows exactly.
    let mean = oracle::mean(c.as_slice().expect("standard layout"), d);
    let mean = ndarray::ArrayView1::from(&mean);
    let metric = Metric::SquaredL2;
    let want: Vec<f64> =
        pairs.iter().map(|(x, c)| 0.5 * (metric.distance(*x, *c) - metric.distance(*x, mean))).collect();
    check.close(&format!("{case}, scores"), scores.download()?, &want, |at| {
        let (x, c) = (pairs[at].0.to_vec(), pairs[at].1.to_vec());
        let mean = mean.to_vec();
        // A mean that is off by one rounding shifts all scores of a row alike.
        let shift: f64 =
            x.iter().zip(&mean).map(|(x, m)| f64::from((x - m).abs()) * f64::from(m.abs())).sum();
        oracle::score_error(metric, &x, &c, &mean) + 4.0 * oracle::U * shift
    });
    Ok(())
}
