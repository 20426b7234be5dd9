//! Check of `beam_codes`: whole numbers, which have to be the same.

use ndarray::Array2;

use super::Check;
use crate::error::Result;
use crate::kernels::beam_step::Beam;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, entries, sizes) in [(1, 1, vec![1]), (257, 2, vec![7, 300, 5]), (10_000, 3, vec![16; 8])] {
        let m = sizes.len();
        let offsets = Array2::from_shape_fn((m + 1, 1), |(j, _)| sizes[..j].iter().sum::<usize>() as u32);
        let codes = Array2::from_shape_fn((n, m), |(_, j)| check.rng().below(sizes[j]) as u32);
        let mut ids = Array2::zeros((n, entries * m));
        for (row, mut ids) in ids.rows_mut().into_iter().enumerate() {
            let mut order: Vec<usize> = (0..m).collect();
            check.rng().shuffle(&mut order);
            for (at, &j) in order.iter().enumerate() {
                ids[at] = offsets[[j, 0]] + codes[[row, j]];
            }
        }
        let costs = engine.zeros(n, entries)?;
        let beam = Beam { ids: engine.upload(ids.view())?, costs, length: m };
        let mut got = engine.uninitialized(n, m)?;
        let mut recorder = engine.recorder();
        recorder.beam_codes(&beam, &engine.upload(offsets.view())?, &mut got)?;
        recorder.submit()?;
        let want: Vec<u32> = codes.into_iter().collect();
        check.same(&format!("n {n}, m {m}, {entries} entries"), got.download()?, &want);
    }
    Ok(())
}
