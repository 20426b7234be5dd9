//! Check of `histogram`: whole numbers, so exact.

use super::Check;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    // k around the bins in workgroup memory, n around a workgroup's share and beyond a shard of 256 KiB.
    for (n, k) in [(0, 3), (1, 1), (257, 256), (4095, 1023), (4096, 1024), (4097, 1025), (70_000, 70_000)] {
        // A few of the codes are not below k, and count nowhere.
        let codes = check.codes(n, k + k / 100 + 1);
        let mut counts = engine.uninitialized(k, 1)?;
        let mut recorder = engine.recorder();
        recorder.histogram(&engine.upload(codes.view())?, &mut counts)?;
        recorder.submit()?;
        let mut want = vec![0; k];
        codes.iter().for_each(|&code| want.get_mut(code as usize).into_iter().for_each(|count| *count += 1));
        check.same(&format!("n {n}, k {k}"), counts.download()?, &want);
    }

    let codes = ndarray::Array2::from_elem((70_000, 1), 1_u32);
    let mut counts = engine.uninitialized(2, 1)?;
    let mut recorder = engine.recorder();
    recorder.histogram(&engine.upload(codes.view())?, &mut counts)?;
    recorder.submit()?;
    check.same("one code only", counts.download()?, &[0, 70_000]);
    Ok(())
}
