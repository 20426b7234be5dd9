//! Check of `lut_build` against float64.

use ndarray::Array2;

use super::{Check, oracle};
use crate::error::Result;
use crate::kernels::lut_build::Place;
use crate::metrics::Metric;
use crate::ops::{LANES, Term};

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    // Two codebooks, of all dimensions or of their own ones; the second begins where the first ends.
    for (n, d, widths, sizes) in [
        (1, 1, [1, 1], [1, 1]),
        (15, 7, [3, 4], [5, 8]),
        (16, 16, [16, 16], [256, 3]),
        (17, 33, [1, 32], [2, 300]),
        (50, 20, [20, 20], [17, 16]),
    ] {
        for term in [Term::SquaredDifference, Term::Product] {
            let queries = check.normals(n, d, 1.0);
            let codebooks = [0, 1].map(|j| check.normals(sizes[j], widths[j], 1.0));
            let places = [Place { column: 0, first: 0 }, Place { column: d - widths[1], first: sizes[0] }];
            let (groups, entries) = (n.div_ceil(LANES), sizes[0] + sizes[1]);
            let mut tables = engine.uninitialized(groups * entries, LANES)?;
            let uploaded = engine.upload(queries.view())?;
            let mut recorder = engine.recorder();
            for (codebook, place) in codebooks.iter().zip(places) {
                recorder.lut_build(&uploaded, &engine.upload(codebook.view())?, term, place, &mut tables)?;
            }
            recorder.submit()?;
            let pair = |at: usize| {
                let (row, lane) = (at / LANES, at % LANES);
                let (query, entry) = (row / entries * LANES + lane, row % entries);
                let j = usize::from(entry >= sizes[0]);
                let columns = places[j].column..places[j].column + widths[j];
                let query = (query < n).then(|| queries.row(query).slice(ndarray::s![columns]).to_vec());
                (query, codebooks[j].row(entry - places[j].first).to_vec())
            };
            // Twice the inner product, off by twice its error.
            let (metric, factor) = match term {
                Term::SquaredDifference => (Metric::SquaredL2, 1.0),
                Term::Product => (Metric::InnerProduct, 2.0),
            };
            let value = |at: usize| match pair(at) {
                (Some(q), c) => factor * oracle::distance(metric, &q, &c),
                (None, _) => 0.0,
            };
            let want: Vec<f64> = (0..groups * entries * LANES).map(value).collect();
            check.close(&format!("{term:?}, n {n}, d {d}, k {sizes:?}"), tables.download()?, &want, |at| {
                match pair(at) {
                    (Some(q), c) => 1.01 * factor * oracle::distance_error(metric, &q, &c),
                    (None, _) => 0.0,
                }
            });
        }
    }

    // Only its own entries are written.
    let mut tables = engine.upload(Array2::from_elem((3, LANES), 9.0_f32).view())?;
    let one = engine.upload(Array2::from_elem((1, 1), 1.0_f32).view())?;
    let place = Place { column: 0, first: 1 };
    let mut recorder = engine.recorder();
    recorder.lut_build(&one, &one, Term::Product, place, &mut tables)?;
    recorder.submit()?;
    let mut want = [9.0; 3 * LANES];
    want[LANES..2 * LANES].fill(0.0);
    want[LANES] = -2.0;
    check.close("one entry of three", tables.download()?, &want, |_| 0.0);
    Ok(())
}
