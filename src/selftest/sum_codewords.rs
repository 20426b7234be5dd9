//! Check of `sum_codewords` against sums in float64.

use ndarray::Array2;

use super::{Check, oracle};
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, d, sizes) in
        [(1, 1, vec![1]), (255, 3, vec![7, 2]), (257, 128, vec![16, 300, 1, 5]), (1000, 25, vec![256; 8])]
    {
        let (m, total) = (sizes.len(), sizes.iter().sum());
        let codewords = check.normals(total, d, 0.0);
        let codes = Array2::from_shape_fn((n, m), |(_, j)| check.rng().below(sizes[j]) as u32);
        let mut offsets = vec![0_u32];
        offsets.extend(sizes.iter().scan(0, |sum, &k| {
            *sum += k as u32;
            Some(*sum)
        }));
        let mut decoded = engine.uninitialized(n, d)?;
        let there = Array2::from_shape_fn((m + 1, 1), |(j, _)| offsets[j]);
        let mut recorder = engine.recorder();
        recorder.sum_codewords(
            &engine.upload(codes.view())?,
            &engine.upload(there.view())?,
            &engine.upload(codewords.view())?,
            &mut decoded,
        )?;
        recorder.submit()?;
        let terms = |at: usize| {
            let (row, column) = (at / d, at % d);
            let offsets = &offsets;
            let codes = codes.row(row);
            let codewords = &codewords;
            (0..m)
                .map(move |j| f64::from(codewords[[(offsets[j] + codes[j]) as usize, column]]))
                .collect::<Vec<_>>()
        };
        let want: Vec<f64> = (0..n * d).map(|at| terms(at).iter().sum()).collect();
        check.close(&format!("n {n}, d {d}, m {m}"), decoded.download()?, &want, |at| {
            oracle::sum_bound(m, terms(at).iter().map(|term| term.abs()).sum())
        });
    }
    Ok(())
}
