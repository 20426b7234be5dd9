//! Check of `scalar_decode` against float64; listed levels come back bit by bit.

use super::Check;
use super::oracle::U;
use crate::error::Result;
use crate::kernels::scalar_encode::Levels;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, d, k, rows) in [(0, 3, 2, 1), (1, 1, 2, 1), (255, 3, 16, 3), (257, 33, 256, 33), (2100, 32, 5, 1)]
    {
        let case = format!("n {n}, d {d}, k {k}, {rows} rows of levels");
        // One code in k + 1 is past the end.
        let codes = check.codes(n * d, k + 1).into_shape_with_order((n, d)).expect("as many");
        let row_and_code = |at: usize| {
            let row = if rows == 1 { 0 } else { at % d };
            (row, (codes[[at / d, at % d]] as usize).min(k - 1))
        };
        let uploaded = engine.upload(codes.view())?;
        let decode = |levels: &Levels| {
            let mut decoded = engine.uninitialized(n, d)?;
            let mut recorder = engine.recorder();
            recorder.scalar_decode(&uploaded, levels, &mut decoded)?;
            recorder.submit()?;
            decoded.download()
        };

        let (low, step) = (check.normals(rows, 1, 3.0), check.normals(rows, 1, 2.0).mapv(f32::abs));
        let got = decode(&Levels::uniform(&engine, d, k, low.view(), step.view())?)?;
        let terms = |at: usize| {
            let (row, code) = row_and_code(at);
            (f64::from(low[[row, 0]]), code as f64 * f64::from(step[[row, 0]]))
        };
        let want: Vec<f64> = (0..n * d).map(|at| terms(at).0 + terms(at).1).collect();
        if n == 0 {
            check.holds(&case, "no codes decode to nothing", got.is_empty());
            continue;
        }
        // A product and a sum.
        check.close(&format!("uniform, {case}"), got, &want, |at| U * (terms(at).1 + 1.01 * want[at].abs()));

        let levels = check.normals(rows, k, 0.0);
        let got = decode(&Levels::listed(&engine, d, &levels)?)?;
        let want: Vec<f32> = (0..n * d).map(|at| levels[row_and_code(at)]).collect();
        check.same_bits(&format!("listed, {case}"), got, &want);
    }
    Ok(())
}
