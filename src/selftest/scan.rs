//! Check of `scan`: whole numbers modulo 2³², so exact.

use super::Check;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    // Around a workgroup and a block; where the total falls in a block (1024) or, in shards of 256 KiB, in a
    // window (65,536) of its own; and with more blocks than the scan of blocks takes at a time.
    for n in [0, 1, 255, 256, 1023, 1024, 1025, 4097, 65_536, 70_001, 1_060_000] {
        let rng = check.rng();
        let values = ndarray::Array2::from_shape_simple_fn((n, 1), || rng.bits());
        let mut sums = engine.uninitialized(n + 1, 1)?;
        let mut recorder = engine.recorder();
        recorder.scan(&engine.upload(values.view())?, &mut sums)?;
        recorder.submit()?;
        let mut want = vec![0_u32];
        for (i, &value) in values.iter().enumerate() {
            want.push(want[i].wrapping_add(value));
        }
        check.same(&format!("n {n}"), sums.download()?, &want);
    }
    Ok(())
}
