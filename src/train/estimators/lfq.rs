//! Lookup-free quantization.
//!
//! Yu et al., "Language model beats diffusion: tokenizer is key to visual generation", ICLR 2024. With p = σ(4 x), the share
//! of +1 in softmax(−(x ∓ 1)²), h(p) = −p ln p − (1 − p) ln(1 − p), and p̄_j the mean of column j of p,
//!   forward   x̂ = sign x, −1 for 0;
//!             loss = (β₂ Σ ‖x − sg[x̂]‖² + γ Σ_ij h(p_ij) − γ n Σ_j h(p̄_j)) / (n d)
//!   backward  dx = g + (2 β₂ (x − x̂) + 4 γ p (1 − p) (ln(p̄ / (1 − p̄)) − 4 x)) / (n d)
//! The terms of weight γ are the publication's entropies over all codewords, E H(p) − H(E p): the first is a sum over the
//! dimensions, as they are independent for one vector, and the second is taken as if they were for all.

use ndarray::Array2;

use super::grid::Grid;
use super::pull::Pull;
use super::scratch::Scratch;
use super::{Backward, Estimator, Forward, check_weight};
use crate::engine::{Matrix, Recorder};
use crate::error::{Error, Result};
use crate::ops::{Activation, Op, Unary};

/// Lookup-free quantization (Yu et al. 2023): the sign of every dimension, with the gradient straight through. A loss draws
/// vectors to their signs, makes every sign certain, and makes −1 and 1 as frequent as each other.
///
/// Its codebook, [`Lfq::codebook`], never changes: in a graph it is an input. d dimensions are d bits, and a layer before
/// makes them.
///
/// ```
/// use ndarray::array;
/// use wgvq::train::estimators::{Estimator, Forward, Lfq};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let mut lfq = Lfq::new(3, 0.25, 0.1)?;
/// let x = engine.upload(array![[0.3_f32, -2.0, 0.1]].view())?;
/// let codebook = engine.upload(lfq.codebook().view())?;
/// let mut forward = Forward::new(&engine, 1, 3)?;
/// let mut recorder = engine.recorder();
/// lfq.record_forward(&mut recorder, &x, &codebook, 0, &mut forward)?;
/// recorder.submit()?;
/// assert_eq!(forward.output.download()?, array![[1.0, -1.0, 1.0]]);
/// assert_eq!(forward.codes.download()?, array![[0b101]]);
/// # Ok(())
/// # }
/// ```
pub struct Lfq {
    grid: Grid,
    pull: Pull,
    entropy: f32,
    /// p (n, d), p̄ (1, d), and what becomes of the gradient through p (n, d).
    shares: Scratch<f32>,
    mean: Scratch<f32>,
    slopes: Scratch<f32>,
    sums: Entropy,
}

/// How steeply p goes with x.
const STEEPNESS: f32 = 4.0;

impl Lfq {
    /// `bits` dimensions, and weights β₂ of the `commitment` loss and γ of the `entropy` loss: 0.25 and 0.1 are usual.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the bits are not from 1 to 20, or a weight is negative or not finite.
    pub fn new(bits: usize, commitment: f32, entropy: f32) -> Result<Self> {
        if !(1..=20).contains(&bits) {
            return Err(Error::input(format!("lfq: {bits} bits; they have to be from 1 to 20, such as 12")));
        }
        check_weight("the weight of the entropy loss, gamma,", entropy)?;
        Ok(Self {
            grid: Grid::new("lfq", &vec![2; bits])?,
            pull: Pull::new(0.0, commitment)?,
            entropy,
            shares: Scratch::default(),
            mean: Scratch::default(),
            slopes: Scratch::default(),
            sums: Entropy::default(),
        })
    }

    /// All codewords, (2^bits, bits): the only codebook that it takes. Bit j of a code is dimension j.
    pub fn codebook(&self) -> Array2<f32> {
        self.grid.codebook()
    }
}

impl Estimator for Lfq {
    fn name(&self) -> &'static str {
        "lfq"
    }

    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        _: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        self.grid.record(recorder, x, codebook, forward)?;
        self.pull.record_loss(recorder, forward)?;
        let engine = recorder.engine().clone();
        let (rows, column) = (x.rows().max(1) as f32, (1, x.cols()));
        let [steep, odds] = forward.saved.room("lfq", &engine, [x.shape(), column])?;
        recorder.elementwise(Op::Mul, x, STEEPNESS, steep)?;
        let shares = self.shares.room(&engine, x.shape())?;
        recorder.activate(Activation::Sigmoid, steep, shares)?;
        let mean = self.mean.room(&engine, column)?;
        recorder.column_sums(shares, mean)?;
        recorder.update(Op::Mul, mean, 1.0 / rows)?;
        let weight = self.entropy / x.cols() as f32;
        self.sums.record(recorder, shares, weight / rows, &mut forward.loss)?;
        self.sums.record_odds(recorder, mean, odds)?;
        self.sums.record(recorder, mean, -weight, &mut forward.loss)
    }

    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()> {
        let Backward { x, codebook, forward, gradient, dx, dcodebook } = pass;
        let [steep, odds] = forward.saved.get("lfq")?;
        recorder.copy(gradient, dx)?;
        self.pull.record_gradients(recorder, x, codebook, &forward.codes, dx, dcodebook)?;
        let engine = recorder.engine().clone();
        let by_share = self.shares.room(&engine, x.shape())?;
        recorder.elementwise(Op::Sub, steep, odds, by_share)?;
        let elements = (x.rows() * x.cols()).max(1) as f32;
        recorder.update(Op::Mul, by_share, -STEEPNESS * self.entropy / elements)?;
        let slopes = self.slopes.room(&engine, x.shape())?;
        recorder.activate_grad(Activation::Sigmoid, steep, by_share, slopes)?;
        recorder.update(Op::Add, dx, &*slopes)
    }
}

/// Sums up the entropies of shares. Keeps its buffers.
#[derive(Default)]
struct Entropy {
    terms: Scratch<f32>,
    columns: Scratch<f32>,
    sum: Scratch<f32>,
}

impl Entropy {
    /// Adds `weight` times Σ h(p) over all p of `shares` to `loss`. The shares are no longer exact afterwards.
    fn record(
        &mut self,
        recorder: &mut Recorder<'_>,
        shares: &mut Matrix<f32>,
        weight: f32,
        loss: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let terms = self.terms.room(&engine, shares.shape())?;
        let columns = self.columns.room(&engine, (1, shares.cols()))?;
        let sum = self.sum.room(&engine, (1, 1))?;
        // p ln p, and then the same of 1 − p.
        for _ in 0..2 {
            recorder.map(Unary::Log, shares, terms)?;
            recorder.update(Op::Mul, terms, &*shares)?;
            recorder.column_sums(terms, columns)?;
            recorder.row_sums(columns, sum)?;
            recorder.update(Op::Mul, sum, -weight)?;
            recorder.update(Op::Add, loss, &*sum)?;
            record_others(recorder, shares)?;
        }
        Ok(())
    }

    /// Records ln(p / (1 − p)) of `shares` in `odds`.
    fn record_odds(
        &mut self,
        recorder: &mut Recorder<'_>,
        shares: &Matrix<f32>,
        odds: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let others = self.terms.room(&engine, shares.shape())?;
        recorder.copy(shares, others)?;
        record_others(recorder, others)?;
        recorder.map_in_place(Unary::Log, others)?;
        recorder.map(Unary::Log, shares, odds)?;
        recorder.update(Op::Sub, odds, &*others)
    }
}

/// Records 1 − p in the place of every p.
fn record_others(recorder: &mut Recorder<'_>, shares: &mut Matrix<f32>) -> Result<()> {
    recorder.update(Op::Mul, shares, -1.0)?;
    recorder.update(Op::Add, shares, 1.0)
}
