//! Check of `curve_runs` against a count of the borders.

use ndarray::Array2;

use super::Check;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    // The last has matrices over 256 KiB.
    for (n, b) in [(1, 1), (255, 2), (257, 63), (1000, 255), (70_000, 7)] {
        let mut place = |rows: usize| -> Vec<(f32, f32)> {
            // Few segments and positions, so that many places are borders.
            let mut one = || (check.rng().below(9) as f32, check.rng().below(5) as f32 / 2.0 - 0.5);
            (0..rows).map(|_| one()).collect()
        };
        let (places, mut borders) = (place(n), place(b));
        borders.sort_by(|a, b| a.partial_cmp(b).expect("finite"));
        let segments = Array2::from_shape_fn((n, 1), |(row, _)| places[row].0 as u32);
        let positions = Array2::from_shape_fn((n, 1), |(row, _)| places[row].1);
        let on_device =
            Array2::from_shape_fn(
                (b, 2),
                |(row, column)| {
                    if column == 0 { borders[row].0 } else { borders[row].1 }
                },
            );
        let mut runs = engine.uninitialized(n, 1)?;
        let mut recorder = engine.recorder();
        recorder.curve_runs(
            &engine.upload(segments.view())?,
            &engine.upload(positions.view())?,
            &engine.upload(on_device.view())?,
            &mut runs,
        )?;
        recorder.submit()?;
        let before = |place: &(f32, f32)| borders.iter().filter(|&border| border <= place).count() as u32;
        let want: Vec<u32> = places.iter().map(before).collect();
        check.same(&format!("n {n}, {b} borders"), runs.download()?, &want);
    }
    Ok(())
}
