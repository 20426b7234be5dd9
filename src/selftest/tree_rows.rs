//! Check of `tree_rows`: whole numbers, which have to be the same.

use ndarray::Array2;

use super::Check;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, m, k) in [(1, 1, 1), (257, 3, 7), (1000, 5, 64), (20_000, 4, 4096)] {
        let codes = Array2::from_shape_simple_fn((n, m), || check.rng().below(k) as u32);
        let mut rows = engine.uninitialized(n, m)?;
        let mut recorder = engine.recorder();
        recorder.tree_rows(&engine.upload(codes.view())?, k, &mut rows)?;
        recorder.submit()?;
        let last = |i: usize, j: usize| if j == 0 { 0 } else { codes[[i, j - 1]] };
        let want: Vec<u32> =
            codes.indexed_iter().map(|((i, j), code)| last(i, j) * k as u32 + code).collect();
        check.same(&format!("n {n}, m {m}, k {k}"), rows.download()?, &want);
    }
    let mut rows = engine.uninitialized(0, 3)?;
    let mut recorder = engine.recorder();
    let empty = recorder.tree_rows(&engine.uninitialized(0, 3)?, 4, &mut rows);
    check.holds("n 0", "no codes name no rows", empty.is_ok());
    recorder.submit()
}
