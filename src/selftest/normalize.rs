//! Check of `normalize`: unit rows, of every length and of every magnitude that a float has.

use ndarray::Array2;

use super::Check;
use super::oracle::U;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // The last is over 256 KiB.
    for (n, d) in [(1, 1), (7, 2), (8, 31), (9, 32), (255, 33), (3, 255), (1031, 65)] {
        let x = check.normals(n, d, 0.25);
        compare(check, &format!("n {n}, d {d}"), x)?;
    }
    // Rows whose squares would leave the range of f32, one power of two after the other, and with them rows of
    // nothing, of one large element among small ones, and the largest of all.
    let powers: Vec<i32> = (-120..=126).collect();
    let mut x = check.normals(powers.len() + 3, 40, 0.0);
    for (mut row, &power) in x.rows_mut().into_iter().zip(&powers) {
        row.mapv_inplace(|value| (value.clamp(-1.9, 1.9) + 0.05_f32.copysign(value)) * 2.0_f32.powi(power));
    }
    let n = x.nrows();
    x.row_mut(n - 1).fill(0.0);
    x.row_mut(n - 2).fill(f32::MAX);
    x.row_mut(n - 3).mapv_inplace(|value| value * 1e-15);
    x[[n - 3, 17]] = 3e30;
    compare(check, "every magnitude", x)?;

    let engine = check.engine();
    let mut unit = engine.zeros(0, 3)?;
    let mut recorder = engine.recorder();
    check.holds("no rows", "nothing to do", recorder.normalize(&engine.zeros(0, 3)?, &mut unit).is_ok());
    check.holds("another shape", "an error", recorder.normalize(&engine.zeros(1, 3)?, &mut unit).is_err());
    recorder.submit()
}

fn compare(check: &mut Check, case: &str, x: Array2<f32>) -> Result<()> {
    let engine = check.engine();
    let mut unit = engine.uninitialized(x.nrows(), x.ncols())?;
    let mut recorder = engine.recorder();
    recorder.normalize(&engine.upload(x.view())?, &mut unit)?;
    recorder.submit()?;
    let mut want = Vec::with_capacity(x.len());
    for row in x.rows() {
        let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        want.extend(row.iter().map(|&x| if norm == 0.0 { 0.0 } else { f64::from(x) / norm }));
    }
    // Half the relative error of the sum of squares (a square, ⌈d/32⌉ additions in a lane, 5 across lanes), 2 ulp of
    // the inverse root or on a CPU 2 roundings, and a product. An element that is tiny beside the largest one may be
    // flushed to 0.
    let units = (x.ncols().div_ceil(32) + 6) as f64 / 2.0 + 4.0 + 1.0;
    let bound = |at: usize| units * U * want[at].abs() + f64::from(f32::MIN_POSITIVE);
    check.close(case, unit.download()?, &want, bound);
    Ok(())
}
