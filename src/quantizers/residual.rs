//! Residual vector quantization: every stage quantizes what the stages before left over.

use ndarray::Array2;
use serde_json::{Map, Value, json};

use super::joint;
use super::model::Parts;
use super::stack::{self, Stack};
use super::{Coder, Quantizer, Spec};
use crate::Vectors;
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::kernels::beam_step::{Beam, Candidates, MOST_ENTRIES};
use crate::kernels::elementwise::Op;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::train::{Init, KMeans, Observer};

/// m codebooks of (K_j, d), one per stage: a vector becomes the sum of one codeword of each (Eq. 2.9).
///
/// Greedy encoding (a beam of 1) takes the nearest codeword to the residual at every stage, so that the codes of the first
/// stages are those of a quantizer of fewer. A wider beam keeps the best partial sums, whatever their first codes.
///
/// ```
/// use wgvq::{Quantizer, Residual};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((500, 4), |(row, column)| ((row * (column + 3)) % 17) as f32);
/// let rq = Residual::builder().stages(3).bits(4).beam(5).seed(7).fit(&engine, &x)?;
/// let codes = rq.encode(&engine, &x)?;
/// assert_eq!(codes.view().dim(), (500, 3));
/// let back = rq.decode(&engine, &codes)?;
/// assert!(wgvq::metrics::mse(x.view(), back.view())? < 3.0);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Residual {
    codebooks: Vec<Array2<f32>>,
    beam: usize,
}

impl Residual {
    /// A quantizer of these codebooks (K_j, d), that searches with a beam of width `beam`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no codebook, one is unusable or of another dimension or of a size
    /// that is no power of two from 2 to 65,536, or the beam is not of 1 to 128.
    pub fn new(codebooks: Vec<Array2<f32>>, beam: usize) -> Result<Self> {
        stack::check_codebooks(&codebooks)?;
        for (j, codebook) in codebooks.iter().enumerate() {
            bits_of(codebook).map_err(|error| Error::input(format!("codebook {j}: {error}")))?;
        }
        Ok(Self { codebooks, beam: check_beam(beam)? })
    }

    pub(super) fn from_parts(parts: &mut Parts<'_>, stages: usize) -> Result<Self> {
        Self::new(parts.codebooks(stages)?, parts.setting("beam")?)
    }

    /// Says how to train one.
    pub fn builder() -> ResidualBuilder {
        ResidualBuilder {
            bits: vec![8; 8],
            beam: 5,
            refinements: 16,
            trainer: KMeans::new(256).init(Init::Random).iterations(10),
            seed: 0,
        }
    }

    /// The same codebooks, searched with another width.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is not 1 to 128.
    pub fn with_beam(mut self, beam: usize) -> Result<Self> {
        self.beam = check_beam(beam)?;
        Ok(self)
    }

    /// The first `stages` stages, which are a quantizer of their own: with greedy encoding and codebooks that were not
    /// refined jointly, its codes are the first codes of the whole.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there are not so many, or none is asked for.
    pub fn truncated(mut self, stages: usize) -> Result<Self> {
        if stages == 0 || stages > self.codebooks.len() {
            return Err(Error::input(format!("{stages} of {} stages", self.codebooks.len())));
        }
        self.codebooks.truncate(stages);
        Ok(self)
    }

    /// The width of the beam.
    pub fn beam(&self) -> usize {
        self.beam
    }
}

/// Fails unless the width is one that a beam can have.
pub(super) fn check_beam(beam: usize) -> Result<usize> {
    match beam {
        1..=MOST_ENTRIES => Ok(beam),
        _ => Err(Error::input(format!("a beam of width {beam}; 1 to {MOST_ENTRIES} can be had, such as 5"))),
    }
}

/// log2 of the number of codewords, which has to be whole.
pub(super) fn bits_of(codebook: &Array2<f32>) -> Result<u32> {
    let k = codebook.nrows();
    match k.ilog2() {
        bits @ 1..=16 if k.is_power_of_two() => Ok(bits),
        _ => Err(Error::input(format!("{k} codewords; a power of two from 2 to 65536 is needed"))),
    }
}

/// How to train a [`Residual`].
#[derive(Clone, Debug)]
pub struct ResidualBuilder {
    bits: Vec<u32>,
    beam: usize,
    refinements: usize,
    trainer: KMeans,
    seed: u64,
}

impl ResidualBuilder {
    /// How many stages, all of as many bits as the first; 8 if not said.
    pub fn stages(mut self, stages: usize) -> Self {
        let bits = self.bits.first().copied().unwrap_or(8);
        self.bits = vec![bits; stages];
        self
    }

    /// Bits of every stage; 8 if not said.
    pub fn bits(mut self, bits: u32) -> Self {
        self.bits.fill(bits);
        self
    }

    /// Bits of each stage by itself, and so the number of stages.
    pub fn stage_bits(mut self, bits: Vec<u32>) -> Self {
        self.bits = bits;
        self
    }

    /// The width of the beam, in training and afterwards; 5 if not said. 1 is greedy.
    pub fn beam(mut self, beam: usize) -> Self {
        self.beam = beam;
        self
    }

    /// How often, at most, all codebooks are refitted jointly by least squares after the last stage is trained; 16 if not
    /// said. With 0 each codebook stays as it was trained, for the residuals of those before.
    pub fn refinements(mut self, refinements: usize) -> Self {
        self.refinements = refinements;
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
        let beam = check_beam(self.beam)?;
        let sizes = joint::sizes(&self.bits)?;
        let x = joint::sample(&self.trainer, &sizes, self.seed, x)?;
        let mut codebooks = Vec::new();
        let mut residuals = x.clone();
        for (stage, &k) in sizes.iter().enumerate() {
            let seed = self.seed.wrapping_add((stage as u64) << 32);
            codebooks.push(joint::cluster(&self.trainer, k, seed, engine, &residuals, observer)?);
            if stage + 1 < sizes.len() {
                let so_far = Residual { codebooks: codebooks.clone(), beam };
                residuals = joint::encode(&so_far, engine, &x)?.errors;
            }
        }
        let build = |codebooks| Residual { codebooks, beam };
        let codebooks = joint::refine(&build, codebooks, self.refinements, engine, &x, observer)?;
        Residual::new(codebooks, beam)
    }
}

impl Quantizer for Residual {
    fn spec(&self) -> Spec {
        // `new` has seen that they are powers of two.
        Spec::Residual { bits: self.codebooks.iter().map(|codebook| codebook.nrows().ilog2()).collect() }
    }

    fn dim(&self) -> usize {
        self.codebooks[0].ncols()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.codebooks.iter().map(Array2::nrows).collect()
    }

    fn codebooks(&self) -> Vec<&Array2<f32>> {
        self.codebooks.iter().collect()
    }

    fn settings(&self) -> Map<String, Value> {
        Map::from_iter([("beam".into(), json!(self.beam))])
    }

    fn prepare(&self, engine: &Engine) -> Result<Box<dyn Coder>> {
        if self.beam == 1 { self.greedy(engine) } else { self.beam_search(engine) }
    }
}

impl Residual {
    fn greedy(&self, engine: &Engine) -> Result<Box<dyn Coder>> {
        let prepared = self.codebooks.iter().map(|c| Codebook::new(engine, c.view(), Metric::SquaredL2));
        Ok(Box::new(Greedy {
            codebooks: prepared.collect::<Result<_>>()?,
            stack: Stack::new(engine, &self.codebooks)?,
        }))
    }

    fn beam_search(&self, engine: &Engine) -> Result<Box<dyn Coder>> {
        // The first codebook holds the data's place; the others are corrections about 0 already.
        let (centred, mean) = stack::centre(&self.codebooks[..1]);
        let moved: Vec<Array2<f32>> =
            centred.into_iter().chain(self.codebooks[1..].iter().cloned()).collect();
        let mut stages = Vec::new();
        let mut width = 1_usize;
        for (j, codebook) in moved.iter().enumerate() {
            width = width.saturating_mul(codebook.nrows()).min(self.beam);
            // The first stage extends the empty tuple, which has no inner products.
            let before = if j == 0 { &moved[..1] } else { &moved[..j] };
            stages.push(Stage {
                gram: stack::inner_products(engine, before, &moved[j..=j])?,
                codebook: Codebook::new(engine, codebook.view(), Metric::SquaredL2)?,
                width,
            });
        }
        let stack = Stack::new(engine, &self.codebooks)?;
        Ok(Box::new(BeamSearch { stages, mean: engine.upload(mean.view())?, stack }))
    }
}

/// Takes the nearest codeword at every stage.
struct Greedy {
    codebooks: Vec<Codebook>,
    stack: Stack,
}

impl Coder for Greedy {
    fn dim(&self) -> usize {
        self.stack.dim()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.stack.sizes().to_vec()
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let mut chosen = engine.uninitialized(x.rows(), 1)?;
        let mut left: Option<Matrix<f32>> = None;
        for (j, codebook) in self.codebooks.iter().enumerate() {
            let residuals = left.as_ref().unwrap_or(x);
            recorder.assign(residuals, codebook, &mut chosen, distances)?;
            recorder.copy_columns(&chosen, 0..1, codes, j)?;
            if j + 1 < self.codebooks.len() {
                let mut next = engine.uninitialized(x.rows(), x.cols())?;
                recorder.residual(residuals, codebook.codewords(), &chosen, &mut next)?;
                left = Some(next);
            }
        }
        Ok(())
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        self.stack.record_decode(recorder, codes, decoded)
    }

    fn scratch_bytes(&self) -> usize {
        8 * self.dim()
    }
}

/// Keeps the best partial sums at every stage.
struct BeamSearch {
    stages: Vec<Stage>,
    /// What is taken off the vectors and the first codebook, (1, d).
    mean: Matrix<f32>,
    stack: Stack,
}

struct Stage {
    codebook: Codebook,
    /// Inner products of the codewords of the stages before with this one's.
    gram: Matrix<f32>,
    /// Entries that are kept after this stage.
    width: usize,
}

impl Coder for BeamSearch {
    fn dim(&self) -> usize {
        self.stack.dim()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.stack.sizes().to_vec()
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let mut centred = engine.uninitialized(x.rows(), x.cols())?;
        recorder.elementwise(Op::Sub, x, &self.mean, &mut centred)?;
        let mut beam: Option<Beam> = None;
        for (j, stage) in self.stages.iter().enumerate() {
            let mut scores = engine.uninitialized(x.rows(), stage.codebook.k())?;
            recorder.scores(&centred, &stage.codebook, &mut scores)?;
            let candidates =
                Candidates { scores: &scores, gram: &stage.gram, first: self.stack.offset(j), group: 0 };
            let mut next = Beam::new(&engine, x.rows(), stage.width, j + 1)?;
            recorder.beam_step(beam.as_ref(), &candidates, &mut next)?;
            beam = Some(next);
        }
        let beam = beam.expect("there is a stage");
        recorder.beam_codes(&beam, self.stack.offsets(), codes)?;
        self.stack.record_distances(recorder, x, codes, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        self.stack.record_decode(recorder, codes, decoded)
    }

    fn scratch_bytes(&self) -> usize {
        let scores = self.stages.iter().map(|stage| stage.codebook.k()).max().unwrap_or(0);
        let entries = self.stages.iter().map(|stage| stage.width).max().unwrap_or(0);
        4 * (2 * self.dim() + scores + 2 * entries * (self.stages.len() + 1))
    }
}
