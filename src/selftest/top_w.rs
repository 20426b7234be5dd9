//! Check of `top_w`: the lists are those of the nearest codewords but for rounding.

use super::assign::{METRICS, OF_EVERY_TILE, SHAPES};
use super::{Check, oracle};
use crate::error::Result;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;

pub(super) fn check(check: &mut Check) -> Result<()> {
    for (number, (n, d, k)) in SHAPES.into_iter().enumerate() {
        let metric = METRICS[number % METRICS.len()];
        let w = [1, 2, 5, 13, 64][number % 5].min(k);
        compare(check, "", metric, (n, d, k), w)?;
    }
    check.on_further_tiles(|check, tile| {
        compare(check, &format!("{tile}, "), Metric::SquaredL2, OF_EVERY_TILE, 5)
    })?;

    // Every score is the same: the list is in order of number.
    let engine = check.engine();
    let codebook = Codebook::new(&engine, ndarray::Array2::zeros((40, 6)).view(), Metric::SquaredL2)?;
    let mut codes = engine.uninitialized(3, 9)?;
    let mut distances = engine.uninitialized(3, 9)?;
    let mut recorder = engine.recorder();
    recorder.top_w(
        &engine.upload(check.normals(3, 6, 0.0).view())?,
        &codebook,
        &mut codes,
        &mut distances,
    )?;
    recorder.submit()?;
    let want: Vec<u32> = (0..27).map(|at| at % 9).collect();
    check.same("equal codewords are listed in order", codes.download()?, &want);
    Ok(())
}

fn compare(
    check: &mut Check,
    on: &str,
    metric: Metric,
    (n, d, k): (usize, usize, usize),
    w: usize,
) -> Result<()> {
    let engine = check.engine();
    let case = format!("{on}{metric:?}, n {n}, d {d}, k {k}, w {w}");
    let (x, codewords) = (check.normals(n, d, 0.5), check.normals(k, d, 0.5));
    let codebook = Codebook::new(&engine, codewords.view(), metric)?;
    let mut codes = engine.uninitialized(n, w)?;
    let mut distances = engine.uninitialized(n, w)?;
    let mut recorder = engine.recorder();
    recorder.top_w(&engine.upload(x.view())?, &codebook, &mut codes, &mut distances)?;
    recorder.submit()?;
    let flat = codewords.as_slice().expect("standard layout");
    let codes = codes.download()?;
    check.lists(&case, codes.clone(), |row, list| {
        if let Some(wild) = list.iter().find(|&&code| code as usize >= k) {
            return Err(format!("{wild} is no codeword"));
        }
        oracle::check_nearest(metric, &x.row(row).to_vec(), flat, list)
    });
    let codeword = |at: usize| codewords.row((codes[[at / w, at % w]] as usize).min(k - 1));
    let want: Vec<f64> = (0..n * w).map(|at| metric.distance(x.row(at / w), codeword(at))).collect();
    check.close(&format!("{case}, distances"), distances.download()?, &want, |at| {
        1.01 * oracle::distance_error(metric, &x.row(at / w).to_vec(), &codeword(at).to_vec())
    });
    Ok(())
}
