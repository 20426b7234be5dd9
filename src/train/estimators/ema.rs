//! Exponential moving averages in place of a gradient of the codebook.
//!
//! Van den Oord, Vinyals and Kavukcuoglu 2017, appendix A.1; Razavi, van den Oord and Vinyals 2019 (Eq. 3.8 of the
//! thesis). With N vectors of sum S in a codeword's cell,
//!   forward   x̂ = c;  loss = β₂ Σ ‖x − sg[c]‖² / (n d)
//!   backward  dx = g + 2 β₂ (x − c) / (n d),  dc = 0
//!   update    M ← γ M + (1 − γ) N,  Y ← γ Y + (1 − γ) S,  c ← Y / M̃,
//!             M̃ = (M + ε) T / (T + k ε) with T = Σ M: Laplace smoothing, so that no M̃ is 0
//! M starts at 1 and Y at the codeword, as if each codeword had one vector, at its place: a codeword that gets none stays
//! there (but for the smoothing) until M falls to the size of ε. Implementations that start M at 0 send it to 0.

use std::collections::BTreeMap;

use ndarray::Array2;

use super::nearest::Nearest;
use super::pull::Pull;
use super::scatter::Scatter;
use super::scratch::Scratch;
use super::{Backward, Estimator, Forward};
use crate::engine::{Engine, Matrix, Recorder, expect_shape};
use crate::error::{Error, Result};
use crate::ops::Op;

/// Moving averages: straight through with a commitment loss, and codewords that [`record_update`](Estimator::record_update)
/// makes the moving average of their vectors.
///
/// ```
/// use ndarray::array;
/// use wgvq::train::estimators::{Ema, Estimator, Forward};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let x = engine.upload(array![[1.0_f32], [3.0]].view())?;
/// let mut codebook = engine.upload(array![[0.0_f32]].view())?;
/// let mut forward = Forward::new(&engine, 2, 1)?;
/// let mut ema = Ema::new(0.5, 0.25)?;
/// let mut recorder = engine.recorder();
/// ema.record_forward(&mut recorder, &x, &codebook, 0, &mut forward)?;
/// ema.record_update(&mut recorder, &x, &forward, &mut codebook)?;
/// recorder.submit()?;
/// // One vector at 0 and two of sum 4, half of each.
/// assert!((codebook.download()?[[0, 0]] - 2.0 / 1.5).abs() < 1e-4);
/// # Ok(())
/// # }
/// ```
pub struct Ema {
    decay: f32,
    nearest: Nearest,
    pull: Pull,
    scatter: Scatter,
    averages: Option<Averages>,
    batch_sums: Scratch<f32>,
    smoothed: Scratch<f32>,
    factor: Scratch<f32>,
}

/// M (k, 1) and Y (k, d) of each codeword.
struct Averages {
    counts: Matrix<f32>,
    sums: Matrix<f32>,
}

/// ε of the Laplace smoothing.
const SMOOTHING: f32 = 1e-5;

impl Ema {
    /// A `decay` γ (0.99 is usual: larger forgets more slowly) and a weight β₂ of the `commitment` loss.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if γ is not in (0, 1), or β₂ is negative or not finite.
    pub fn new(decay: f32, commitment: f32) -> Result<Self> {
        if !(decay > 0.0 && decay < 1.0) {
            return Err(Error::input(format!("ema: the decay is {decay}; it has to be between 0 and 1")));
        }
        Ok(Self {
            decay,
            nearest: Nearest::default(),
            pull: Pull::new(0.0, commitment)?,
            scatter: Scatter::default(),
            averages: None,
            batch_sums: Scratch::default(),
            smoothed: Scratch::default(),
            factor: Scratch::default(),
        })
    }

    /// The averages, which start from the codebook when they are first asked for.
    fn averages<'a>(
        averages: &'a mut Option<Averages>,
        recorder: &mut Recorder<'_>,
        codebook: &Matrix<f32>,
    ) -> Result<&'a mut Averages> {
        averages
            .take_if(|own| own.sums.shape() != codebook.shape() || !own.sums.engine().is(codebook.engine()));
        if averages.is_none() {
            let mut fresh = Averages {
                counts: recorder.engine().uninitialized(codebook.rows(), 1)?,
                sums: recorder.engine().uninitialized(codebook.rows(), codebook.cols())?,
            };
            recorder.fill(&mut fresh.counts, 1.0)?;
            recorder.copy(codebook, &mut fresh.sums)?;
            *averages = Some(fresh);
        }
        Ok(averages.as_mut().expect("just made"))
    }
}

impl Estimator for Ema {
    fn name(&self) -> &'static str {
        "ema"
    }

    fn record_forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        _: u64,
        forward: &mut Forward,
    ) -> Result<()> {
        self.nearest.record(recorder, x, codebook, forward)?;
        self.pull.record_loss(recorder, forward)
    }

    fn record_backward(&mut self, recorder: &mut Recorder<'_>, pass: Backward<'_>) -> Result<()> {
        let Backward { x, codebook, forward, gradient, dx, dcodebook } = pass;
        recorder.copy(gradient, dx)?;
        self.pull.record_gradients(recorder, x, codebook, &forward.codes, dx, dcodebook)
    }

    /// Takes the vectors of `forward` into the averages, and makes them the codewords.
    fn record_update(
        &mut self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        forward: &Forward,
        codebook: &mut Matrix<f32>,
    ) -> Result<()> {
        forward.check("ema", x, codebook)?;
        let engine = recorder.engine().clone();
        let k = codebook.rows();
        let batch_sums = self.batch_sums.room(&engine, codebook.shape())?;
        let batch_counts = self.scatter.record(recorder, &forward.codes, x, batch_sums)?;
        let Averages { counts, sums } = Self::averages(&mut self.averages, recorder, codebook)?;
        for (average, batch) in [(&mut *counts, batch_counts), (&mut *sums, batch_sums)] {
            recorder.update(Op::Mul, average, self.decay)?;
            recorder.update(Op::Mul, batch, 1.0 - self.decay)?;
            recorder.update(Op::Add, average, &*batch)?;
        }

        let mut total = engine.uninitialized(1, 1)?;
        recorder.reduce_sum(counts, &mut total, 0)?;
        let factor = self.factor.room(&engine, (1, 1))?;
        recorder.elementwise(Op::Add, &total, k as f32 * SMOOTHING, factor)?;
        recorder.update(Op::Div, &mut total, &*factor)?;
        let smoothed = self.smoothed.room(&engine, (k, 1))?;
        recorder.elementwise(Op::Add, counts, SMOOTHING, smoothed)?;
        recorder.update(Op::Mul, smoothed, &total)?;
        recorder.elementwise(Op::Div, sums, &*smoothed, codebook)
    }

    fn record_reset_rows(
        &mut self,
        recorder: &mut Recorder<'_>,
        kept: &Matrix<f32>,
        codebook: &Matrix<f32>,
    ) -> Result<()> {
        let (k, d) = codebook.shape();
        expect_shape("ema", "kept", kept.shape(), (k, 1))?;
        let engine = recorder.engine().clone();
        let Averages { counts, sums } = Self::averages(&mut self.averages, recorder, codebook)?;
        // 1 where a codeword was replaced.
        let replaced = self.smoothed.room(&engine, (k, 1))?;
        recorder.elementwise(Op::Mul, kept, -1.0, replaced)?;
        recorder.update(Op::Add, replaced, 1.0)?;
        let fresh = self.batch_sums.room(&engine, (k, d))?;
        recorder.elementwise(Op::Mul, codebook, &*replaced, fresh)?;
        for (average, fresh) in [(counts, &*replaced), (sums, &*fresh)] {
            recorder.update(Op::Mul, average, kept)?;
            recorder.update(Op::Add, average, fresh)?;
        }
        Ok(())
    }

    fn state(&self) -> Result<BTreeMap<&'static str, Array2<f32>>> {
        let Some(Averages { counts, sums }) = &self.averages else { return Ok(BTreeMap::new()) };
        Ok(BTreeMap::from([("counts", counts.download()?), ("sums", sums.download()?)]))
    }

    fn restore(&mut self, engine: &Engine, read: &mut dyn FnMut(&str) -> Result<Array2<f32>>) -> Result<()> {
        let mut upload = |name| engine.upload(read(name)?.view());
        self.averages = Some(Averages { counts: upload("counts")?, sums: upload("sums")? });
        Ok(())
    }
}
