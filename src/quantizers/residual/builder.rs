//! Training of residual quantizers.

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::{BEAM, REFINE, Residual, check_max_error};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::quantizers::joint;
use crate::scale::Scale;
use crate::train::frame::Frame;
use crate::train::{KMeans, Observer};
use crate::vectors::Vectors;

/// How to train a [`Residual`].
#[derive(Clone, Debug)]
pub struct ResidualBuilder {
    stages: Option<usize>,
    bits: StageBits,
    beam: usize,
    refine: usize,
    max_error: Option<f32>,
    trainer: KMeans,
    seed: u64,
}

/// Bits of the stages of a [`Residual`].
///
/// ```
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((200, 4), |(row, column)| ((row * (column + 3)) % 17) as f32);
/// let rq = wgvq::Residual::builder().bits([5, 3, 3]).fit(&engine, &x)?;
/// assert_eq!(wgvq::Quantizer::spec(&rq).to_string(), "RQ1x5+2x3");
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StageBits {
    /// The same for all stages.
    Same(u32),
    /// Each stage's own, and so the number of stages.
    Each(Vec<u32>),
}

impl From<u32> for StageBits {
    fn from(bits: u32) -> Self {
        Self::Same(bits)
    }
}

impl From<Vec<u32>> for StageBits {
    fn from(bits: Vec<u32>) -> Self {
        Self::Each(bits)
    }
}

impl<const N: usize> From<[u32; N]> for StageBits {
    fn from(bits: [u32; N]) -> Self {
        Self::Each(bits.into())
    }
}

/// Stages, if nobody says how many.
const STAGES: usize = 8;

impl Default for ResidualBuilder {
    fn default() -> Self {
        Self {
            stages: None,
            bits: StageBits::Same(8),
            beam: BEAM.default_count(),
            refine: REFINE.default_count(),
            max_error: None,
            trainer: joint::trainer(),
            seed: 0,
        }
    }
}

impl ResidualBuilder {
    /// How many stages; 8 if not said.
    pub fn stages(mut self, stages: usize) -> Self {
        self.stages = Some(stages);
        self
    }

    /// Bits of every stage, or a list with those of each: `bits(6)`, `bits([10, 7, 7])`; 8 if not said.
    pub fn bits(mut self, bits: impl Into<StageBits>) -> Self {
        self.bits = bits.into();
        self
    }

    /// The width of the beam, in training and afterwards; 5 if not said. 1 is greedy.
    pub fn beam(mut self, beam: usize) -> Self {
        self.beam = beam;
        self
    }

    /// How often, at most, all codebooks are refitted jointly by least squares after the last stage is trained; 16 if not
    /// said. With 0 each codebook stays as it was trained, for the residuals of those before.
    pub fn refine(mut self, refits: usize) -> Self {
        self.refine = refits;
        self
    }

    /// Makes codes of variable length: a vector gets no further codes once its squared error is at most `limit`. Every
    /// codebook then keeps its last codeword to say so; later stages are trained on the vectors that go on.
    pub fn max_error(mut self, limit: f32) -> Self {
        self.max_error = Some(limit);
        self
    }

    /// The settings of each stage's k-means; k and seed are taken from this builder.
    pub fn trainer(mut self, trainer: KMeans) -> Self {
        self.trainer = trainer;
        self
    }

    /// The seed of everything random; 0 if not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn bits_of_stages(&self) -> Result<Vec<u32>> {
        match (&self.bits, self.stages) {
            (StageBits::Same(bits), stages) => Ok(vec![*bits; stages.unwrap_or(STAGES)]),
            (StageBits::Each(bits), Some(stages)) if stages != bits.len() => Err(Error::input(format!(
                "{stages} stages with bits for {}; leave the number of stages out, or give as many",
                bits.len()
            ))),
            (StageBits::Each(bits), _) => Ok(bits.clone()),
        }
    }

    /// Trains on `x` (n, d), n ≥ the largest codebook.
    ///
    /// # Errors
    /// As [`KMeans::fit`], and for a number of stages or bits or a beam that cannot be.
    pub fn fit(self, engine: &Engine, x: &dyn Vectors) -> Result<Residual> {
        self.fit_observed(engine, x, &mut ())
    }

    /// [`fit`](Self::fit), telling `observer` of each iteration of each stage.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`Cancelled`](crate::ErrorKind::Cancelled) if the observer says so.
    pub fn fit_observed(
        self,
        engine: &Engine,
        x: &dyn Vectors,
        observer: &mut dyn Observer,
    ) -> Result<Residual> {
        let beam = BEAM.check_count(self.beam)?;
        let max_error = self.max_error.map(check_max_error).transpose()?;
        let sizes = joint::sizes(&self.bits_of_stages()?)?;
        let mut x = joint::sample(&self.trainer, &sizes, self.seed, x)?;
        // Codes that stop at the first stage stand for the origin, which is then where it is.
        let frame = if max_error.is_none() { Frame::about(x.view()) } else { Frame::scaled(Scale::ONE) };
        frame.apply(&mut x);
        let build = |codebooks| Residual { codebooks, beam, max_error };
        let mut codebooks = Vec::new();
        let mut residuals = x.clone();
        for (stage, &k) in sizes.iter().enumerate() {
            let seed = self.seed.wrapping_add((stage as u64) << 32);
            codebooks.push(match max_error {
                None => joint::cluster(&self.trainer, k, seed, engine, &residuals, observer)?,
                Some(limit) => {
                    let going_on = rows_over(residuals.view(), limit, k - 1);
                    let found = joint::cluster(&self.trainer, k - 1, seed, engine, &going_on, observer)?;
                    with_stop(found)
                }
            });
            if stage + 1 < sizes.len() {
                residuals = joint::encode(&build(codebooks.clone()), engine, &x)?.errors;
            }
        }
        let codebooks = joint::refine(&build, codebooks, self.refine, engine, &x, observer)?;
        let quantizer = Residual::new(frame.restore_sum(codebooks), beam)?;
        match max_error {
            Some(limit) => quantizer.with_max_error(limit),
            None => Ok(quantizer),
        }
    }
}

/// The residuals (n, d) whose square is over `limit`, or all if those are fewer than `least`.
fn rows_over(residuals: ArrayView2<f32>, limit: f32, least: usize) -> Array2<f32> {
    let square = |row: usize| residuals.row(row).iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    let rows: Vec<usize> = (0..residuals.nrows()).filter(|&row| square(row) > limit.into()).collect();
    if rows.len() < least { residuals.to_owned() } else { residuals.select(Axis(0), &rows) }
}

/// The codewords and, as the last, the 0 that says stop.
fn with_stop(codewords: Array2<f32>) -> Array2<f32> {
    let stop = Array2::zeros((1, codewords.ncols()));
    concatenate(Axis(0), &[codewords.view(), stop.view()]).expect("rows of one length")
}
