//! Check of `fill`: every element is the number, bit for bit.

use super::Check;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, d, value) in [(1, 1, 0.0), (255, 3, -0.0), (257, 128, 1e-30), (1000, 33, f32::MAX)] {
        let mut filled = engine.uninitialized(n, d)?;
        let mut recorder = engine.recorder();
        recorder.fill(&mut filled, value)?;
        recorder.submit()?;
        check.same_bits(&format!("{value} in {n} × {d}"), filled.download()?, &vec![value; n * d]);
    }
    Ok(())
}
