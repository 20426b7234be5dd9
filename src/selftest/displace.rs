//! Check of `displace` against float64.

use ndarray::Array2;

use super::Check;
use super::oracle::{U, dot, row_sum_roundings};
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // The last is over 256 KiB.
    for (n, d) in [(1, 1), (7, 2), (8, 31), (9, 32), (255, 33), (3, 255), (1031, 65)] {
        let x = check.normals(n, d, 3.0);
        let (mut residuals, mut directions) = (check.normals(n, d, 0.25), check.normals(n, d, 0.0));
        // Errors and directions of every size that counts, and some that do not.
        for (row, mut residual) in residuals.rows_mut().into_iter().enumerate() {
            residual.mapv_inplace(|r| r * 2_f32.powi((row % 81) as i32 - 40));
        }
        for (row, mut direction) in directions.rows_mut().into_iter().enumerate() {
            direction.mapv_inplace(|v| (v + 0.01_f32.copysign(v)) * 2_f32.powi((row % 79) as i32 - 39));
        }
        if n > 7 {
            residuals.row_mut(5).fill(0.0);
            residuals.row_mut(6).fill(1e-20);
            directions.row_mut(6).fill(0.0);
            directions.row_mut(7).fill(1e-20);
        }
        compare(check, &format!("n {n}, d {d}"), &x, &residuals, &directions)?;
    }

    let engine = check.engine();
    let (mut directions, mut displaced) = (engine.zeros(0, 3)?, engine.zeros(0, 3)?);
    let none = engine.zeros(0, 3)?;
    let mut recorder = engine.recorder();
    let done = recorder.displace(&none, &none, &mut directions, &mut displaced);
    check.holds("no rows", "nothing to do", done.is_ok());
    let refused = recorder.displace(&engine.zeros(1, 3)?, &none, &mut directions, &mut displaced);
    check.holds("another shape", "an error", refused.is_err());
    recorder.submit()
}

fn compare(
    check: &mut Check,
    case: &str,
    x: &Array2<f32>,
    residuals: &Array2<f32>,
    directions: &Array2<f32>,
) -> Result<()> {
    let engine = check.engine();
    let (n, d) = x.dim();
    let mut unit = engine.upload(directions.view())?;
    let mut displaced = engine.uninitialized(n, d)?;
    let mut recorder = engine.recorder();
    recorder.displace(
        &engine.upload(x.view())?,
        &engine.upload(residuals.view())?,
        &mut unit,
        &mut displaced,
    )?;
    recorder.submit()?;

    let length = |square: f64| if square < 2_f64.powi(-100) { 0.0 } else { square.sqrt() };
    let (mut want_unit, mut want, mut moved) = (Vec::new(), Vec::new(), Vec::new());
    for ((x, residual), direction) in x.rows().into_iter().zip(residuals.rows()).zip(directions.rows()) {
        let error = length(dot(residual, residual));
        let own = length(dot(direction, direction));
        for (&x, &v) in x.iter().zip(direction) {
            let unit = if own == 0.0 { 0.0 } else { f64::from(v) / own };
            want_unit.push(unit);
            moved.push((error * unit).abs());
            want.push(f64::from(x) + error * unit);
        }
    }
    // A length has half the relative error of its square, and 4.5 ulp of the root (2 of an inverse one), each of 2 U; a
    // product may round to either neighbour, and flush. 1.01 is for products of errors.
    let sum = row_sum_roundings(d);
    let tiny = f64::from(f32::MIN_POSITIVE);
    let unit_units = sum / 2.0 + 4.0 + 2.0;
    check.close(&format!("{case}: directions"), unit.download()?, &want_unit, |at| {
        1.01 * unit_units * U * want_unit[at].abs() + tiny
    });
    let moved_units = unit_units + sum / 2.0 + 9.0 + 2.0;
    check.close(&format!("{case}: displaced"), displaced.download()?, &want, |at| {
        1.01 * U * (moved_units * moved[at] + 2.0 * want[at].abs()) + tiny
    });
    Ok(())
}
