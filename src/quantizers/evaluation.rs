//! What adds up while vectors are encoded: how much is lost, and how the codes are used.

use ndarray::ArrayView2;

use super::{Batching, Coder, EncodedBatch, encode_batches};
use crate::engine::Engine;
use crate::error::Result;
use crate::metrics::{Aqe, Distortion, Usage};
use crate::vectors::Vectors;

/// Distortion and use of codes over some vectors.
///
/// ```
/// use ndarray::array;
/// use wgvq::{Evaluation, Quantizer};
/// let engine = wgvq::Engine::cpu();
/// let vq = wgvq::Vq::new(array![[0.0_f32], [10.0]])?;
/// let found = Evaluation::of(&*vq.prepare(&engine)?, &engine, &array![[1.0_f32], [0.0], [11.0]])?;
/// assert!((found.distortion.mse() - 2.0 / 3.0).abs() < 1e-6);
/// assert_eq!(found.usage[0].counts(), [2, 1]);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// What is lost.
    pub distortion: Distortion,
    /// How each codebook is used. [Ragged](Coder::is_ragged) codes are counted up to the first that says stop.
    pub usage: Vec<Usage>,
    /// What is lost by other norms, of the vectors that are given [decoded](Self::add_decoded) too.
    pub aqe: Aqe,
    ragged: bool,
}

impl Evaluation {
    /// An evaluation of the codes of `coder` that has counted nothing yet.
    pub fn new(coder: &dyn Coder) -> Self {
        Self {
            distortion: Distortion::default(),
            usage: coder.codebook_sizes().into_iter().map(Usage::new).collect(),
            aqe: Aqe::default(),
            ragged: coder.is_ragged(),
        }
    }

    /// Encodes all of `x` and adds it up.
    ///
    /// # Errors
    /// As [`encode_batches`].
    pub fn of(coder: &dyn Coder, engine: &Engine, x: &dyn Vectors) -> Result<Self> {
        let mut found = Self::new(coder);
        encode_batches(coder, engine, x, 0..x.len(), Batching::of_coder(coder, engine), |batch| {
            found.add_encoded(batch);
            Ok(())
        })?;
        Ok(found)
    }

    /// Adds a batch that [`encode_batches`] gives.
    pub fn add_encoded(&mut self, batch: &EncodedBatch) {
        self.count(batch.codes.view());
        self.distortion.add_errors(batch.x.view(), batch.distances.iter().copied());
    }

    /// Adds vectors (n, d), their codes (n, m) and what these decode to (n, d).
    pub fn add_decoded(&mut self, x: ArrayView2<f32>, codes: ArrayView2<u32>, decoded: ArrayView2<f32>) {
        self.count(codes);
        self.distortion.add(x, decoded);
        self.aqe.add(x, decoded);
    }

    /// The mean number of bits of a vector without entropy coding: log2 K_j for each code that is counted.
    pub fn bits_per_vector(&self) -> f64 {
        self.mean_over_codes(|usage| (usage.counts().len() as f64).log2())
    }

    /// The mean number of bits of a vector by the entropies of the codes (Eq. 2.12), each codebook by itself.
    pub fn entropy_bits(&self) -> f64 {
        self.mean_over_codes(Usage::entropy)
    }

    /// The sum over the codebooks of `bits` times the share of vectors that have a code of it.
    fn mean_over_codes(&self, bits: impl Fn(&Usage) -> f64) -> f64 {
        let rows = self.usage.first().map_or(0, Usage::total).max(1) as f64;
        self.usage.iter().map(|usage| bits(usage) * usage.total() as f64 / rows).sum()
    }

    fn count(&mut self, codes: ArrayView2<u32>) {
        if !self.ragged {
            for (usage, column) in self.usage.iter_mut().zip(codes.columns()) {
                usage.add(column.iter().copied());
            }
            return;
        }
        for codes in codes.rows() {
            for (usage, &code) in self.usage.iter_mut().zip(codes) {
                usage.add([code]);
                if code as usize == usage.counts().len() - 1 {
                    break;
                }
            }
        }
    }
}
