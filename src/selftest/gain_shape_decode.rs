//! Check of `gain_shape_decode` against what codes stand for, which is exact.

use ndarray::Array2;

use super::Check;
use super::gain_shape_encode::{MEAN, magnitudes, stands_for};
use crate::error::Result;
use crate::kernels::gain_shape_encode::Shape;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // The last is over 256 KiB.
    for (n, d, k) in [(1, 1, 1), (9, 3, 2), (33, 32, 128), (70, 100, 8), (900, 77, 4)] {
        let engine = check.engine();
        let mut codes = Array2::from_shape_simple_fn((n, d + 4), || check.rng().below(2 * k) as u32);
        for mut row in codes.outer_iter_mut() {
            // Gains from 2^-60 to 2^60.
            let length = ((67 + check.rng().below(120)) << 8 | check.rng().below(256)) as u32;
            [12, 8, 4, 0].iter().zip(d..).for_each(|(shift, at)| row[at] = length >> shift & 15);
        }
        // A length of 0.
        codes.row_mut(n / 2).slice_mut(ndarray::s![d..]).fill(0);
        let grid = magnitudes(k);
        let shape = Shape::new(&engine, &grid, MEAN)?;
        let mut decoded = engine.uninitialized(n, d)?;
        let mut recorder = engine.recorder();
        recorder.gain_shape_decode(&engine.upload(codes.view())?, &shape, &mut decoded)?;
        recorder.submit()?;
        let grid = grid.row(0).to_vec();
        let want = codes.outer_iter().flat_map(|row| stands_for(&row.to_vec(), &grid));
        let want: Vec<f32> = want.map(|value| value as f32).collect();
        check.same_bits(&format!("n {n}, d {d}, {k} magnitudes"), decoded.download()?, &want);
    }
    let engine = check.engine();
    let shape = Shape::new(&engine, &magnitudes(2), MEAN)?;
    let mut decoded = engine.uninitialized(1, 2)?;
    let mut recorder = engine.recorder();
    // Past the last: numbers as the last has them.
    recorder.gain_shape_decode(
        &engine.upload(ndarray::array![[9_u32, 3, 300, 300, 16, 99]].view())?,
        &shape,
        &mut decoded,
    )?;
    let ended = recorder.gain_shape_decode(
        &engine.upload(ndarray::array![[0_u32, 0, 0, 0, 0]].view())?,
        &shape,
        &mut decoded,
    );
    check.holds("too few codes", "an error", ended.is_err());
    recorder.submit()?;
    let decoded = decoded.download()?;
    check.holds(
        "past the last",
        "both are the last",
        decoded[[0, 0]] == decoded[[0, 1]] && decoded[[0, 0]] > 0.0,
    );
    Ok(())
}
