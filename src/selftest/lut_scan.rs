//! Check of `lut_scan` against sums in float64.

use ndarray::Array2;

use super::{Check, oracle};
use crate::error::Result;
use crate::ops::LANES;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, groups, sizes) in [
        (1, 1, vec![1]),
        (255, 1, vec![4, 4]),
        (256, 2, vec![256]),
        (257, 3, vec![3, 700, 1]),
        (2049, 2, vec![64; 8]),
        (1500, 4, vec![16; 17]),
    ] {
        let (m, entries) = (sizes.len(), sizes.iter().sum::<usize>());
        let firsts: Vec<u32> = sizes
            .iter()
            .scan(0, |next, &k| {
                *next += k as u32;
                Some(*next - k as u32)
            })
            .collect();
        let codes = Array2::from_shape_fn((n, m), |(_, j)| check.rng().below(sizes[j]) as u32);
        let tables = check.normals(groups * entries, LANES, 0.0);
        let starts = check.normals(n, 1, 0.0);
        let mut scores = engine.uninitialized(n, groups * LANES)?;
        let mut of_bytes = engine.uninitialized(n, groups * LANES)?;
        let firsts_column = Array2::from_shape_vec((m, 1), firsts.clone()).expect("one per codebook");
        let firsts_there = engine.upload(firsts_column.view())?;
        let (tables_there, starts_there) = (engine.upload(tables.view())?, engine.upload(starts.view())?);
        let mut recorder = engine.recorder();
        let codes_there = engine.upload(codes.view())?;
        recorder.lut_scan(&codes_there, &firsts_there, &tables_there, &starts_there, &mut scores)?;
        let bytes = sizes.iter().all(|&k| k <= 256).then(|| codes.mapv(|code| code as u8));
        if let Some(bytes) = &bytes {
            let bytes = engine.upload(bytes.view())?;
            recorder.lut_scan(&bytes, &firsts_there, &tables_there, &starts_there, &mut of_bytes)?;
        }
        recorder.submit()?;
        let terms = |at: usize| {
            let (row, query) = (at / (groups * LANES), at % (groups * LANES));
            let table = query / LANES * entries;
            let mut all = vec![f64::from(starts[[row, 0]])];
            for (j, &first) in firsts.iter().enumerate() {
                let entry = table + (first + codes[[row, j]]) as usize;
                all.push(tables[[entry, query % LANES]].into());
            }
            all
        };
        let want: Vec<f64> = (0..n * groups * LANES).map(|at| terms(at).iter().sum()).collect();
        if bytes.is_some() {
            let want: Vec<f32> = scores.download()?.into_iter().collect();
            check.same_bits(
                &format!("n {n}, groups {groups}, k {sizes:?}, bytes"),
                of_bytes.download()?,
                &want,
            );
        }
        check.close(&format!("n {n}, groups {groups}, k {sizes:?}"), scores.download()?, &want, |at| {
            oracle::sum_bound(m + 1, terms(at).iter().map(|term| term.abs()).sum())
        });
    }
    Ok(())
}
