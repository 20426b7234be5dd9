//! A quantizer prepared once, for any number of calls.

use ndarray::Array2;

use super::{Batching, Coder, Codes, Quantizer, decode_batches, encode_batches};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::vectors::Vectors;

/// A quantizer that was brought to a device, and encodes and decodes there.
///
/// [`Quantizer::encode`] brings the codebooks to the device at every call, which takes longer than to encode a few vectors.
/// An encoder does it once: one vector takes microseconds on the CPU.
///
/// ```
/// use ndarray::array;
/// use wgvq::{Quantizer, Vq};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let encoder = Vq::new(array![[0.0_f32, 1.0], [2.0, 3.0]])?.encoder(&engine)?;
/// let codes = encoder.encode(&array![[2.0_f32, 2.5]])?;
/// assert_eq!(codes.view(), array![[1]]);
/// assert_eq!(encoder.decode(&codes)?, array![[2.0, 3.0]]);
/// # Ok(())
/// # }
/// ```
pub struct Encoder {
    engine: Engine,
    coder: Box<dyn Coder>,
    codebook_sizes: Vec<usize>,
}

impl Encoder {
    pub(super) fn with<Q: Quantizer + ?Sized>(
        quantizer: &Q,
        engine: &Engine,
        settings: &Settings,
    ) -> Result<Self> {
        Ok(Self {
            engine: engine.clone(),
            coder: quantizer.prepare_with(engine, settings)?,
            codebook_sizes: quantizer.codebook_sizes(),
        })
    }

    /// Dimensions of a vector.
    pub fn dim(&self) -> usize {
        self.coder.dim()
    }

    /// Codewords per codebook: one entry per code of a vector.
    pub fn codebook_sizes(&self) -> &[usize] {
        &self.codebook_sizes
    }

    /// The codes of all of `x`, (n, m).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if `x` has another dimension or a value that is not finite;
    /// [`Device`](crate::ErrorKind::Device).
    pub fn encode(&self, x: &dyn Vectors) -> Result<Codes> {
        let (n, m) = (x.len(), self.codebook_sizes.len());
        let mut values = Vec::with_capacity(n * m);
        encode_batches(&*self.coder, &self.engine, x, 0..n, self.batching(), |batch| {
            values.extend(batch.codes.iter());
            Ok(())
        })?;
        let values = Array2::from_shape_vec((n, m), values).expect("m codes per row");
        Codes::new(values, self.codebook_sizes.clone())
    }

    /// The vectors that `codes` stand for, (n, d).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the codes are of other codebooks; [`Device`](crate::ErrorKind::Device).
    pub fn decode(&self, codes: &Codes) -> Result<Array2<f32>> {
        if codes.codebook_sizes() != self.codebook_sizes {
            return Err(Error::input(format!(
                "the codes are of codebooks of {:?} codewords, the quantizer has {:?}",
                codes.codebook_sizes(),
                self.codebook_sizes
            )));
        }
        let (n, d) = (codes.len(), self.dim());
        let mut values = Vec::with_capacity(n * d);
        let read = |rows| Ok(codes.rows(rows).to_owned());
        decode_batches(&*self.coder, &self.engine, read, 0..n, self.batching(), |_, _, decoded| {
            values.extend(decoded.iter());
            Ok(())
        })?;
        Ok(Array2::from_shape_vec((n, d), values).expect("d values per row"))
    }

    fn batching(&self) -> Batching {
        Batching::of_coder(&*self.coder, &self.engine)
    }
}
