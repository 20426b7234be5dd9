//! The hard quantizer.

use super::Forward;
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;

/// The nearest codeword of every vector, of a codebook that changes from step to step: what every estimator starts from,
/// and all that is done at inference.
///
/// ```
/// use ndarray::array;
/// use wgvq::train::estimators::{Forward, Nearest};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let x = engine.upload(array![[0.9_f32], [-3.0]].view())?;
/// let codebook = engine.upload(array![[0.0_f32], [1.0]].view())?;
/// let mut forward = Forward::new(&engine, 2, 1)?;
/// let mut recorder = engine.recorder();
/// Nearest::default().record(&mut recorder, &x, &codebook, &mut forward)?;
/// recorder.submit()?;
/// assert_eq!(forward.codes.download()?, array![[1], [0]]);
/// assert_eq!(forward.output.download()?, array![[1.0], [0.0]]);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Nearest {
    /// The codewords of the last step, packed for the comparison.
    packed: Option<Codebook>,
}

impl Nearest {
    /// Records codes, distances, the codewords as the output, and a loss of 0.
    ///
    /// Shapes: `x` (n, d), `codebook` (k, d), `forward` for (n, d).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit; [`Device`](crate::ErrorKind::Device) if the device
    /// has no room.
    pub fn record(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        forward: &mut Forward,
    ) -> Result<()> {
        forward.check("nearest", x, codebook)?;
        self.record_codes(recorder, x, codebook, forward)?;
        recorder.gather(codebook, &forward.codes, &mut forward.output)?;
        recorder.fill(&mut forward.loss, 0.0)
    }

    /// Records codes and distances.
    pub(super) fn record_codes(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        forward: &mut Forward,
    ) -> Result<()> {
        let packed = self.record_packed(recorder, codebook)?;
        recorder.assign(x, packed, &mut forward.codes, &mut forward.distances)
    }

    /// Records how the codewords are packed as they are now.
    pub(super) fn record_packed(
        &mut self,
        recorder: &mut Recorder<'_>,
        codebook: &Matrix<f32>,
    ) -> Result<&Codebook> {
        let fits = |own: &Codebook| {
            own.codewords().shape() == codebook.shape() && own.codewords().engine().is(codebook.engine())
        };
        let mut packed = match self.packed.take().filter(fits) {
            Some(packed) => packed,
            None => {
                let room = codebook.engine().uninitialized(codebook.rows(), codebook.cols())?;
                Codebook::from_matrix(room, Metric::SquaredL2)?
            }
        };
        recorder.copy(codebook, packed.codewords_mut())?;
        recorder.prepare_codebook(&mut packed)?;
        Ok(self.packed.insert(packed))
    }
}
