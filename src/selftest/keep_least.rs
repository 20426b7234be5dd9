//! Check of `keep_least`: it sorts and moves, so the lists are exactly those of a sort by score and id.

use ndarray::{Array2, s};

use super::Check;
use crate::error::Result;
use crate::kernels::keep_least::{LONGEST, Lists, NONE};

pub(super) fn check(check: &mut Check) -> Result<()> {
    for (rows, columns, queries, k) in [
        (1, 1, 1, 1),
        (1, 3, 2, 5),
        (255, 16, 16, 1),
        (256, 17, 17, 2),
        (513, 5, 5, 100),
        (1300, 64, 63, 10),
        (2500, 20, 3, LONGEST),
        (700, 9, 9, 1000),
    ] {
        let case = format!("rows {rows}, columns {columns}, queries {queries}, k {k}");
        let scores = check.normals(rows, columns, 0.0);
        compare(check, &case, &scores, queries, k)?;
        // One of few values, so that nearly all of a list are equal, at its end too.
        let scores = Array2::from_shape_simple_fn((rows, columns), || check.rng().below(4) as f32);
        compare(check, &format!("{case}, few values"), &scores, queries, k)?;
    }
    // Every candidate is less than all before: all of them enter. The longest list has to be cut into dispatches.
    let scores = Array2::from_shape_fn((1000, 16), |(row, column)| -((row * 16 + column) as f32));
    compare(check, "descending scores", &scores, 16, 33)?;
    let scores = Array2::from_shape_fn((30_000, 2), |(row, column)| -((row * 2 + column) as f32));
    compare(check, "descending scores, the longest list", &scores, 2, LONGEST)
}

/// Takes the rows in, in two parts that do not end where a workgroup does.
fn compare(check: &mut Check, case: &str, scores: &Array2<f32>, queries: usize, k: usize) -> Result<()> {
    let engine = check.engine();
    let mut lists = Lists::new(&engine, queries, k)?;
    let (n, first) = (scores.nrows(), 7);
    let cut = n * 2 / 5;
    let mut recorder = engine.recorder();
    recorder.keep_least(&engine.upload(scores.slice(s![..cut, ..]))?, first, &mut lists)?;
    recorder.keep_least(&engine.upload(scores.slice(s![cut.., ..]))?, first + cut, &mut lists)?;
    recorder.submit()?;
    let (mut ids, mut least) = (Vec::new(), Vec::new());
    for column in scores.columns().into_iter().take(queries) {
        let mut order: Vec<usize> = (0..n).collect();
        // The sort is stable: equal scores stay in the order of their ids.
        order.sort_by(|&a, &b| column[a].total_cmp(&column[b]));
        let place = |at: usize| order.get(at).copied();
        ids.extend((0..k).map(|at| place(at).map_or(NONE, |row| (first + row) as u32)));
        least.extend((0..k).map(|at| place(at).map_or(f32::MAX, |row| column[row])));
    }
    check.same(&format!("{case}, ids"), lists.ids.download()?, &ids);
    check.same_bits(&format!("{case}, scores"), lists.least.download()?, &least);
    Ok(())
}
