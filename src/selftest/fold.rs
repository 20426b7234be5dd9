//! Check of `fold` against sums in float64.

use super::unfold::{CASES, for_each, patches_of};
use super::{Check, oracle};
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for case in CASES {
        let (of, channels) = patches_of(case);
        let patches = check.normals(of.count(), of.kernel * of.kernel * channels, 0.0);
        let mut image = engine.uninitialized(of.pixels(), channels)?;
        let mut recorder = engine.recorder();
        recorder.fold(&of, &engine.upload(patches.view())?, &mut image)?;
        recorder.submit()?;
        let values: Vec<f64> = patches.iter().map(|&value| f64::from(value)).collect();
        let (mut sums, mut sizes) = (vec![0.0; image.rows() * channels], vec![0.0; image.rows() * channels]);
        for_each(&of, channels, |element, to| {
            if let Some(to) = to {
                sums[to] += values[element];
                sizes[to] += values[element].abs();
            }
        });
        let terms = of.kernel * of.kernel;
        check.close(&format!("{of:?}"), image.download()?, &sums, |at| oracle::sum_bound(terms, sizes[at]));
    }
    Ok(())
}
