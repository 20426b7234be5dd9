//! Check of `row_argmax`.

use super::Check;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    // The last is over 256 KiB.
    for (n, d) in [(0, 1), (1, 1), (7, 2), (8, 31), (9, 33), (255, 16), (3, 1000), (1031, 65)] {
        let mut values = check.normals(n, d, -3.0);
        // Coarse values, so that most rows have ties, and rows that are greatest at the very end or everywhere. Adding 0
        // leaves no -0, which the oracle would put below 0.
        values.mapv_inplace(|value| (2.0 * value).round() + 0.0);
        for row in (0..n).step_by(5) {
            values[[row, d - 1]] = f32::MAX;
        }
        for row in (3..n).step_by(5) {
            values.row_mut(row).fill(f32::MIN);
        }
        let mut indices = engine.uninitialized(n, 1)?;
        let mut recorder = engine.recorder();
        recorder.row_argmax(&engine.upload(values.view())?, &mut indices)?;
        recorder.submit()?;
        let first_greatest = |row: ndarray::ArrayView1<f32>| {
            (0..d).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("a column") as u32
        };
        let want: Vec<u32> = values.rows().into_iter().map(first_greatest).collect();
        let got = indices.download()?;
        if n == 0 {
            check.holds("no rows", "no indices", got.is_empty());
        } else {
            check.same(&format!("n {n}, d {d}"), got, &want);
        }
    }
    let mut recorder = engine.recorder();
    let refused = recorder.row_argmax(&engine.zeros(2, 0)?, &mut engine.zeros(2, 1)?);
    check.holds("no columns", "an error", refused.is_err());
    recorder.submit()
}
