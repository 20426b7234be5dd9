//! What the training of quantizers with several codebooks has in common.

use std::ops::{ControlFlow, Range};

use ndarray::{Array2, s};

use super::{Batching, Coder, Quantizer, decode_batches, encode_batches};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::train::settings::ITERATIONS_BEFORE_JOINT_FITS;
use crate::train::{Ended, Init, Iteration, KMeans, Observer, least_squares};
use crate::vectors::Vectors;

/// The refinement ends once a round lowers the error by less than this share.
const SETTLED: f64 = 1e-4;

/// The most codewords, of all codebooks together, that least squares are solved for: the equations take their square in
/// memory.
pub(super) const MOST_JOINT: usize = 1 << 14;

/// The sizes of codebooks of these bits.
pub(super) fn sizes(bits: &[u32]) -> Result<Vec<usize>> {
    if bits.is_empty() {
        return Err(Error::input("0 codebooks; at least 1 is needed"));
    }
    let size = |&bits: &u32| match bits {
        1..=16 => Ok(1 << bits),
        _ => Err(Error::input(format!("a codebook of {bits} bits; must be 1 to 16"))),
    };
    bits.iter().map(size).collect()
}

/// The k-means of a codebook that a joint fit follows, where nothing else is said. It starts from random vectors: by
/// k-means++ training takes two to three times as long, and the joint fit ends now lower (RQ4x6 of sentence embeddings,
/// 1 to 2 %), now higher (RQ8x8 of the same, 4 to 10 %).
pub(super) fn trainer() -> KMeans {
    KMeans::new(256).init(Init::Random).iterations(ITERATIONS_BEFORE_JOINT_FITS.default_count())
}

/// The vectors to train on: all, or a random sample by the trainer's number per codeword of the largest codebook.
pub(super) fn sample(trainer: &KMeans, sizes: &[usize], seed: u64, x: &dyn Vectors) -> Result<Array2<f32>> {
    let trainer = trainer.clone().k(sizes.iter().copied().max().unwrap_or(1)).seed(seed);
    trainer.check(x, None)?;
    Ok(trainer.sample(x, None)?.0)
}

/// A codebook of `k` codewords for all of `x`.
pub(super) fn cluster(
    trainer: &KMeans,
    k: usize,
    seed: u64,
    engine: &Engine,
    x: &dyn Vectors,
    observer: &mut dyn Observer,
) -> Result<Array2<f32>> {
    let trainer = trainer.clone().k(k).seed(seed).all_vectors();
    let found = trainer.fit_observed(engine, x, None, observer)?;
    check_ended(found.ended)?;
    Ok(found.codebook)
}

/// Fails if the run was cancelled.
pub(super) fn check_ended(ended: Ended) -> Result<()> {
    if ended == Ended::Cancelled { Err(cancelled()) } else { Ok(()) }
}

/// Codes of a set of vectors, their residuals and the mean squared error.
pub(super) struct Encoded {
    /// (n, m)
    pub codes: Array2<u32>,
    /// What the codes leave over, (n, d).
    pub errors: Array2<f32>,
    /// The mean squared error.
    pub mse: f64,
}

/// Encodes all of `x` (n, d).
pub(super) fn encode(quantizer: &dyn Quantizer, engine: &Engine, x: &Array2<f32>) -> Result<Encoded> {
    let coder = quantizer.prepare(engine)?;
    let m = coder.codebook_sizes().len();
    let mut codes = Vec::with_capacity(x.nrows() * m);
    let mut sum = 0.0;
    let batching = Batching::of_coder(&*coder, engine);
    encode_batches(&*coder, engine, x, 0..x.nrows(), batching, |batch| {
        sum += batch.distances.iter().sum::<f64>();
        codes.extend(batch.codes.iter());
        Ok(())
    })?;
    let codes = Array2::from_shape_vec((x.nrows(), m), codes).expect("m codes per row");
    let errors = subtract_decoded(&*coder, engine, x, &codes)?;
    Ok(Encoded { codes, errors, mse: sum / x.nrows().max(1) as f64 })
}

/// What `codes` (n, m) leave over of `x` (n, d), and its mean square.
pub(super) fn errors(
    quantizer: &dyn Quantizer,
    engine: &Engine,
    x: &Array2<f32>,
    codes: &Array2<u32>,
) -> Result<(Array2<f32>, f64)> {
    let errors = subtract_decoded(&*quantizer.prepare(engine)?, engine, x, codes)?;
    let sum: f64 = errors.iter().map(|&error| f64::from(error) * f64::from(error)).sum();
    Ok((errors, sum / x.nrows().max(1) as f64))
}

fn subtract_decoded(
    coder: &dyn Coder,
    engine: &Engine,
    x: &Array2<f32>,
    codes: &Array2<u32>,
) -> Result<Array2<f32>> {
    let mut errors = Vec::with_capacity(x.len());
    let read = |rows: Range<usize>| Ok(codes.slice(s![rows, ..]).to_owned());
    decode_batches(
        coder,
        engine,
        read,
        0..x.nrows(),
        Batching::of_coder(coder, engine),
        |rows, _, decoded| {
            let x = x.slice(s![rows, ..]);
            errors.extend(x.iter().zip(decoded.iter()).map(|(x, y)| x - y));
            Ok(())
        },
    )?;
    Ok(Array2::from_shape_vec(x.dim(), errors).expect("d errors per row"))
}

/// Refits all codebooks jointly, `rounds` times at most: encode, least squares, repeat. The result is the best of all
/// rounds, the start included.
///
/// Left as they are: codebooks of more codewords together than the equations have room for.
pub(super) fn refine<Q: Quantizer>(
    build: &dyn Fn(Vec<Array2<f32>>) -> Q,
    codebooks: Vec<Array2<f32>>,
    rounds: usize,
    engine: &Engine,
    x: &Array2<f32>,
    observer: &mut dyn Observer,
) -> Result<Vec<Array2<f32>>> {
    let total: usize = codebooks.iter().map(Array2::nrows).sum();
    if rounds == 0 {
        return Ok(codebooks);
    }
    if total > MOST_JOINT {
        log::warn!(
            "{total} codewords are too many to refine jointly (at most {MOST_JOINT}); they stay as trained"
        );
        return Ok(codebooks);
    }
    let mut current = codebooks;
    let mut best: Option<(f64, Vec<Array2<f32>>)> = None;
    for number in 0..=rounds {
        let quantizer = build(current);
        let encoded = encode(&quantizer, engine, x)?;
        current = quantizer.codebooks().into_iter().cloned().collect();
        report_round(observer, number, encoded.mse)?;
        let last = best.as_ref().map_or(f64::INFINITY, |(mse, _)| *mse);
        if encoded.mse < last {
            best = Some((encoded.mse, current.clone()));
        }
        let gained = last - encoded.mse;
        if number == rounds || (last.is_finite() && gained < SETTLED * last) {
            break;
        }
        least_squares::update(
            &mut current,
            encoded.codes.view(),
            encoded.errors.view(),
            quantizer.is_ragged(),
        )?;
    }
    best.map(|(_, codebooks)| codebooks).ok_or_else(|| Error::input("the error is no number"))
}

/// Tells the observer of one round. Fails if it wants no more.
pub(super) fn report_round(observer: &mut dyn Observer, number: usize, mse: f64) -> Result<()> {
    let told = observer.iteration(&Iteration { number, restart: 0, mse });
    if told == ControlFlow::Break(()) || observer.cancelled() { Err(cancelled()) } else { Ok(()) }
}

fn cancelled() -> Error {
    Error::cancelled("stopped before the training was done; no model is written")
}
