//! Check of `gather`: it moves values, so the bits have to be those of the source.

use super::Check;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, d, k) in [(1, 1, 1), (255, 3, 7), (256, 1, 300), (257, 128, 1000), (4096, 33, 5)] {
        let case = format!("n {n}, d {d}, k {k}");
        let source = check.normals(k, d, 0.0);
        let indices = check.codes(n, k);
        let mut gathered = engine.uninitialized(n, d)?;
        let mut recorder = engine.recorder();
        recorder.gather(&engine.upload(source.view())?, &engine.upload(indices.view())?, &mut gathered)?;
        recorder.submit()?;
        let want: Vec<f32> = indices.iter().flat_map(|&index| source.row(index as usize).to_vec()).collect();
        check.same_bits(&case, gathered.download()?, &want);
    }

    let mut gathered = engine.upload(ndarray::array![[9.0_f32], [9.0]].view())?;
    let source = engine.upload(ndarray::array![[1.0_f32], [2.0]].view())?;
    let mut recorder = engine.recorder();
    recorder.gather(&source, &engine.upload(ndarray::array![[2_u32], [1]].view())?, &mut gathered)?;
    recorder.submit()?;
    check.same_bits("an index past the end leaves its row", gathered.download()?, &[9.0, 2.0]);
    Ok(())
}
