//! Check of `soft_slopes` against float64, below the limit, above it, and far above it.

use super::Check;
use super::oracle::{U, sum_bound};
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, d, k, sharpness) in
        [(1, 1, 1, 1.0_f32), (7, 3, 2, 0.01), (255, 40, 33, 0.3), (9, 100, 257, 5.0), (1031, 5, 64, 1e6)]
    {
        let products = check.normals(n, k, 0.3);
        let distances = check.normals(n, k, 0.0).mapv(|value| value * value);
        let gradient = check.normals(n, d, 0.0);
        let mut weights = check.normals(n, k, 0.0).mapv(f32::exp);
        weights.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
        let mut slopes = engine.upload(products.view())?;
        let mut recorder = engine.recorder();
        recorder.soft_slopes(
            &engine.upload(weights.view())?,
            &engine.upload(distances.view())?,
            &engine.upload(gradient.view())?,
            sharpness,
            &mut slopes,
        )?;
        recorder.submit()?;

        let double = 2.0 * f64::from(sharpness);
        let (mut want, mut bounds) = (Vec::new(), Vec::new());
        let mut limited = 0;
        for row in 0..n {
            let w = |j: usize| f64::from(weights[[row, j]]);
            let p = |j: usize| f64::from(products[[row, j]]);
            let mean: f64 = (0..k).map(|j| w(j) * p(j)).sum();
            let mean_error = sum_bound(k, (0..k).map(|j| (w(j) * p(j)).abs()).sum());
            let slope = |j: usize| w(j) * (p(j) - mean);
            // The mean is off, and the difference and the product are rounded.
            let slope_error = |j: usize| w(j) * (mean_error + U * (p(j) - mean).abs()) + U * slope(j).abs();
            let length = |term: &dyn Fn(usize) -> f64| {
                let squares = (0..k).map(|j| term(j).powi(2) * f64::from(distances[[row, j]]));
                squares.sum::<f64>().sqrt()
            };
            let (through, through_error) = (length(&slope), length(&slope_error));
            let own = (0..k).map(|j| w(j).powi(2)).sum::<f64>().sqrt();
            let given = gradient.row(row).iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
            let direct = own * given;
            let limit = if double * through > direct { direct / (double * through) } else { 1.0 };
            limited += usize::from(limit < 1.0);
            // Roots of three sums, halves of whose errors count, a product, a quotient, and what the slopes are off.
            let roundings = (2 * (k + 4) + d + 2) as f64 / 2.0 + 8.0;
            let limit_error = roundings * U + if through > 0.0 { through_error / through } else { 0.0 };
            for j in 0..k {
                let exact = double * slope(j) * limit;
                want.push(exact);
                bounds.push(
                    exact.abs() * (limit_error + 4.0 * U)
                        + 2.0 * double * limit * slope_error(j)
                        + f64::from(f32::MIN_POSITIVE),
                );
            }
        }
        let case = format!("n {n}, d {d}, k {k}, sharpness {sharpness}");
        check.close(&case, slopes.download()?, &want, |at| bounds[at]);
        // The cases are on both sides of the limit.
        if sharpness <= 0.01 {
            check.holds(&case, "no row is limited", limited == 0);
        } else if sharpness >= 1e6 {
            check.holds(&case, "all rows are limited", limited == n);
        }
    }

    let mut recorder = engine.recorder();
    let two = engine.zeros(2, 3)?;
    let mut three = engine.zeros(3, 3)?;
    check.holds(
        "another shape",
        "an error",
        recorder.soft_slopes(&two, &two, &two, 1.0, &mut three).is_err(),
    );
    recorder.submit()
}
