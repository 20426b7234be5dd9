//! Check of `prepare_codebook`: what is packed serves to find each codeword as its own nearest one.
//!
//! The packed form differs from device to device, so the check looks at what it is for. Codewords that lie far apart
//! are found by every metric; a panel in the wrong place, a padding that wins, or a stale panel after a change are not.

use ndarray::Array2;

use super::Check;
use crate::error::Result;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    for metric in [Metric::SquaredL2, Metric::Cosine, Metric::L1] {
        for (k, d) in [(1, 1), (2, 3), (16, 8), (17, 12), (128, 31), (129, 32), (300, 50)] {
            // One dimension only tells two directions apart.
            let k = if metric == Metric::Cosine { k.min(d) } else { k };
            let mut codebook = Codebook::new(&engine, check.normals(k, d, 0.0).view(), metric)?;
            let apart = codewords(k, d, metric);
            codebook.codewords_mut().write_rows(0, apart.view())?;
            let mut codes = engine.uninitialized(k, 1)?;
            let mut distances = engine.uninitialized(k, 1)?;
            let mut recorder = engine.recorder();
            recorder.prepare_codebook(&mut codebook)?;
            recorder.assign(&engine.upload(apart.view())?, &codebook, &mut codes, &mut distances)?;
            recorder.submit()?;
            let own: Vec<u32> = (0..k as u32).collect();
            check.same(&format!("{metric:?}, k {k}, d {d}"), codes.download()?, &own);
        }
    }
    Ok(())
}

/// Codewords that lie far apart: along the axes for the cosine, else on a line through all dimensions.
fn codewords(k: usize, d: usize, metric: Metric) -> Array2<f32> {
    Array2::from_shape_fn((k, d), |(code, dimension)| match metric {
        Metric::Cosine => f32::from(u8::from(code == dimension)),
        _ => 8.0 * code as f32 + dimension as f32,
    })
}
