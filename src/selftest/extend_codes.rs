//! Check of `extend_codes`: it moves values, so they have to be those of a plain loop.

use ndarray::Array2;

use super::Check;
use crate::error::Result;
use crate::kernels::extend_codes::Ragged;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, m, columns, count) in
        [(1, 1, 1, 1), (255, 8, 3, 3), (300, 4, 4, 2), (1000, 5, 9, 5), (257, 3, 2, 0)]
    {
        let case = format!("n {n}, {count} of {columns} codes for {m}");
        let (before, longer) = (codes(check, n, m), codes(check, n, columns));
        let (left, errors) = (check.normals(n, 1, 0.0), check.normals(n, 1, 0.0));
        let stops = Array2::from_shape_fn((m, 1), |(j, _)| 1000 + j as u32);
        // The first row is exactly at the limit, where codes end.
        let limit = left[[0, 0]];

        let (mut got, mut distances) = (engine.upload(before.view())?, engine.upload(left.view())?);
        let mut recorder = engine.recorder();
        recorder.extend_codes(
            &engine.upload(longer.view())?,
            count,
            &engine.upload(errors.view())?,
            &engine.upload(stops.view())?,
            limit,
            &mut Ragged { codes: &mut got, distances: &mut distances },
        )?;
        recorder.submit()?;

        let (mut want, mut far) = (before, left.clone());
        for row in (0..n).filter(|&row| left[[row, 0]] > limit) {
            for j in 0..m {
                want[[row, j]] = if j < count { longer[[row, j]] } else { stops[[j, 0]] };
            }
            far[[row, 0]] = errors[[row, 0]];
        }
        check.same(&format!("{case}, codes"), got.download()?, want.as_slice().expect("standard layout"));
        let far = far.as_slice().expect("standard layout");
        check.same_bits(&format!("{case}, distances"), distances.download()?, far);
    }
    Ok(())
}

fn codes(check: &mut Check, n: usize, m: usize) -> Array2<u32> {
    Array2::from_shape_simple_fn((n, m), || check.rng().below(256) as u32)
}
