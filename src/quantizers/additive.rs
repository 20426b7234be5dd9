//! Additive quantization: the sum of one codeword of each codebook, in no order.

use std::fmt;

use ndarray::{Array2, Axis, s};
use serde_json::{Map, Value, json};

use super::codes::check_recorded;
use super::gradient::{self, ByGradient};
use super::kinds::{Kind, Place};
use super::model::Parts;
use super::residual::{BEAM, bits_of};
use super::spec::{Needs, Node, Piece};
use super::stack::{self, Stack};
use super::training::Fit;
use super::training::memory::{self, encoding};
use super::{Batching, Coder, Layout, Quantizer, Residual, Spec, joint, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::kernels::beam_step::{Beam, Candidates};
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::ops::{MOST_CODEBOOKS, Op};
use crate::rng::Rng;
use crate::settings::{DefaultValue, Setting, Settings, Stage, Values};
use crate::train::frame::Frame;
use crate::train::settings::{INIT_OF_MANY, ITERATIONS_BEFORE_JOINT_FITS, RESTARTS, SAMPLE, TOLERANCE};
use crate::train::{Holds, KMeans, Observer, least_squares};
use crate::vectors::Vectors;

/// m codebooks of (k, d); a vector becomes the sum of one codeword of each (Eq. 2.11, Babenko and Lempitsky, CVPR 2014).
///
/// Encoding is a beam search over the union of all codebooks: it starts from the best codewords of any, extends each
/// tuple by the codewords of the codebooks it lacks, and keeps the best distinct tuples. A codebook that a tuple lacks
/// counts as the mean of its codewords, which finds better codes than to count it as 0. With rounds of local search
/// (LSQ, Martinez et al., ECCV 2016), what the beam finds is perturbed and improved code by code, that many times.
///
/// ```
/// use wgvq::{Additive, Quantizer};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((500, 4), |(row, column)| ((row * (column + 3)) % 17) as f32);
/// let aq = Additive::builder().codebooks(3).bits(4).beam(5).seed(7).fit(&engine, &x)?;
/// assert_eq!(aq.spec().to_string(), "AQ3x4");
/// let lsq = Additive::builder().codebooks(3).bits(4).local_search(8).seed(7).fit(&engine, &x)?;
/// assert_eq!(lsq.spec().to_string(), "LSQ3x4");
/// let back = lsq.decode(&engine, &lsq.encode(&engine, &x)?)?;
/// assert!(wgvq::metrics::mse(x.view(), back.view())? < 3.0);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Additive {
    codebooks: Vec<Array2<f32>>,
    beam: usize,
    rounds: usize,
}

/// The seed of the perturbations: part of what a model is, as the codes depend on it.
const PERTURBATIONS: u64 = 0x15c0;

/// Codes that a perturbation changes: as many as Martinez et al. find best for 8 codebooks.
const PERTURBED: usize = 4;

pub(super) static AQ: Kind = Kind {
    name: "AQ",
    letters: &["AQ"],
    title: "additive: the sum of one codeword of each codebook, by beam search over all of them",
    examples: &["AQ8x8"],
    place: Place::Anywhere,
    settings: &[&BEAM, &REFINE, &INIT_OF_MANY, &ITERATIONS_BEFORE_JOINT_FITS, &TOLERANCE, &RESTARTS, &SAMPLE],
    parse: |piece, _| parse(piece, false),
};

pub(super) static LSQ: Kind = Kind {
    name: "LSQ",
    letters: &["LSQ"],
    title: "additive, with local search after the beam",
    examples: &["LSQ8x8"],
    place: Place::Anywhere,
    settings: &[
        &BEAM,
        &REFINE,
        &LOCAL_SEARCH,
        &INIT_OF_MANY,
        &ITERATIONS_BEFORE_JOINT_FITS,
        &TOLERANCE,
        &RESTARTS,
        &SAMPLE,
    ],
    parse: |piece, _| parse(piece, true),
};

static REFINE: Setting =
    Setting::new("refine", Values::Count(0, u64::MAX), "Joint fits of all codebooks, at most")
        .by_default(DefaultValue::Count(25));

/// At most a hundred times as many rounds as find nearly all that there is to find.
static LOCAL_SEARCH: Setting =
    Setting::new("local_search", Values::Count(1, 1024), "Rounds of local search after the beam search")
        .by_default(DefaultValue::Count(8))
        .until(Stage::Encode);

fn parse(piece: &Piece<'_>, is_local: bool) -> Result<Spec> {
    let [codebooks, bits] = piece.numbers()?;
    let (codebooks, bits) = (piece.count("codebooks", codebooks)?, piece.bits(bits)?);
    Ok(Spec::new(AdditiveSpec { codebooks, bits, is_local }))
}

/// The quantizer of so many codebooks of that many bits, searched by local search.
pub(super) fn of_local_search(codebooks: usize, bits: u32) -> Spec {
    Spec::new(AdditiveSpec { codebooks, bits, is_local: true })
}

struct AdditiveSpec {
    codebooks: usize,
    bits: u32,
    /// Whether codes are found by local search: LSQ.
    is_local: bool,
}

impl fmt::Display for AdditiveSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}x{}", self.kind().name, self.codebooks, self.bits)
    }
}

impl Node for AdditiveSpec {
    fn kind(&self) -> &'static Kind {
        if self.is_local { &LSQ } else { &AQ }
    }

    fn needs(&self, _: &Settings) -> Result<Needs> {
        Needs::of_bits(&[self.bits])
    }

    fn holds(&self, settings: &Settings, n: usize, d: usize) -> Result<Holds> {
        let sizes = joint::sizes(&vec![self.bits; self.codebooks])?;
        Ok(encoding(memory::stack(6.3, &sizes, d, settings), n, d))
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        let builder = Additive::builder()
            .codebooks(self.codebooks)
            .bits(self.bits)
            .beam(fit.settings.count(&BEAM))
            .local_search(if self.is_local { fit.settings.count(&LOCAL_SEARCH) } else { 0 })
            .refine(fit.settings.count(&REFINE))
            .trainer(KMeans::of(fit.settings).all_vectors())
            .seed(fit.seed);
        Ok(Box::new(builder.fit_observed(fit.engine, x, fit.observer)?))
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Additive::from_parts(parts, self.codebooks)?))
    }

    fn by_gradient(&self) -> Option<&dyn ByGradient> {
        if self.is_local { None } else { Some(self) }
    }
}

impl ByGradient for AdditiveSpec {
    fn layout(&self, d: usize) -> Result<gradient::Layout> {
        Ok(gradient::Layout::residual(joint::sizes(&vec![self.bits; self.codebooks])?, d))
    }

    fn quantizer(&self, codebooks: Vec<Array2<f32>>, beam: usize) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Additive::new(codebooks, beam, 0)?))
    }

    fn by_noise_alone(&self) -> Option<&'static str> {
        Some(": its codewords have no order in which to pass a gradient on")
    }

    /// Codebooks that are trained in an order share the work better among them than such as are not, and the search is
    /// faster: half the way they are those of a residual quantizer.
    fn start(&self, codebooks: Vec<Array2<f32>>, beam: usize) -> Result<Option<Box<dyn Quantizer>>> {
        Ok(Some(Box::new(Residual::new(codebooks, beam)?)))
    }
}

impl Additive {
    /// A quantizer of these codebooks (k, d), all of one size; `rounds` of local search follow a beam search of width
    /// `beam`. With none it is AQ, otherwise LSQ.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no codebook, one is unusable or of another shape, the size is no
    /// power of two from 2 to 65,536, the beam is not 1 to 128, or there are more than 64 for a local search, or more
    /// than 1024 rounds of it.
    pub fn new(codebooks: Vec<Array2<f32>>, beam: usize, rounds: usize) -> Result<Self> {
        stack::check_codebooks(&codebooks)?;
        let k = codebooks[0].nrows();
        if let Some(j) = codebooks.iter().position(|codebook| codebook.nrows() != k) {
            return Err(Error::input(format!(
                "codebook {j} has {} codewords, codebook 0 has {k}; all have to have as many",
                codebooks[j].nrows()
            )));
        }
        bits_of(&codebooks[0])?;
        if rounds > 0 && codebooks.len() > MOST_CODEBOOKS {
            let m = codebooks.len();
            return Err(Error::input(format!(
                "a local search over {m} codebooks; must be at most {MOST_CODEBOOKS}"
            )));
        }
        if rounds > 0 {
            LOCAL_SEARCH.check_count(rounds)?;
        }
        Ok(Self { codebooks, beam: BEAM.check_count(beam)?, rounds })
    }

    pub(super) fn from_parts(parts: &mut Parts<'_>, m: usize) -> Result<Self> {
        Self::new(parts.codebooks(m)?, parts.count(&BEAM)?, parts.setting(LOCAL_SEARCH.name)?)
    }

    /// Says how to train one.
    pub fn builder() -> AdditiveBuilder {
        AdditiveBuilder::default()
    }

    /// The same codebooks, searched in another way.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_search(self, beam: usize, rounds: usize) -> Result<Self> {
        Self::new(self.codebooks, beam, rounds)
    }
}

/// How to train an [`Additive`].
#[derive(Clone, Debug)]
pub struct AdditiveBuilder {
    codebooks: usize,
    bits: u32,
    beam: usize,
    rounds: usize,
    refine: usize,
    trainer: KMeans,
    seed: u64,
}

impl Default for AdditiveBuilder {
    fn default() -> Self {
        Self {
            codebooks: 8,
            bits: 8,
            beam: BEAM.default_count(),
            rounds: 0,
            refine: REFINE.default_count(),
            trainer: joint::trainer(),
            seed: 0,
        }
    }
}

impl AdditiveBuilder {
    /// How many codebooks; 8 if not said.
    pub fn codebooks(mut self, codebooks: usize) -> Self {
        self.codebooks = codebooks;
        self
    }

    /// Bits of each; 8 if not said.
    pub fn bits(mut self, bits: u32) -> Self {
        self.bits = bits;
        self
    }

    /// The width of the beam, in training and afterwards; 5 if not said.
    pub fn beam(mut self, beam: usize) -> Self {
        self.beam = beam;
        self
    }

    /// Rounds of local search after the beam search; 0 if not said.
    pub fn local_search(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// How often, at most, the vectors are encoded and all codebooks refitted by least squares; 25 if not said.
    pub fn refine(mut self, refits: usize) -> Self {
        self.refine = refits;
        self
    }

    /// The settings of the k-means that each codebook starts from; k and seed are taken from this builder.
    pub fn trainer(mut self, trainer: KMeans) -> Self {
        self.trainer = trainer;
        self
    }

    /// The seed of everything random; 0 if not said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Trains on `x` (n, d), n ≥ 2^bits.
    ///
    /// # Errors
    /// As [`KMeans::fit`], and for numbers of codebooks or bits or a beam that cannot be.
    pub fn fit(self, engine: &Engine, x: &dyn Vectors) -> Result<Additive> {
        self.fit_observed(engine, x, &mut ())
    }

    /// [`fit`](Self::fit), telling `observer` of each iteration.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`Cancelled`](crate::ErrorKind::Cancelled) if the observer says so.
    pub fn fit_observed(
        self,
        engine: &Engine,
        x: &dyn Vectors,
        observer: &mut dyn Observer,
    ) -> Result<Additive> {
        let sizes = joint::sizes(&vec![self.bits; self.codebooks])?;
        let mut x = joint::sample(&self.trainer, &sizes, self.seed, x)?;
        let frame = Frame::about(x.view());
        frame.apply(&mut x);
        let (beam, rounds) = (self.beam, self.rounds);
        // Fails before the work for what could not be made after it.
        let blank = vec![Array2::zeros((sizes[0], x.ncols())); sizes.len()];
        let blank = Additive::new(blank, beam, rounds)?;
        let build = |codebooks| Additive { codebooks, beam, rounds };
        let refinements = if rounds == 0 { START_REFINEMENTS } else { self.refine };
        let start = Residual::builder()
            .bits(vec![self.bits; self.codebooks])
            .beam(beam)
            .refine(refinements)
            .trainer(self.trainer.clone().all_vectors())
            .seed(self.seed)
            .fit_observed(engine, &x, observer)?;
        let start = start.codebooks().into_iter().cloned().collect();
        if rounds == 0 {
            let codebooks = joint::refine(&build, start, self.refine, engine, &x, observer)?;
            return Additive::new(frame.restore_sum(codebooks), beam, rounds);
        }
        let found = build(self.fit_local(engine, &x, blank.codebooks, observer)?);
        let judges = x.slice(s![..;x.nrows().div_ceil(COMPARED), ..]).to_owned();
        let mse = |quantizer: &Additive| Ok::<_, Error>(joint::encode(quantizer, engine, &judges)?.mse);
        let residual = build(start);
        let best = if mse(&found)? <= mse(&residual)? { found } else { residual };
        Additive::new(frame.restore_sum(best.codebooks), beam, rounds)
    }

    /// Local search and least squares in turn, from random codes on: on image descriptors, codebooks that start alike end
    /// lower than those of a residual quantizer, whose first ones keep the most to themselves. (On vectors in a few tight
    /// clusters they end higher, so the residual quantizer's are tried too.) The codes are improved from fit to fit; the
    /// codebooks that they are searched by are noisy, less and less so, which leads out of poor local optima (SR-D of
    /// Martinez et al., ECCV 2018).
    fn fit_local(
        &self,
        engine: &Engine,
        x: &Array2<f32>,
        mut codebooks: Vec<Array2<f32>>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Array2<f32>>> {
        let (m, k) = (codebooks.len(), codebooks[0].nrows());
        let mut rng = Rng::new(self.seed, NOISE);
        let mut codes = Array2::from_shape_simple_fn((x.nrows(), m), || rng.below(k) as u32);
        least_squares::update(&mut codebooks, codes.view(), x.view(), false)?;
        let deviation = x.std_axis(Axis(0), 0.0);
        for number in 0..self.refine {
            let left = 1.0 - (number + 1) as f32 / self.refine as f32;
            let temperature = left.sqrt() / m as f32;
            let noisy = codebooks.iter().map(|codebook| {
                let mut noisy = codebook.clone();
                for mut codeword in noisy.rows_mut() {
                    codeword.zip_mut_with(&deviation, |c, &d| *c += temperature * d * rng.normal());
                }
                noisy
            });
            let noisy = Additive { codebooks: noisy.collect(), beam: 1, rounds: ROUNDS };
            noisy.coder(engine, &mut rng, 1, ROUNDS)?.improve(engine, x, &mut codes)?;
            let quantizer = Additive { codebooks, beam: 1, rounds: 0 };
            let (errors, mse) = joint::errors(&quantizer, engine, x, &codes)?;
            codebooks = quantizer.codebooks;
            joint::report_round(observer, number, mse)?;
            least_squares::update(&mut codebooks, codes.view(), errors.view(), false)?;
        }
        Ok(codebooks)
    }
}

/// The stream of the noise on codebooks.
const NOISE: u64 = 9;

/// Joint refinements of the residual quantizer that AQ starts from.
const START_REFINEMENTS: usize = 2;

/// About how many vectors the two results are compared on.
const COMPARED: usize = 8192;

/// Rounds of local search between two fits.
const ROUNDS: usize = 4;

impl sealed::Sealed for Additive {}

impl Quantizer for Additive {
    fn spec(&self) -> Spec {
        let (codebooks, bits) = (self.codebooks.len(), self.codebooks[0].nrows().ilog2());
        Spec::new(AdditiveSpec { codebooks, bits, is_local: self.rounds > 0 })
    }

    fn layout(&self) -> Layout<'_> {
        Layout::of(&self.codebooks)
    }

    fn settings(&self) -> Map<String, Value> {
        Map::from_iter([(BEAM.name.into(), json!(self.beam)), (LOCAL_SEARCH.name.into(), json!(self.rounds))])
    }

    fn prepare_with(&self, engine: &Engine, settings: &Settings) -> Result<Box<dyn Coder>> {
        let beam = settings.given_count(&BEAM).unwrap_or(self.beam);
        let rounds = settings.given_count(&LOCAL_SEARCH).unwrap_or(self.rounds);
        Ok(Box::new(self.coder(engine, &mut Rng::new(PERTURBATIONS, 0), beam, rounds)?))
    }
}

impl Additive {
    /// A coder with a beam of that width, whose `rounds` of local search perturb the codes as `rng` draws it.
    fn coder(&self, engine: &Engine, rng: &mut Rng, beam: usize, rounds: usize) -> Result<AdditiveCoder> {
        let ((k, d), m) = (self.codebooks[0].dim(), self.codebooks.len());
        // The first round of a search starts from the codes as they are.
        let rounds = if rounds == 0 { 0 } else { rounds + 1 };
        let shifts = (0..rounds).map(|round| {
            let mut shifts = Array2::zeros((m, 1));
            let perturbed = if round == 0 { 0 } else { PERTURBED.min(m) };
            for j in rng.distinct(perturbed, m) {
                shifts[[j, 0]] = 1 + rng.below(k - 1) as u32;
            }
            engine.upload(shifts.view())
        });
        let shifts = shifts.collect::<Result<_>>()?;
        let mut coder = AdditiveCoder {
            gram: stack::table(engine, m * k, m * k)?,
            union: Codebook::from_matrix(engine.uninitialized(m * k, d)?, Metric::SquaredL2)?,
            mean: engine.uninitialized(1, d)?,
            stack: Stack::new(engine, &self.codebooks)?,
            beam,
            shifts,
        };
        let there = self.codebooks.iter().map(|codebook| engine.upload(codebook.view()));
        let there = there.collect::<Result<Vec<_>>>()?;
        let mut recorder = engine.recorder();
        coder.record_codebooks(&mut recorder, &there.iter().collect::<Vec<_>>())?;
        recorder.submit()?;
        Ok(coder)
    }
}

struct AdditiveCoder {
    /// The codewords of all codebooks, each codebook about its mean, and their inner products.
    union: Codebook,
    gram: Matrix<f32>,
    /// The sum of the means, (1, d).
    mean: Matrix<f32>,
    stack: Stack,
    beam: usize,
    /// How each round of local search perturbs the codes, (m, 1).
    shifts: Vec<Matrix<u32>>,
}

impl AdditiveCoder {
    /// ½‖c‖² − x·c of all codewords, (n, m·k).
    fn record_scores(&self, recorder: &mut Recorder<'_>, x: &Matrix<f32>) -> Result<Matrix<f32>> {
        let engine = recorder.engine().clone();
        let mut centred = engine.uninitialized(x.rows(), x.cols())?;
        recorder.elementwise(Op::Sub, x, &self.mean, &mut centred)?;
        let mut scores = engine.uninitialized(x.rows(), self.union.k())?;
        recorder.scores(&centred, &self.union, &mut scores)?;
        Ok(scores)
    }

    fn record_local_search(
        &self,
        recorder: &mut Recorder<'_>,
        scores: &Matrix<f32>,
        codes: &mut Matrix<u32>,
    ) -> Result<()> {
        let mut costs = recorder.engine().uninitialized(codes.rows(), 1)?;
        for (round, shifts) in self.shifts.iter().enumerate() {
            recorder.local_search(scores, &self.gram, shifts, round == 0, codes, &mut costs)?;
        }
        Ok(())
    }

    /// Searches on from `codes` (n, m) of `x` (n, d).
    fn improve(&self, engine: &Engine, x: &Array2<f32>, codes: &mut Array2<u32>) -> Result<()> {
        let batches = Batching::of_coder(self, engine).split(0..x.nrows());
        for rows in batches {
            let mut own = engine.upload(codes.slice(s![rows.clone(), ..]))?;
            let x = engine.upload(x.slice(s![rows.clone(), ..]))?;
            let mut recorder = engine.recorder();
            let scores = self.record_scores(&mut recorder, &x)?;
            self.record_local_search(&mut recorder, &scores, &mut own)?;
            recorder.submit()?;
            codes.slice_mut(s![rows, ..]).assign(&own.download()?);
        }
        Ok(())
    }

    /// Entries that are kept after step `step`: there are no more than `binomial(m, step + 1) · k^(step + 1)` tuples.
    fn width(&self, step: usize) -> usize {
        let (m, k) = (self.stack.sizes().len(), self.stack.sizes()[0]);
        let mut tuples = 1_usize;
        for i in 0..=step {
            tuples = tuples.saturating_mul((m - i) * k) / (i + 1);
            if tuples >= self.beam {
                return self.beam;
            }
        }
        tuples
    }
}

impl Coder for AdditiveCoder {
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
        let scores = self.record_scores(recorder, x)?;
        let group = self.stack.sizes()[0];
        let candidates = Candidates { scores: &scores, gram: &self.gram, first: 0, group };
        let mut beam: Option<Beam> = None;
        for step in 0..self.stack.sizes().len() {
            let mut next = Beam::new(&engine, x.rows(), self.width(step), step + 1)?;
            recorder.beam_step(beam.as_ref(), &candidates, &mut next)?;
            beam = Some(next);
        }
        recorder.beam_codes(&beam.expect("there is a codebook"), self.stack.offsets(codes.cols()), codes)?;
        self.record_local_search(recorder, &scores, codes)?;
        self.stack.record_distances(recorder, x, codes, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        self.stack.record_decode(recorder, codes, decoded)
    }

    fn record_codebooks(&mut self, recorder: &mut Recorder<'_>, codebooks: &[&Matrix<f32>]) -> Result<()> {
        let engine = recorder.engine().clone();
        self.stack.record_codebooks(recorder, codebooks)?;
        recorder.fill(&mut self.mean, 0.0)?;
        let mut mean = engine.uninitialized(1, self.dim())?;
        for (j, codebook) in codebooks.iter().enumerate() {
            let mut centred = engine.uninitialized(codebook.rows(), codebook.cols())?;
            stack::record_centred(recorder, codebook, &mut centred, &mut mean)?;
            recorder.update(Op::Add, &mut self.mean, &mean)?;
            recorder.copy_rows(&centred, self.union.codewords_mut(), self.stack.offset(j))?;
        }
        recorder.prepare_codebook(&mut self.union)?;
        recorder.matmul_transposed(self.union.codewords(), self.union.codewords(), &mut self.gram)
    }

    fn scratch_bytes(&self) -> usize {
        4 * (2 * self.dim() + self.union.k() + 2 * self.beam * (self.stack.sizes().len() + 1))
    }
}
