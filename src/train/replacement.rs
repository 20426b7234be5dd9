//! Codebook replacement: codewords that are hardly used make way for copies of those that are.

use ndarray::{Array2, Axis};

use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::metrics::Usage;
use crate::rng::Rng;

/// Replaces codewords that were used in less than a share of the batches of a period (Section 5.2 of Vali's thesis, 2025)
/// by copies of used ones, which are drawn as often as vectors chose them and moved a little.
///
/// The move is normal, with a hundredth of the standard deviation that the used codewords have in each dimension: the
/// 10⁻¹² of the published code would vanish in the rounding of `f32`, and both copies stay one codeword for ever.
///
/// ```
/// use ndarray::array;
/// use wgvq::train::{CodewordUse, Replacement};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let replacement = Replacement::new(10, 100)?;
/// let mut codebook = engine.upload(array![[0.0_f32], [1.0], [50.0]].view())?;
/// let mut used = CodewordUse::new(&engine, 3)?;
/// let codes = engine.upload(array![[0_u32], [1], [1]].view())?;
/// let mut recorder = engine.recorder();
/// for _ in 0..10 {
///     used.record(&mut recorder, &codes)?;
/// }
/// recorder.submit()?;
/// assert!(replacement.is_due(10) && !replacement.is_due(11) && !replacement.is_due(110));
/// let replaced = replacement.replace(10, 7, &mut used, &mut codebook)?;
/// assert_eq!(replaced.count, 1);
/// assert!(codebook.download()?[[2, 0]] < 2.0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replacement {
    every: u64,
    last: u64,
    share: f64,
}

/// What [`Replacement::replace`] did.
pub struct Replaced {
    /// How many codewords were replaced.
    pub count: usize,
    /// (k, 1): 1 for those that stayed, 0 for the others, as [`Optimizer::reset_rows`](super::Optimizer::reset_rows) and
    /// [`Estimator::record_reset_rows`](super::estimators::Estimator::record_reset_rows) take it.
    pub kept: Matrix<f32>,
}

/// The standard deviation of the move, of that of the codewords.
const MOVE: f32 = 0.01;

impl Replacement {
    /// The share of the batches of a period below which a codeword is replaced, unless said otherwise.
    pub const SHARE: f64 = 0.01;

    /// After every `every` steps, of which 100 to 1000 are usual, the last time at step `last`: well before the end of the
    /// training, so that the new codewords find their places.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the period is 0.
    pub fn new(every: u64, last: u64) -> Result<Self> {
        if every == 0 {
            return Err(Error::input("codewords replaced every 0 steps; at least 1 is needed"));
        }
        Ok(Self { every, last, share: Self::SHARE })
    }

    /// Another share of the batches than [`SHARE`](Self::SHARE) below which a codeword counts as unused.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) unless it is over 0 and at most 1.
    pub fn share(mut self, share: f64) -> Result<Self> {
        if !(share > 0.0 && share <= 1.0) {
            return Err(Error::input(format!(
                "codewords replaced below a share of {share} of the batches; it has to be over 0 and at most 1"
            )));
        }
        self.share = share;
        Ok(self)
    }

    /// Whether codewords are to be replaced after `steps` steps.
    pub fn is_due(&self, steps: u64) -> bool {
        steps > 0 && steps <= self.last && steps.is_multiple_of(self.every)
    }

    /// Replaces the codewords of `codebook` (k, d) that `used` says are hardly used, and starts to count anew. Waits for
    /// the device. What is drawn depends on `seed` and `step` alone.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if `used` is of another number of codewords; [`Device`](crate::ErrorKind::Device)
    /// if the device has failed.
    pub fn replace(
        &self,
        step: u64,
        seed: u64,
        used: &mut CodewordUse,
        codebook: &mut Matrix<f32>,
    ) -> Result<Replaced> {
        let engine = codebook.engine().clone();
        let (vectors, batches) = (used.vectors.download()?, used.batches.download()?);
        let k = codebook.rows();
        if vectors.nrows() != k {
            return Err(Error::shape(format!(
                "the use of {} codewords, of a codebook of {k}",
                vectors.nrows()
            )));
        }
        used.clear(&engine)?;
        let least = (self.share * self.every as f64).max(1.0);
        let (kept, unused): (Vec<usize>, Vec<usize>) =
            (0..k).partition(|&codeword| f64::from(batches[[codeword, 0]]) >= least);
        let mut mask = Array2::ones((k, 1));
        // With none to copy, nothing was counted.
        if !unused.is_empty() && !kept.is_empty() {
            let mut codewords = codebook.download()?;
            let spread = MOVE * &codewords.select(Axis(0), &kept).std_axis(Axis(0), 0.0);
            let totals: Vec<u64> = kept
                .iter()
                .scan(0_u64, |total, &codeword| {
                    *total += u64::from(vectors[[codeword, 0]]);
                    Some(*total)
                })
                .collect();
            let total = totals.last().copied().unwrap_or(0) as f64;
            let mut rng = Rng::new(seed, step);
            for &codeword in &unused {
                let drawn = rng.uniform_f64() * total;
                let from = totals.partition_point(|&up_to| up_to as f64 <= drawn).min(kept.len() - 1);
                let mut copy = codewords.row(kept[from]).to_owned();
                copy.zip_mut_with(&spread, |value, &spread| *value += spread * rng.normal());
                codewords.row_mut(codeword).assign(&copy);
                mask[[codeword, 0]] = 0.0;
            }
            codebook.write_rows(0, codewords.view())?;
        }
        let count = mask.iter().filter(|&&kept| kept == 0.0).count();
        Ok(Replaced { count, kept: engine.upload(mask.view())? })
    }
}

/// How often each of k codewords was chosen, counted on the device.
pub struct CodewordUse {
    counts: Matrix<u32>,
    vectors: Matrix<u32>,
    batches: Matrix<u32>,
}

impl CodewordUse {
    /// Counters of zero for `k` codewords.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the device has no room.
    pub fn new(engine: &Engine, k: usize) -> Result<Self> {
        Ok(Self { counts: engine.zeros(k, 1)?, vectors: engine.zeros(k, 1)?, batches: engine.zeros(k, 1)? })
    }

    /// Records that a batch has these codes (n, 1).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if they are no column.
    pub fn record(&mut self, recorder: &mut Recorder<'_>, codes: &Matrix<u32>) -> Result<()> {
        recorder.histogram(codes, &mut self.counts)?;
        recorder.tally(&self.counts, &mut self.vectors, &mut self.batches)
    }

    /// Returns the counts and resets them. Waits for the device.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the GPU has failed.
    pub fn take(&mut self) -> Result<Usage> {
        let counts = self.vectors.download()?.into_iter().map(u64::from).collect();
        let engine = self.vectors.engine().clone();
        self.clear(&engine)?;
        Ok(Usage::from_counts(counts))
    }

    fn clear(&mut self, engine: &Engine) -> Result<()> {
        let k = self.counts.rows();
        (self.vectors, self.batches) = (engine.zeros(k, 1)?, engine.zeros(k, 1)?);
        Ok(())
    }

    /// Vectors and batches per codeword, (k, 4) numbers of 16 bits: low and high half of each, which `f32` holds exactly.
    pub(crate) fn state(&self) -> Result<Array2<f32>> {
        let (vectors, batches) = (self.vectors.download()?, self.batches.download()?);
        Ok(Array2::from_shape_fn((vectors.nrows(), 4), |(codeword, column)| {
            let of = if column < 2 { &vectors } else { &batches };
            let value = of[[codeword, 0]];
            (if column % 2 == 0 { value & 0xffff } else { value >> 16 }) as f32
        }))
    }

    /// Goes on from [`state`](Self::state).
    pub(crate) fn restore(&mut self, engine: &Engine, state: &Array2<f32>) -> Result<()> {
        if state.dim() != (self.counts.rows(), 4) {
            return Err(Error::shape(format!(
                "the use of codewords: expected {} × 4, got {:?}",
                self.counts.rows(),
                state.dim()
            )));
        }
        let column = |low: usize| {
            Array2::from_shape_fn((state.nrows(), 1), |(codeword, _)| {
                state[[codeword, low]] as u32 | (state[[codeword, low + 1]] as u32) << 16
            })
        };
        self.vectors = engine.upload(column(0).view())?;
        self.batches = engine.upload(column(2).view())?;
        Ok(())
    }
}
