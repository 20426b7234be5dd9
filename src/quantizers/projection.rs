//! Projection of any number of vectors on a curve.

use ndarray::Array2;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::kernels::curve_project::Polyline;
use crate::scale::{Scale, ScaledVectors};
use crate::vectors::Vectors;

/// Where on a curve vectors have their nearest points, as [`Recorder::curve_project`](crate::Recorder::curve_project)
/// counts it.
///
/// ```
/// use ndarray::array;
/// use wgvq::Projection;
/// let engine = wgvq::Engine::cpu();
/// let corners = array![[0.0_f32, 0.0], [2.0, 0.0], [2.0, 2.0]];
/// let found = Projection::of(&engine, &corners, &array![[0.5_f32, 1.0], [3.0, 1.0]])?;
/// assert_eq!(found.places, [(0, 0.25), (1, 0.5)]);
/// assert_eq!(found.mse, 1.0);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Projection {
    /// Where each vector lies: a segment and the position on it, from −0.5 to 1.5.
    pub places: Vec<(u32, f32)>,
    /// The mean squared distance of a vector to the curve; 0 for no vectors.
    pub mse: f64,
}

impl Projection {
    /// Projects `x` (n, d) on the curve through `corners` (k, d), k ≥ 2, in batches.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the dimensions differ, and those of `x`; as
    /// [`Polyline::new`](crate::kernels::Polyline::new); [`Device`](crate::ErrorKind::Device).
    pub fn of(engine: &Engine, corners: &Array2<f32>, x: &dyn Vectors) -> Result<Self> {
        if x.dim() != corners.ncols() {
            return Err(Error::input(format!(
                "vectors of {} dimensions and a curve in {}; they have to be the same",
                x.dim(),
                corners.ncols()
            )));
        }
        let scale = Scale::of(corners.view());
        let mut corners = corners.clone();
        scale.apply(&mut corners);
        let (curve, x) = (Polyline::new(engine, corners.view())?, ScaledVectors::new(x, scale));
        let (mut places, mut sum) = (Vec::with_capacity(x.len()), 0.0);
        for rows in batches(x.len(), x.dim()) {
            let n = rows.len();
            let x = engine.upload(x.read_rows(rows)?.view())?;
            let (mut segments, mut positions) = (engine.uninitialized(n, 1)?, engine.uninitialized(n, 1)?);
            let mut distances = engine.uninitialized(n, 1)?;
            let mut recorder = engine.recorder();
            recorder.curve_project(&x, &curve, &mut segments, &mut positions, &mut distances)?;
            recorder.submit()?;
            places.extend(segments.download()?.into_iter().zip(positions.download()?));
            sum += distances.download()?.iter().map(|&distance| f64::from(distance)).sum::<f64>();
        }
        Ok(Self { places, mse: sum / x.len().max(1) as f64 * scale.unit() })
    }

    /// Bytes that [`of`](Self::of) takes for `n` vectors of `d` dimensions beside its result: a batch as it is read, scaled
    /// and copied to the device.
    ///
    /// ```
    /// use wgvq::Projection;
    /// assert_eq!(Projection::bytes(10, 8), 4 * 10 * 8 * 4);
    /// assert_eq!(Projection::bytes(100_000_000, 8), Projection::bytes(200_000_000, 8));
    /// ```
    pub fn bytes(n: usize, d: usize) -> u64 {
        4 * batch_bytes(n, d) as u64
    }
}

/// Bytes of the vectors that a pass reads at a time, at most.
const BATCH_BYTES: usize = 16 << 20;

/// Bytes of the vectors that a pass over `n` vectors of `d` dimensions reads at a time.
pub(super) fn batch_bytes(n: usize, d: usize) -> usize {
    n.saturating_mul(4 * d).min(BATCH_BYTES.max(4 * d))
}

/// Rows of a pass over `n` vectors of `d` dimensions.
pub(super) fn batches(n: usize, d: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let rows = (BATCH_BYTES / (4 * d.max(1))).max(1);
    (0..n).step_by(rows).map(move |first| first..(first + rows).min(n))
}
