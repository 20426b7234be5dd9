//! Check of `displace_grad` against float64.

use ndarray::Array2;

use super::Check;
use super::oracle::{U, dot, row_sum_roundings};
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // The last is over 256 KiB.
    for (n, d) in [(1, 1), (7, 2), (8, 31), (9, 32), (255, 33), (3, 255), (1031, 65)] {
        let (mut residuals, gradient) = (check.normals(n, d, 0.25), check.normals(n, d, 0.5));
        let directions = check.normals(n, d, 0.0);
        for (row, mut residual) in residuals.rows_mut().into_iter().enumerate() {
            residual.mapv_inplace(|r| (r + 0.01_f32.copysign(r)) * 2_f32.powi((row % 81) as i32 - 40));
        }
        if n > 7 {
            // Where a vector is its own codeword there is no 0 / 0.
            residuals.row_mut(5).fill(0.0);
            residuals.row_mut(6).fill(1e-20);
        }
        compare(check, &format!("n {n}, d {d}"), &residuals, &directions, &gradient)?;
    }

    let engine = check.engine();
    let (mut dx, mut dquantized) = (engine.zeros(0, 3)?, engine.zeros(0, 3)?);
    let none = engine.zeros(0, 3)?;
    let mut recorder = engine.recorder();
    let done = recorder.displace_grad(&none, &none, &none, &mut dx, &mut dquantized);
    check.holds("no rows", "nothing to do", done.is_ok());
    let refused = recorder.displace_grad(&none, &none, &engine.zeros(1, 3)?, &mut dx, &mut dquantized);
    check.holds("another shape", "an error", refused.is_err());
    recorder.submit()
}

fn compare(
    check: &mut Check,
    case: &str,
    residuals: &Array2<f32>,
    directions: &Array2<f32>,
    gradient: &Array2<f32>,
) -> Result<()> {
    let engine = check.engine();
    let (n, d) = residuals.dim();
    let (mut dx, mut dquantized) = (engine.uninitialized(n, d)?, engine.uninitialized(n, d)?);
    let mut recorder = engine.recorder();
    recorder.displace_grad(
        &engine.upload(residuals.view())?,
        &engine.upload(directions.view())?,
        &engine.upload(gradient.view())?,
        &mut dx,
        &mut dquantized,
    )?;
    recorder.submit()?;

    // The inner product is off by its roundings of Σ|g u|, the length by half of its square's, the inverse root by
    // 2 ulp of 2 U, and two products and a sum may round to either neighbour. 1.01 is for products of errors.
    let sum = row_sum_roundings(d);
    let (mut want, mut want_dx, mut bounds) = (Vec::new(), Vec::new(), Vec::new());
    for ((residual, direction), gradient) in
        residuals.rows().into_iter().zip(directions.rows()).zip(gradient.rows())
    {
        let square = dot(residual, residual);
        let inverse = if square < 2_f64.powi(-100) { 0.0 } else { 1.0 / square.sqrt() };
        let along = dot(gradient, direction);
        let sizes = dot(gradient.mapv(f32::abs).view(), direction.mapv(f32::abs).view());
        for (&r, &g) in residual.iter().zip(gradient) {
            let v = along * inverse * f64::from(r);
            want.push(-v);
            want_dx.push(f64::from(g) + v);
            let share = (f64::from(r) * inverse).abs();
            bounds.push(1.01 * U * (sum * sizes * share + (sum / 2.0 + 4.0 + 4.0) * v.abs()));
        }
    }
    let tiny = f64::from(f32::MIN_POSITIVE);
    check.close(&format!("{case}: dquantized"), dquantized.download()?, &want, |at| bounds[at] + tiny);
    check.close(&format!("{case}: dx"), dx.download()?, &want_dx, |at| {
        bounds[at] + 2.0 * U * want_dx[at].abs() + tiny
    });
    Ok(())
}
