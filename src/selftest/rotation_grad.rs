//! Check of `rotation_grad` against float64.

use ndarray::{Array1, Array2, ArrayView1, s};

use super::Check;
use super::oracle::{U, dot, row_sum_roundings};
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // The last is over 256 KiB.
    for (n, d) in [(1, 1), (7, 2), (8, 31), (9, 32), (255, 33), (30, 255), (1031, 65)] {
        let (mut x, gradient) = (check.normals(n, d, 0.5), check.normals(n, d, 0.25));
        // Codewords near their vectors, as they are, and some that are anywhere.
        let noise = check.normals(n, d, 0.0);
        let mut quantized = &x + &noise.mapv(|noise| 0.3 * noise);
        for row in (0..n).step_by(3) {
            quantized.row_mut(row).assign(&noise.row(row));
        }
        for row in 0..n {
            let power = 2_f32.powi((row % 61) as i32 - 30);
            x.row_mut(row).mapv_inplace(|x| x * power);
            quantized.row_mut(row).mapv_inplace(|q| q * power);
        }
        if n > 7 {
            x.row_mut(1).fill(0.0);
            quantized.row_mut(2).fill(0.0);
            x.row_mut(3).fill(0.0);
            quantized.row_mut(3).fill(0.0);
            let same = x.row(4).to_owned();
            quantized.row_mut(4).assign(&same);
            // Exactly opposite: doubling and the sign change no digit.
            let opposite = x.row(5).mapv(|x| -2.0 * x);
            quantized.row_mut(5).assign(&opposite);
            x.row_mut(6).fill(1e-20);
        }
        compare(check, &format!("n {n}, d {d}"), &x, &quantized, &gradient)?;
    }

    let engine = check.engine();
    let mut dx = engine.zeros(0, 3)?;
    let none = engine.zeros(0, 3)?;
    let mut recorder = engine.recorder();
    check.holds("no rows", "nothing to do", recorder.rotation_grad(&none, &none, &none, &mut dx).is_ok());
    let refused = recorder.rotation_grad(&none, &engine.zeros(1, 3)?, &none, &mut dx);
    check.holds("another shape", "an error", refused.is_err());
    recorder.submit()
}

fn compare(
    check: &mut Check,
    case: &str,
    x: &Array2<f32>,
    quantized: &Array2<f32>,
    gradient: &Array2<f32>,
) -> Result<()> {
    let engine = check.engine();
    let mut dx = engine.uninitialized(x.nrows(), x.ncols())?;
    let mut recorder = engine.recorder();
    recorder.rotation_grad(
        &engine.upload(x.view())?,
        &engine.upload(quantized.view())?,
        &engine.upload(gradient.view())?,
        &mut dx,
    )?;
    recorder.submit()?;
    let dx = dx.download()?;

    let (mut want, mut bounds) = (Vec::new(), Vec::new());
    for ((x, q), g) in x.rows().into_iter().zip(quantized.rows()).zip(gradient.rows()) {
        let (row, bound) = oracle(x, q, g);
        want.extend(row);
        bounds.extend(bound);
    }
    check.close(case, dx.iter().copied(), &want, |at| bounds[at] + f64::from(f32::MIN_POSITIVE));

    // R keeps lengths, and takes what points along q to what points along x.
    let row = 0;
    let (x, q, dx) = (x.row(row), quantized.row(row), dx.slice(s![row, ..]));
    let scale = (dot(q, q) / dot(x, x)).sqrt();
    let (kept, was) = (dot(dx, dx).sqrt(), scale * dot(gradient.row(row), gradient.row(row)).sqrt());
    let off: f64 = bounds[..x.len()].iter().map(|bound| bound * bound).sum::<f64>().sqrt();
    check.holds(&format!("{case}: length"), "|dx| = scale |g|", (kept - was).abs() <= off + 1e-12 * was);
    Ok(())
}

/// One row, and how far rounding may lead from it.
fn oracle(x: ArrayView1<f32>, q: ArrayView1<f32>, g: ArrayView1<f32>) -> (Vec<f64>, Vec<f64>) {
    let wide = |row: ArrayView1<f32>| row.mapv(f64::from);
    let (xx, qq) = (dot(x, x), dot(q, q));
    let g = wide(g);
    if xx < 2_f64.powi(-100) {
        return (g.to_vec(), vec![0.0; g.len()]);
    }
    if qq < 2_f64.powi(-100) {
        return (vec![0.0; g.len()], vec![0.0; g.len()]);
    }
    let (e, f) = (wide(x) / xx.sqrt(), wide(q) / qq.sqrt());
    let s = &e + &f;
    let square = s.dot(&s);
    // Exactly opposite vectors sum to rounding errors.
    let opposite = square < 2_f64.powi(-24);
    let along_s = if opposite { 0.0 } else { 2.0 * s.dot(&g) / square };
    let along_e = 2.0 * f.dot(&g);
    let scale = (qq / xx).sqrt();
    let dx = scale * (&g - &(along_s * &s) + &(along_e * &e));

    // An element of a unit vector is off by half its square's roundings, 2 ulp (of 2 U) of the inverse root and a
    // product; that of s by as much of both and a sum.
    let sum = row_sum_roundings(x.len());
    let abs = |a: &Array1<f64>| a.mapv(f64::abs);
    let unit_error = (sum / 2.0 + 6.0) * U;
    let s_error = (unit_error + 2.0 * U) * (abs(&e) + abs(&f));
    let direction_error = s_error.dot(&s_error).sqrt() / square.sqrt();
    let along_s_error = if opposite {
        0.0
    } else {
        let product = s_error.dot(&abs(&g)) + sum * U * abs(&s).dot(&abs(&g));
        let square_error = 2.0 * direction_error + direction_error.powi(2) + sum * U;
        2.0 * product / square + along_s.abs() * (square_error + 6.0 * U)
    };
    let along_e_error = 2.0 * (unit_error + sum * U) * abs(&f).dot(&abs(&g));
    // Three terms with two roundings each and as many of their sums; the scale is two roots and a product.
    let parts = abs(&g) + along_s.abs() * abs(&s) + along_e.abs() * abs(&e);
    let bound = along_s_error * abs(&s)
        + along_s.abs() * &s_error
        + (along_e_error + along_e.abs() * unit_error) * abs(&e)
        + 8.0 * U * parts;
    let bound = 1.02 * (scale * bound + (sum + 9.0 + 4.0 + 2.0) * U * abs(&dx));
    (dx.to_vec(), bound.to_vec())
}
