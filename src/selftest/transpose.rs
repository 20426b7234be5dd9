//! Check of `transpose`: it moves values, so the bits have to be those of the source.

use super::Check;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, d) in [(1, 1), (1, 70), (33, 31), (64, 32), (200, 129)] {
        let x = check.normals(n, d, 0.0);
        let mut turned = engine.uninitialized(d, n)?;
        let mut recorder = engine.recorder();
        recorder.transpose(&engine.upload(x.view())?, &mut turned)?;
        recorder.submit()?;
        let want: Vec<f32> = x.t().iter().copied().collect();
        check.same_bits(&format!("{n} × {d}"), turned.download()?, &want);
    }
    Ok(())
}
