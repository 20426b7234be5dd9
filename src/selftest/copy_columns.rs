//! Check of `copy_columns`: it moves values, so the bits have to be those of the source.

use super::Check;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for (n, from, columns, cols, to) in
        [(1, 1, 0..1, 1, 0), (255, 5, 1..4, 7, 4), (300, 128, 16..32, 16, 0), (1000, 17, 0..17, 100, 83)]
    {
        let case = format!("n {n}, {columns:?} of {from} to {to} of {cols}");
        let (source, before) = (check.normals(n, from, 0.0), check.normals(n, cols, 9.0));
        let mut target = engine.upload(before.view())?;
        let mut recorder = engine.recorder();
        recorder.copy_columns(&engine.upload(source.view())?, columns.clone(), &mut target, to)?;
        recorder.submit()?;
        let mut want = before;
        want.slice_mut(ndarray::s![.., to..to + columns.len()])
            .assign(&source.slice(ndarray::s![.., columns]));
        check.same_bits(&case, target.download()?, want.as_slice().expect("standard layout"));
    }
    Ok(())
}
