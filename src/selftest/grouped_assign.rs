//! Check of `grouped_assign`: the chosen codeword is a nearest one of its group but for rounding, its row and its
//! distance are right.

use ndarray::{Array2, Axis, concatenate, s};

use super::{Check, oracle};
use crate::error::Result;
use crate::kernels::grouped_assign::Family;
use crate::metrics::Metric;

/// Groups of `k` codewords each, from row `first` on.
struct Case {
    first: usize,
    groups: usize,
    k: usize,
}

struct Found {
    codes: Array2<u32>,
    rows: Array2<u32>,
    distances: Array2<f32>,
}

pub(super) fn check(check: &mut Check) -> Result<()> {
    // The last has more rows than a grid has workgroups on a side.
    for (n, d, first, groups, k) in [
        (1, 1, 0, 1, 1),
        (257, 3, 5, 7, 9),
        (300, 128, 0, 4, 64),
        (513, 33, 16, 16, 16),
        (90, 20, 3, 2, 300),
        (66_000, 2, 0, 3, 2),
    ] {
        let case = Case { first, groups, k };
        let (x, codewords) = (check.normals(n, d, 1.0), check.normals(first + groups * k, d, 1.0));
        compare(
            check,
            &format!("n {n}, d {d}, first {first}, {groups} groups of {k}"),
            &case,
            &x,
            &codewords,
        )?;
    }

    // Small whole numbers: every distance is exact, so ties are ties, and go to the lowest code.
    let half = Array2::from_shape_simple_fn((40, 6), || check.rng().below(5) as f32 - 2.0);
    let codewords = concatenate(Axis(0), &[half.view(), half.view()]).expect("the same width");
    let x = Array2::from_shape_simple_fn((150, 6), || check.rng().below(5) as f32 - 2.0);
    let groups = Array2::zeros((150, 1));
    let flat = codewords.as_slice().expect("standard layout");
    let lowest: Vec<u32> =
        x.outer_iter().map(|x| oracle::ranking(Metric::SquaredL2, &x.to_vec(), flat)[0]).collect();
    let found = assign(check, &Case { first: 0, groups: 1, k: 80 }, &x, &codewords, &groups)?;
    check.same("ties go to the lowest code", found.codes, &lowest);

    // A row's result is its own, whatever comes before and after it.
    let (x, codewords) = (check.normals(300, 20, 1.0), check.normals(70, 20, 1.0));
    let (case, groups) = (Case { first: 0, groups: 7, k: 10 }, check.codes(300, 7));
    let whole = assign(check, &case, &x, &codewords, &groups)?;
    let tail = s![137.., ..];
    let part = assign(check, &case, &x.slice(tail).to_owned(), &codewords, &groups.slice(tail).to_owned())?;
    check.same("another batch, rows", part.rows, &whole.rows.into_iter().skip(137).collect::<Vec<_>>());
    let want: Vec<f32> = whole.distances.into_iter().skip(137).collect();
    check.same_bits("another batch, distances", part.distances, &want);
    Ok(())
}

fn assign(
    check: &Check,
    case: &Case,
    x: &Array2<f32>,
    codewords: &Array2<f32>,
    groups: &Array2<u32>,
) -> Result<Found> {
    let (engine, n) = (check.engine(), x.nrows());
    let codewords = engine.upload(codewords.view())?;
    let family = Family { codewords: &codewords, first: case.first, k: case.k };
    let mut codes = engine.uninitialized(n, 1)?;
    let mut rows = engine.uninitialized(n, 1)?;
    let mut distances = engine.uninitialized(n, 1)?;
    let mut recorder = engine.recorder();
    recorder.grouped_assign(
        &engine.upload(x.view())?,
        family,
        &engine.upload(groups.view())?,
        &mut codes,
        &mut rows,
        &mut distances,
    )?;
    recorder.submit()?;
    Ok(Found { codes: codes.download()?, rows: rows.download()?, distances: distances.download()? })
}

fn compare(
    check: &mut Check,
    name: &str,
    case: &Case,
    x: &Array2<f32>,
    codewords: &Array2<f32>,
) -> Result<()> {
    let metric = Metric::SquaredL2;
    let groups = check.codes(x.nrows(), case.groups);
    let found = assign(check, case, x, codewords, &groups)?;
    let row_of = |row: usize, code: usize| case.first + groups[[row, 0]] as usize * case.k + code;
    let exact = |row: usize, code: usize| metric.distance(x.row(row), codewords.row(row_of(row, code)));
    // Either of two distances may be off by what rounding moves it.
    let error = |row: usize, code: usize| {
        1.01 * oracle::distance_error(
            metric,
            &x.row(row).to_vec(),
            &codewords.row(row_of(row, code)).to_vec(),
        )
    };
    let nearest: Vec<usize> = (0..x.nrows())
        .map(|row| (0..case.k).min_by(|&a, &b| exact(row, a).total_cmp(&exact(row, b))).unwrap_or(0))
        .collect();
    let chosen = |row: usize| (found.codes[[row, 0]] as usize).min(case.k - 1);
    let excess = |row: usize, code: usize| exact(row, code) - exact(row, nearest[row]);
    let bound = |row: usize| error(row, chosen(row)) + error(row, nearest[row]);
    check.choices(name, found.codes.iter().copied(), case.k, excess, bound);
    let rows: Vec<u32> = (0..x.nrows()).map(|row| row_of(row, chosen(row)) as u32).collect();
    check.same(&format!("{name}, rows"), found.rows, &rows);
    let want: Vec<f64> = (0..x.nrows()).map(|row| exact(row, chosen(row))).collect();
    check.close(&format!("{name}, distances"), found.distances, &want, |row| error(row, chosen(row)));
    Ok(())
}
