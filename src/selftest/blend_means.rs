//! Check of `blend_means` against float64.

use ndarray::Array2;

use super::Check;
use super::oracle::U;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (k, d) in [(1, 1), (7, 255), (256, 3), (300, 64), (3000, 33)] {
        let case = format!("k {k}, d {d}");
        let (means, before) = (check.normals(k, d, 1.0), check.normals(k, d, 1.0));
        // Every third code has no mass, and every sixth never had: neither may divide by zero.
        let rng = check.rng();
        let mass =
            Array2::from_shape_fn((k, 1), |(code, _)| if code % 3 == 1 { 0.0 } else { rng.uniform() + 0.5 });
        let past =
            Array2::from_shape_fn((k, 1), |(code, _)| if code % 6 == 1 { 0.0 } else { 9.0 * rng.uniform() });
        let mut centroids = engine.upload(before.view())?;
        let mut total = engine.upload(past.view())?;
        let mut recorder = engine.recorder();
        recorder.blend_means(
            &engine.upload(means.view())?,
            &engine.upload(mass.view())?,
            &mut centroids,
            &mut total,
        )?;
        recorder.submit()?;

        let sums: Vec<f64> = past.iter().zip(&mass).map(|(&t, &m)| f64::from(t) + f64::from(m)).collect();
        let step = |code: usize, j: usize| {
            let mass = f64::from(mass[[code, 0]]);
            let way = f64::from(means[[code, j]]) - f64::from(before[[code, j]]);
            if mass > 0.0 { mass / sums[code] * way } else { 0.0 }
        };
        let steps: Vec<f64> = (0..k * d).map(|at| step(at / d, at % d)).collect();
        let want: Vec<f64> = before.iter().zip(&steps).map(|(&c, step)| f64::from(c) + step).collect();
        // One ulp (2 U) each for the total, the difference, the product and the final sum, which WGSL lets round
        // either way, and 2.5 ulp for the division; 1.01 is for products of errors.
        let bound = |at: usize| match steps[at] {
            0.0 => 0.0,
            step => 1.01 * U * (11.0 * step.abs() + 2.0 * want[at].abs()),
        };
        check.close(&format!("{case}: centroids"), centroids.download()?, &want, bound);
        check.close(&format!("{case}: total"), total.download()?, &sums, |at| 2.0 * U * sums[at]);
    }
    Ok(())
}
