//! Tree-structured residual quantization: the code of a stage chooses the codebook of the next.

use std::fmt;

use ndarray::{Array2, ArrayViewD, Axis};

use super::codes::check_recorded;
use super::joint;
use super::kinds::{Kind, Place};
use super::model::Parts;
use super::residual::{ResidualSpec, bits_of};
use super::spec::{Needs, Node, Piece};
use super::stack::{self, Stack};
use super::training::Fit;
use super::training::memory::{beside, codebooks, encoding};
use super::{Coder, Layout, Quantizer, Spec, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::kernels::grouped_assign::Family;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::settings::Settings;
use crate::train::family::{self, Groups};
use crate::train::frame::Frame;
use crate::train::settings::{INIT, ITERATIONS, RESTARTS, SAMPLE, TOLERANCE};
use crate::train::{Holds, KMeans, Observer};
use crate::vectors::Vectors;

/// The most numbers in all codewords together: 1 GiB of them.
const MOST_NUMBERS: usize = 1 << 28;

/// The most bits of a stage: beyond that a family has more codewords than there are vectors to learn from.
const MOST_TREE_BITS: u32 = 12;

pub(super) static KIND: Kind = Kind {
    name: "TRQ",
    letters: &["TRQ"],
    title: "residual in a tree: each code chooses the codebook of the next stage; greedy",
    examples: &["TRQ4x6"],
    place: Place::Anywhere,
    settings: &[&INIT, &ITERATIONS, &TOLERANCE, &RESTARTS, &SAMPLE],
    parse,
};

fn parse(piece: &Piece<'_>, _: Option<Spec>) -> Result<Spec> {
    let [stages, bits] = piece.numbers()?;
    let (stages, bits) = (piece.count("stages", stages)?, piece.bits(bits)?);
    if bits > MOST_TREE_BITS {
        return Err(Error::input(format!(
            "{}: every stage but the first has 2^{bits} codebooks of 2^{bits} codewords; must be at most {MOST_TREE_BITS} \
             bits, such as in {}",
            piece.text,
            piece.example()
        )));
    }
    Ok(Spec::new(TreeSpec { stages, bits }))
}

struct TreeSpec {
    stages: usize,
    bits: u32,
}

impl fmt::Display for TreeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TRQ{}x{}", self.stages, self.bits)
    }
}

impl Node for TreeSpec {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn needs(&self, _: &Settings) -> Result<Needs> {
        Ok(Needs::PerCodeword(sampled_codewords(self.stages, self.bits)))
    }

    fn codewords(&self, _: &Settings) -> Result<usize> {
        Ok(1 << self.bits)
    }

    fn sample(&self, sampler: &KMeans, x: &dyn Vectors) -> Result<Array2<f32>> {
        sample(sampler, self.stages, self.bits, x)
    }

    fn holds(&self, _: &Settings, n: usize, d: usize) -> Result<Holds> {
        check_size(self.stages, self.bits, d)?;
        let family = sampled_codewords(self.stages, self.bits);
        Ok(encoding(beside(5.3, codebooks(&vec![family; self.stages], d), self.stages), n, d))
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        let builder = TreeResidual::builder()
            .stages(self.stages)
            .bits(self.bits)
            .trainer(KMeans::of(fit.settings).all_vectors())
            .seed(fit.seed);
        Ok(Box::new(builder.fit_observed(fit.engine, x, fit.observer)?))
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(TreeResidual::from_parts(parts, self.stages)?))
    }
}

impl Spec {
    /// The tree-structured residual quantizer of the same stages as this residual one.
    ///
    /// ```
    /// let spec: wgvq::Spec = "RQ4x6".parse()?;
    /// assert_eq!(spec.into_tree()?.to_string(), "TRQ4x6");
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if this is no residual quantizer, or its stages differ in bits or have more
    /// than 12.
    pub fn into_tree(self) -> Result<Self> {
        if self.of::<TreeSpec>().is_some() {
            return Ok(self);
        }
        let stages =
            self.of::<ResidualSpec>().filter(|spec| spec.bits.iter().all(|&bits| bits == spec.bits[0]));
        match stages {
            Some(spec) => format!("TRQ{}x{}", spec.bits.len(), spec.bits[0]).parse(),
            None => Err(Error::input(format!(
                "{self} cannot be a tree; RQ with all stages of the same bits can, such as RQ4x6"
            ))),
        }
    }
}

/// m stages of K codewords, where every stage but the first has a family of K codebooks, one for each code that the stage
/// before can give (Vali 2025, section 2.8; here all are of one size). A vector becomes the sum of one codeword of each
/// stage.
///
/// As many bits as a [`Residual`](super::Residual) of m codebooks and K times as many codewords: what one code leaves
/// over differs from what another one does, and every family member knows only its own. Encoding is greedy, so that the
/// codes of the first stages are those of a quantizer of fewer.
///
/// ```
/// use wgvq::{Quantizer, TreeResidual};
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((500, 4), |(row, column)| ((row * (column + 3)) % 17) as f32);
/// let tree = TreeResidual::builder().stages(3).bits(3).seed(7).fit(&engine, &x)?;
/// let codes = tree.encode(&engine, &x)?;
/// assert_eq!(codes.view().dim(), (500, 3));
/// let back = tree.decode(&engine, &codes)?;
/// assert!(wgvq::metrics::mse(x.view(), back.view())? < 3.0);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TreeResidual {
    /// (K, d), then (K², d) each.
    families: Vec<Array2<f32>>,
}

impl TreeResidual {
    /// A quantizer of these families: the first is a codebook (K, d), each other one K codebooks one after the other,
    /// (K·K, d), where row `last·K + code` is the codeword `code` after the code `last`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no stage, K is no power of two from 2 to 4096, or a family is
    /// unusable, of another shape or, with the others, over 2²⁸ numbers.
    pub fn new(families: Vec<Array2<f32>>) -> Result<Self> {
        stack::check_codebooks(&families)?;
        let (k, d) = families[0].dim();
        check_size(families.len(), bits_of(&families[0])?, d)?;
        match families.iter().skip(1).position(|family| family.nrows() != k * k) {
            None => Ok(Self { families }),
            Some(j) => Err(Error::input(format!(
                "codebook {} has {} codewords; after a stage of {k} it has to be {k} codebooks of {k}",
                j + 1,
                families[j + 1].nrows()
            ))),
        }
    }

    pub(super) fn from_parts(parts: &mut Parts<'_>, stages: usize) -> Result<Self> {
        Self::new(parts.codebooks(stages)?)
    }

    /// Says how to train one.
    pub fn builder() -> TreeResidualBuilder {
        TreeResidualBuilder::default()
    }

    /// The codewords of each stage: (K, d), then (K·K, d) each, as [`new`](Self::new) takes them.
    pub fn families(&self) -> &[Array2<f32>] {
        &self.families
    }

    /// The first `stages` stages, which are a quantizer of their own: its codes are the first codes of the whole.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there are not so many, or none is asked for.
    pub fn truncated(mut self, stages: usize) -> Result<Self> {
        if stages == 0 || stages > self.families.len() {
            return Err(Error::input(format!("{stages} of {} stages", self.families.len())));
        }
        self.families.truncate(stages);
        Ok(self)
    }

    fn k(&self) -> usize {
        self.families[0].nrows()
    }
}

/// Fails unless there can be so many stages of so many bits for vectors of `d` dimensions.
fn check_size(stages: usize, bits: u32, d: usize) -> Result<()> {
    if stages == 0 {
        return Err(Error::input("0 stages; at least 1 is needed"));
    }
    if !(1..=MOST_TREE_BITS).contains(&bits) {
        return Err(Error::input(format!("stages of {bits} bits; must be 1 to {MOST_TREE_BITS}, such as 6")));
    }
    let k = 1_usize << bits;
    let numbers = (stages - 1).saturating_mul(k * k).saturating_add(k).saturating_mul(d);
    if numbers > MOST_NUMBERS {
        return Err(Error::input(format!(
            "{stages} stages of {k} × {k} codewords of {d} dimensions are {numbers} numbers; must be at most {MOST_NUMBERS}: \
             take fewer bits or stages"
        )));
    }
    Ok(())
}

/// How to train a [`TreeResidual`].
#[derive(Clone, Debug)]
pub struct TreeResidualBuilder {
    stages: usize,
    bits: u32,
    trainer: KMeans,
    seed: u64,
}

impl Default for TreeResidualBuilder {
    fn default() -> Self {
        Self { stages: 4, bits: 6, trainer: KMeans::new(64), seed: 0 }
    }
}

impl TreeResidualBuilder {
    /// How many stages; 4 if not said.
    pub fn stages(mut self, stages: usize) -> Self {
        self.stages = stages;
        self
    }

    /// Bits of every stage, 1 to 12; 6 if not said.
    pub fn bits(mut self, bits: u32) -> Self {
        self.bits = bits;
        self
    }

    /// The settings of k-means; k and seed are taken from this builder. Of a stage with a family all K·K codewords count
    /// for [`sample_per_codeword`](KMeans::sample_per_codeword).
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
    /// Stage after stage, on what those before leave over: k-means finds one codebook for all residuals, from which the
    /// codebook of each last code starts for its own. A codeword counts as 8 vectors there and becomes the mean of them
    /// and its own, so that codes with few vectors keep to the common codebook, and those with none have just that.
    ///
    /// # Errors
    /// As [`KMeans::fit`], and for numbers of stages or bits that cannot be.
    pub fn fit(self, engine: &Engine, x: &dyn Vectors) -> Result<TreeResidual> {
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
    ) -> Result<TreeResidual> {
        let mut x = sample(&self.trainer.clone().seed(self.seed), self.stages, self.bits, x)?;
        let frame = Frame::about(x.view());
        frame.apply(&mut x);
        let k = 1 << self.bits;
        let first = joint::cluster(&self.trainer, k, self.seed, engine, &x, observer)?;
        let mut tree = TreeResidual { families: vec![first] };
        for stage in 1..self.stages {
            let encoded = joint::encode(&tree, engine, &x)?;
            let seed = self.seed.wrapping_add((stage as u64) << 32);
            let shared = joint::cluster(&self.trainer, k, seed, engine, &encoded.errors, observer)?;
            let last = encoded.codes.column(stage - 1).insert_axis(Axis(1)).to_owned();
            let groups = Groups { x: &encoded.errors, groups: &last, count: k };
            let (family, ended) = family::fit(&self.trainer, engine, &groups, &shared, observer)?;
            joint::check_ended(ended)?;
            tree.families.push(family);
        }
        TreeResidual::new(frame.restore_sum(tree.families))
    }
}

/// The vectors to train on: all, or a random sample by the trainer's number per codeword of a family.
fn sample(trainer: &KMeans, stages: usize, bits: u32, x: &dyn Vectors) -> Result<Array2<f32>> {
    check_size(stages, bits, x.dim())?;
    trainer.clone().k(1 << bits).check(x, None)?;
    Ok(trainer.clone().k(sampled_codewords(stages, bits)).sample(x, None)?.0)
}

/// Codewords that count for the size of a sample: those of the largest family.
fn sampled_codewords(stages: usize, bits: u32) -> usize {
    1_usize.checked_shl(if stages == 1 { bits } else { 2 * bits }).unwrap_or(usize::MAX)
}

impl sealed::Sealed for TreeResidual {}

impl Quantizer for TreeResidual {
    fn spec(&self) -> Spec {
        // `new` has seen that it is a power of two.
        Spec::new(TreeSpec { stages: self.families.len(), bits: self.k().ilog2() })
    }

    fn layout(&self) -> Layout<'_> {
        // Which codeword a code stands for depends on the code before.
        Layout::without_codebooks(self.families[0].ncols(), vec![self.k(); self.families.len()])
    }

    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        let families = self.families.iter().enumerate();
        families.map(|(j, family)| (format!("codebook.{j}"), family.view().into_dyn())).collect()
    }

    fn prepare_with(&self, engine: &Engine, _: &Settings) -> Result<Box<dyn Coder>> {
        Ok(Box::new(TreeCoder {
            first: Codebook::new(engine, self.families[0].view(), Metric::SquaredL2)?,
            stages: self.families.len(),
            stack: Stack::new(engine, &self.families)?,
        }))
    }
}

/// Takes the nearest codeword of the family member that the last code names.
struct TreeCoder {
    first: Codebook,
    stages: usize,
    stack: Stack,
}

impl Coder for TreeCoder {
    fn dim(&self) -> usize {
        self.stack.dim()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        vec![self.first.k(); self.stages]
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let mut last = engine.uninitialized(x.rows(), 1)?;
        let mut chosen = engine.uninitialized(x.rows(), 1)?;
        let mut rows = engine.uninitialized(x.rows(), 1)?;
        let mut left: Option<Matrix<f32>> = None;
        recorder.assign(x, &self.first, &mut last, distances)?;
        recorder.copy(&last, &mut rows)?;
        recorder.copy_columns(&last, 0..1, codes, 0)?;
        for j in 1..self.stages {
            let mut residuals = engine.uninitialized(x.rows(), x.cols())?;
            recorder.residual(left.as_ref().unwrap_or(x), self.stack.codewords(), &rows, &mut residuals)?;
            let family =
                Family { codewords: self.stack.codewords(), first: self.stack.offset(j), k: self.first.k() };
            recorder.grouped_assign(&residuals, family, &last, &mut chosen, &mut rows, distances)?;
            recorder.copy_columns(&chosen, 0..1, codes, j)?;
            std::mem::swap(&mut last, &mut chosen);
            left = Some(residuals);
        }
        Ok(())
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        let mut rows = recorder.engine().uninitialized(codes.rows(), codes.cols())?;
        recorder.tree_rows(codes, self.first.k(), &mut rows)?;
        self.stack.record_decode(recorder, &rows, decoded)
    }

    fn scratch_bytes(&self) -> usize {
        8 * self.dim() + 12
    }
}
