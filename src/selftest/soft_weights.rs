//! Check of `soft_weights` against float64.

use super::Check;
use super::oracle::U;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    let cases =
        [(1, 1, 1.0_f32), (300, 3, -2.0), (255, 64, 5.0), (17, 257, -0.1), (5, 1000, 30.0), (9, 65, 0.0)];
    for (n, k, scale) in cases {
        let mut scores = check.normals(n, k, 3.0);
        // Equal scores, and one that is out of reach.
        scores[[0, k - 1]] = scores[[0, 0]];
        scores[[n - 1, k / 2]] = -1e6 * scale.signum();
        let (mut weights, mut log_sums) = (engine.uninitialized(n, k)?, engine.uninitialized(n, 1)?);
        let mut recorder = engine.recorder();
        recorder.soft_weights(&engine.upload(scores.view())?, scale, &mut weights, &mut log_sums)?;
        recorder.submit()?;

        let scaled = scores.mapv(|score| f64::from(scale) * f64::from(score));
        let largest: Vec<f64> =
            scaled.rows().into_iter().map(|row| row.fold(f64::MIN, |a, &b| a.max(b))).collect();
        let sums: Vec<f64> = (0..n)
            .map(|row| scaled.row(row).iter().map(|score| (score - largest[row]).exp()).sum())
            .collect();
        let exact = |at: usize| (scaled[[at / k, at % k]] - largest[at / k]).exp() / sums[at / k];
        let want: Vec<f64> = (0..n * k).map(exact).collect();
        let case = format!("n {n}, k {k}, scale {scale}");
        // Scaling and subtracting move an exponent by 2 (|scaled| + |largest|) units at most. In the sum the terms that
        // are far below the largest count little: its exponents move by 2 (2 |largest| + ln k). The exponentials have 4
        // units each, the quotient 3, the sum k. What is below e^-87 may be 0.
        let in_sum = |row: usize| 4.0 * largest[row].abs() + 2.0 * (k as f64).ln() + k as f64 + 20.0;
        check.close(&case, weights.download()?, &want, |at| {
            let exponent = 2.0 * (scaled[[at / k, at % k]].abs() + largest[at / k].abs());
            U * want[at] * (in_sum(at / k) + exponent) + 2e-38
        });
        let want: Vec<f64> = (0..n).map(|row| largest[row] + sums[row].ln()).collect();
        // The logarithm has 4 units of itself, and is added to the largest.
        check.close(&format!("{case}, log sums"), log_sums.download()?, &want, |row| {
            U * (in_sum(row) + 5.0 * sums[row].ln() + 2.0 * largest[row].abs())
        });
    }
    Ok(())
}
