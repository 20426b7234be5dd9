//! Check of `assign`: the chosen codeword is a nearest one but for rounding, and its distance is right.

use ndarray::{Array2, Axis, concatenate};
use rayon::prelude::*;

use super::{Check, oracle};
use crate::error::Result;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;

/// (n, d, k) at and about the edges of tiles, panels and groups of rows.
pub(super) const SHAPES: [(usize, usize, usize); 9] = [
    (1, 1, 1),
    (63, 3, 2),
    (65, 4, 9),
    (127, 17, 16),
    (129, 8, 129),
    (257, 33, 100),
    (300, 128, 257),
    (12, 384, 40),
    (700, 100, 7),
];

/// (n, d, k) of more than one workgroup, step and panel of every tile.
pub(super) const OF_EVERY_TILE: (usize, usize, usize) = (150, 36, 270);

pub(super) const METRICS: [Metric; 5] =
    [Metric::SquaredL2, Metric::Cosine, Metric::L1, Metric::Power(3), Metric::InnerProduct];

pub(super) fn check(check: &mut Check) -> Result<()> {
    for metric in METRICS {
        for (n, d, k) in SHAPES {
            let (x, codewords) = (check.normals(n, d, 0.0), check.normals(k, d, 0.0));
            compare(check, &format!("{metric:?}, n {n}, d {d}, k {k}"), metric, &x, &codewords)?;
        }
    }
    check.on_further_tiles(|check, tile| {
        let (n, d, k) = OF_EVERY_TILE;
        let (x, codewords) = (check.normals(n, d, 0.0), check.normals(k, d, 0.0));
        compare(check, &format!("{tile}, n {n}, d {d}, k {k}"), Metric::SquaredL2, &x, &codewords)
    })?;
    let (x, codewords) = (check.normals(200, 24, 1e4), check.normals(50, 24, 1e4));
    compare(check, "far from the origin", Metric::SquaredL2, &x, &codewords)?;
    let (x, codewords) = (Array2::zeros((5, 6)), Array2::zeros((4, 6)));
    compare(check, "the zero vector", Metric::Cosine, &x, &codewords)?;

    // Small whole numbers about a mean of zero: every score is exact, so ties are ties, and go to the lowest number.
    let half = Array2::from_shape_simple_fn((30, 8), || check.rng().below(7) as f32 - 3.0);
    let once = concatenate(Axis(0), &[half.view(), (-&half).view()]).expect("the same width");
    let codewords = concatenate(Axis(0), &[once.view(), once.view(), once.view()]).expect("the same width");
    let x = Array2::from_shape_simple_fn((150, 8), || check.rng().below(7) as f32 - 3.0);
    let lowest: Vec<u32> = x
        .outer_iter()
        .map(|x| {
            let x = x.to_vec();
            oracle::ranking(Metric::SquaredL2, &x, codewords.as_slice().expect("standard layout"))[0]
        })
        .collect();
    let (codes, _) = assign(check, Metric::SquaredL2, &x, &codewords)?;
    check.same("ties go to the lowest number", codes, &lowest);

    // A row's result is its own, whatever comes before and after it.
    let (x, codewords) = (check.normals(300, 20, 1.0), check.normals(70, 20, 1.0));
    let (codes, distances) = assign(check, Metric::SquaredL2, &x, &codewords)?;
    let tail = x.slice(ndarray::s![137.., ..]).to_owned();
    let (tail_codes, tail_distances) = assign(check, Metric::SquaredL2, &tail, &codewords)?;
    check.same("another batch, codes", tail_codes, &codes.into_iter().skip(137).collect::<Vec<_>>());
    let want: Vec<f32> = distances.into_iter().skip(137).collect();
    check.same_bits("another batch, distances", tail_distances, &want);
    Ok(())
}

fn assign(
    check: &Check,
    metric: Metric,
    x: &Array2<f32>,
    codewords: &Array2<f32>,
) -> Result<(Array2<u32>, Array2<f32>)> {
    let engine = check.engine();
    let codebook = Codebook::new(&engine, codewords.view(), metric)?;
    let mut codes = engine.uninitialized(x.nrows(), 1)?;
    let mut distances = engine.uninitialized(x.nrows(), 1)?;
    let mut recorder = engine.recorder();
    recorder.assign(&engine.upload(x.view())?, &codebook, &mut codes, &mut distances)?;
    recorder.submit()?;
    Ok((codes.download()?, distances.download()?))
}

fn compare(
    check: &mut Check,
    case: &str,
    metric: Metric,
    x: &Array2<f32>,
    codewords: &Array2<f32>,
) -> Result<()> {
    let (codes, distances) = assign(check, metric, x, codewords)?;
    let k = codewords.nrows();
    let mean = oracle::mean(codewords.as_slice().expect("standard layout"), codewords.ncols());
    let exact: Vec<Vec<f64>> = x
        .axis_iter(Axis(0))
        .into_par_iter()
        .map(|x| codewords.outer_iter().map(|c| metric.distance(x, c)).collect())
        .collect();
    let least: Vec<f64> = exact.iter().map(|row| row.iter().copied().fold(f64::INFINITY, f64::min)).collect();
    let hidden: Vec<f64> = x
        .axis_iter(Axis(0))
        .into_par_iter()
        .map(|x| {
            let x = x.to_vec();
            let errors = codewords.outer_iter().map(|c| oracle::score_error(metric, &x, &c.to_vec(), &mean));
            2.0 * errors.fold(0.0, f64::max)
        })
        .collect();
    let excess = |row: usize, code: usize| exact[row][code] - least[row];
    check.choices(case, codes.iter().copied(), k, excess, |row| hidden[row]);
    let chosen = |row: usize| (codes[[row, 0]] as usize).min(k - 1);
    let want: Vec<f64> = (0..x.nrows()).map(|row| exact[row][chosen(row)]).collect();
    check.close(&format!("{case}, distances"), distances, &want, |row| {
        1.01 * oracle::distance_error(metric, &x.row(row).to_vec(), &codewords.row(chosen(row)).to_vec())
    });
    Ok(())
}
