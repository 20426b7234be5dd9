//! Check of `scalar_encode`: no level is nearer than the chosen one, but for rounding.

use ndarray::{Array2, array};

use super::Check;
use super::oracle::U;
use crate::error::Result;
use crate::kernels::scalar_encode::Levels;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // Of the shapes with many rows the elements are over 256 KiB. Shared levels have one row.
    for (n, d, k, rows) in
        [(1, 1, 2, 1), (255, 3, 16, 3), (257, 33, 256, 33), (2100, 32, 5, 1), (40, 7, 4096, 7)]
    {
        let case = format!("n {n}, d {d}, k {k}, {rows} rows of levels");
        // Half of the elements lie outside what the levels span.
        let x = check.normals(n, d, 1.0);
        let low = check.normals(rows, 1, -1.0);
        let mut step = check.normals(rows, 1, 0.0).mapv(|span| (span.abs() + 0.1) / k as f32);
        step[[0, 0]] = if rows > 1 { 0.0 } else { step[[0, 0]] };
        let engine = check.engine();
        let levels = Levels::uniform(&engine, d, k, low.view(), step.view())?;
        let at = |row: usize, code: usize| f64::from(low[[row, 0]]) + code as f64 * f64::from(step[[row, 0]]);
        let all = Array2::from_shape_fn((rows, k), |(row, code)| at(row, code));
        // The quotient is rounded four times, the highest level twice, and a wrong choice costs twice the error.
        compare(check, &format!("uniform, {case}"), &x, &levels, &all, 10.0)?;

        let mut listed = check.normals(rows, k, 1.0);
        listed.rows_mut().into_iter().for_each(|mut row| {
            row.as_slice_mut().expect("rows are contiguous").sort_by(f32::total_cmp);
            // The last three are one.
            let third = row[k.saturating_sub(3)];
            row.iter_mut().skip(k.saturating_sub(3)).for_each(|level| *level = third);
        });
        let levels = Levels::listed(&engine, d, &listed)?;
        compare(check, &format!("listed, {case}"), &x, &levels, &listed.mapv(f64::from), 4.0)?;
    }
    ties(check)
}

/// `levels` are the rows that `device` has; a choice may cost `units` roundings of the numbers it is made from.
fn compare(
    check: &mut Check,
    case: &str,
    x: &Array2<f32>,
    device: &Levels,
    levels: &Array2<f64>,
    units: f64,
) -> Result<()> {
    let engine = check.engine();
    let mut codes = engine.uninitialized(x.nrows(), x.ncols())?;
    let mut recorder = engine.recorder();
    recorder.scalar_encode(&engine.upload(x.view())?, device, &mut codes)?;
    recorder.submit()?;
    let of = |at: usize| {
        let (row, column) = (at / x.ncols(), at % x.ncols());
        (f64::from(x[[row, column]]), levels.row(if levels.nrows() == 1 { 0 } else { column }))
    };
    let best: Vec<f64> = (0..x.len())
        .map(|at| {
            let (x, levels) = of(at);
            let above = levels.as_slice().expect("rows are contiguous").partition_point(|&level| level < x);
            let neighbours = [above.saturating_sub(1), above.min(levels.len() - 1)];
            neighbours.iter().map(|&code| (x - levels[code]).abs()).fold(f64::INFINITY, f64::min)
        })
        .collect();
    let excess = |at: usize, code: usize| {
        let (x, levels) = of(at);
        (x - levels[code]).abs() - best[at]
    };
    let bound = |at: usize| {
        let (x, levels) = of(at);
        units * U * (x.abs() + levels[0].abs() + levels[levels.len() - 1].abs())
    };
    check.choices(case, codes.download()?, levels.ncols(), excess, bound);
    Ok(())
}

/// All of this is exact, so the rules decide: the lower of two levels, the first of equal ones, the ends outside.
fn ties(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    let x = array![[-9.0_f32], [0.0], [1.0], [1.5], [3.0], [5.0], [6.0], [7.0], [3e38], [-3e38]];
    let uniform = Levels::uniform(&engine, 1, 4, array![[0.0]].view(), array![[2.0]].view())?;
    let listed = Levels::listed(&engine, 1, &array![[0.0, 2.0, 4.0, 6.0, 6.0, 6.0]])?;
    let constant = Levels::uniform(&engine, 1, 4, array![[5.0]].view(), array![[0.0]].view())?;
    let want = [0, 0, 0, 1, 1, 2, 3, 3, 3, 0];
    for (case, levels, want) in
        [("uniform ties", uniform, want), ("listed ties", listed, want), ("one level", constant, [0; 10])]
    {
        let mut codes = engine.uninitialized(x.nrows(), 1)?;
        let mut recorder = engine.recorder();
        recorder.scalar_encode(&engine.upload(x.view())?, &levels, &mut codes)?;
        recorder.submit()?;
        check.same(case, codes.download()?, &want);
        let mut none = engine.uninitialized(0, 1)?;
        let mut recorder = engine.recorder();
        let empty = recorder.scalar_encode(&engine.uninitialized(0, 1)?, &levels, &mut none);
        check.holds(case, "nothing to do for no rows", empty.is_ok());
        recorder.submit()?;
    }
    Ok(())
}
