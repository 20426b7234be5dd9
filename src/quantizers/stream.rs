//! Encoding and decoding of any number of vectors in bounded memory.
//!
//! Three threads hand batches on: one reads, one drives the device, one takes the results. The device works
//! on one batch while the results of the one before are read back and the next one is uploaded.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::Coder;
use super::codes::check_codes;
use crate::engine::{Download, Engine};
use crate::error::{Error, Result};
use crate::metrics::Metric;
use crate::vectors::Vectors;

/// How many rows make a batch. No result depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    rows: usize,
}

impl Batching {
    /// Batches of that many rows, and of one at least.
    pub fn of(rows: usize) -> Self {
        Self { rows: rows.max(1) }
    }

    /// Batches that suit a coder and its device where memory is no concern.
    pub fn of_coder(coder: &dyn Coder, engine: &Engine) -> Self {
        Self::within(u64::MAX, coder, engine)
    }

    /// Batches so that all copies of vectors, codes and scratch memory of `coder` together stay within `bytes`.
    ///
    /// At most eight batches exist at once: one being read and one waiting, two on the device and their two
    /// copies on the way there, one waiting on its way out and one being written.
    pub fn within(bytes: u64, coder: &dyn Coder, engine: &Engine) -> Self {
        const COPIES: u64 = 8;
        // A CPU is fastest while a batch stays in its caches. A GPU wants batches to be copied while it works on another, and
        // rows for all its lanes.
        let (vectors, rows, scratch_room) =
            if engine.is_gpu() { (8 << 20, 16_384, 512 << 20) } else { (2 << 20, 0, 8 << 20) };
        /// Smaller batches cost more in passing them on than they gain.
        const LEAST: u64 = 512;
        let scratch = coder.scratch_bytes() as u64;
        let row = 4 * (coder.dim() + coder.codebook_sizes().len() + 16) as u64;
        let fitting = bytes / (COPIES * row + 2 * scratch);
        let best = (vectors / row).max(rows).min(scratch_room / scratch.max(1)).max(LEAST);
        Self::of(fitting.min(best) as usize)
    }

    pub(super) fn split(self, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let end = rows.end;
        rows.step_by(self.rows).map(move |first| first..first.saturating_add(self.rows).min(end))
    }
}

/// A batch on its way out of [`encode_batches`].
#[derive(Debug)]
pub struct EncodedBatch {
    /// Which vectors these are.
    pub rows: Range<usize>,
    /// The vectors, (b, d).
    pub x: Array2<f32>,
    /// Their codes, (b, m).
    pub codes: Array2<u32>,
    /// Each vector's squared distance to what it decodes to, b of them.
    pub distances: Vec<f64>,
}

/// Encodes the vectors `rows` of `x`, and shows the batches to `sink` in order.
///
/// ```
/// use wgvq::{Batching, Quantizer, Vq, encode_batches};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let x = ndarray::Array2::from_shape_fn((1000, 2), |(row, _)| (row % 2) as f32);
/// let coder = Vq::new(ndarray::array![[0.0_f32, 0.0], [1.0, 1.0]])?.prepare(&engine)?;
/// let mut ones = 0;
/// encode_batches(&*coder, &engine, &x, 0..1000, Batching::of(64), |batch| {
///     ones += batch.codes.sum();
///     Ok(())
/// })?;
/// assert_eq!(ones, 500);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The first of: an error of reading, of the device, or of `sink`.
pub fn encode_batches(
    coder: &dyn Coder,
    engine: &Engine,
    x: &dyn Vectors,
    rows: Range<usize>,
    batching: Batching,
    mut sink: impl FnMut(&EncodedBatch) -> Result<()> + Send,
) -> Result<()> {
    if x.dim() != coder.dim() {
        return Err(Error::input(format!(
            "the vectors have {} dimensions, the model {}",
            x.dim(),
            coder.dim()
        )));
    }
    struct Flight {
        rows: Range<usize>,
        x: Array2<f32>,
        codes: Download<u32>,
        distances: Download<f32>,
    }
    let m = coder.codebook_sizes().len();
    // Memory fresh from the system is mapped page by page, which takes longer than to copy into it.
    let spare = Mutex::new(Vec::new());
    let spare = || spare.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let read = |rows: Range<usize>| {
        let mut values = spare().pop().unwrap_or_default();
        x.read_into(rows.clone(), &mut values)?;
        let batch = Array2::from_shape_vec((rows.len(), x.dim()), values).expect("one value per cell");
        Ok((rows, batch))
    };
    let start = |(rows, x): (Range<usize>, Array2<f32>)| {
        let uploaded = engine.upload(x.view())?;
        let mut codes = engine.uninitialized(x.nrows(), m)?;
        let mut distances = engine.uninitialized(x.nrows(), 1)?;
        let mut recorder = engine.recorder();
        coder.record_encode(&mut recorder, &uploaded, &mut codes, &mut distances)?;
        recorder.submit()?;
        Ok(Flight { rows, x, codes: codes.begin_download()?, distances: distances.begin_download()? })
    };
    let unit = coder.scale().unit();
    let finish = |flight: Flight| {
        let Flight { rows, x, codes, distances } = flight;
        let (codes, distances) = (codes.finish()?, distances.finish()?);
        let distances = match distances.iter().position(|distance| !distance.is_finite()) {
            None => distances.iter().map(|&distance| f64::from(distance) * unit).collect(),
            Some(_) if coder.takes_any_value() => exact_distances(coder, engine, x.view(), codes.view())?,
            Some(row) => return Err(too_far(coder, x.row(row), rows.start + row)),
        };
        Ok(EncodedBatch { rows, x, codes, distances })
    };
    pipeline(batching.split(rows), read, start, finish, |batch| {
        sink(&batch)?;
        spare().push(batch.x.into_raw_vec_and_offset().0);
        Ok(())
    })
}

/// The squared distances of `x` (b, d) to what `codes` (b, m) decode to, in f64.
fn exact_distances(
    coder: &dyn Coder,
    engine: &Engine,
    x: ArrayView2<f32>,
    codes: ArrayView2<u32>,
) -> Result<Vec<f64>> {
    let mut decoded = engine.uninitialized(x.nrows(), coder.dim())?;
    let mut recorder = engine.recorder();
    coder.record_decode(&mut recorder, &engine.upload(codes)?, &mut decoded)?;
    recorder.submit()?;
    let decoded = decoded.download()?;
    let pairs = x.outer_iter().zip(decoded.outer_iter());
    Ok(pairs.map(|(x, decoded)| Metric::SquaredL2.distance(x, decoded)).collect())
}

/// What to say of the vector `x`, of number `row`, whose distances to the codewords leave the range of f32.
fn too_far(coder: &dyn Coder, x: ArrayView1<f32>, row: usize) -> Error {
    let largest = x.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    let (column, value) = largest.unwrap_or((0, &0.0));
    let most = (f32::MAX / coder.dim().max(1) as f32).sqrt() * coder.scale().inverse();
    Error::input(format!(
        "the value at row {row}, column {column} is {value:e}; up to {most:.1e} its squared distance to a codeword of \
         this model is within f32"
    ))
}

/// Decodes the codes of `rows`, which `read` gives a batch at a time, and passes each batch's rows, codes and
/// vectors to `sink`, in order.
///
/// ```
/// use wgvq::{Batching, Quantizer, Vq, decode_batches};
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let coder = Vq::new(ndarray::array![[0.0_f32], [7.0]])?.prepare(&engine)?;
/// let read = |rows: std::ops::Range<usize>| Ok(ndarray::Array2::from_elem((rows.len(), 1), 1));
/// let mut sum = 0.0;
/// decode_batches(&*coder, &engine, read, 0..10, Batching::of(4), |_rows, _codes, decoded| {
///     sum += decoded.sum();
///     Ok(())
/// })?;
/// assert_eq!(sum, 70.0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Input`](crate::ErrorKind::Input), naming row and column, for a code that names no codeword; otherwise
/// the first error of `read`, the device or `sink`.
pub fn decode_batches(
    coder: &dyn Coder,
    engine: &Engine,
    read: impl Fn(Range<usize>) -> Result<Array2<u32>> + Send + Sync,
    rows: Range<usize>,
    batching: Batching,
    mut sink: impl FnMut(Range<usize>, ArrayView2<u32>, ArrayView2<f32>) -> Result<()> + Send,
) -> Result<()> {
    let sizes = coder.codebook_sizes();
    let read = |rows: Range<usize>| {
        let codes = read(rows.clone())?;
        check_codes(codes.view(), &sizes, rows.start)?;
        Ok((rows, codes))
    };
    let start = |(rows, codes): (Range<usize>, Array2<u32>)| {
        let uploaded = engine.upload(codes.view())?;
        let mut decoded = engine.uninitialized(codes.nrows(), coder.dim())?;
        let mut recorder = engine.recorder();
        coder.record_decode(&mut recorder, &uploaded, &mut decoded)?;
        recorder.submit()?;
        Ok((rows, codes, decoded.begin_download()?))
    };
    let finish = |(rows, codes, decoded): (Range<usize>, Array2<u32>, Download<f32>)| {
        Ok((rows, codes, decoded.finish()?))
    };
    pipeline(batching.split(rows), read, start, finish, |(rows, codes, decoded)| {
        sink(rows, codes.view(), decoded.view())
    })
}

/// Runs `read` on a thread of its own, `start` and `finish` on this one with one batch in flight between them,
/// and `sink` on a third; the first error stops all of them and is returned. A single batch needs no other thread.
pub(crate) fn pipeline<A: Send, F, B: Send>(
    batches: impl Iterator<Item = Range<usize>> + Send,
    read: impl Fn(Range<usize>) -> Result<A> + Send,
    mut start: impl FnMut(A) -> Result<F>,
    finish: impl Fn(F) -> Result<B>,
    mut sink: impl FnMut(B) -> Result<()> + Send,
) -> Result<()> {
    let mut batches = batches.peekable();
    let Some(first) = batches.next() else { return Ok(()) };
    if batches.peek().is_none() {
        return sink(finish(start(read(first)?)?)?);
    }
    let batches = std::iter::once(first).chain(batches);
    // A closed channel means that the other side has failed, and its own error is the one to report.
    let (to_device, from_reader) = sync_channel::<Result<A>>(1);
    let (to_sink, from_device) = sync_channel::<B>(1);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for rows in batches {
                let batch = read(rows);
                let failed = batch.is_err();
                if to_device.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        let sink = scope.spawn(move || from_device.into_iter().try_for_each(&mut sink));
        let drive = || -> Result<()> {
            let mut flying = None;
            for batch in from_reader {
                let next = start(batch?)?;
                if let Some(done) = flying.replace(next)
                    && to_sink.send(finish(done)?).is_err()
                {
                    return Ok(());
                }
            }
            if let Some(done) = flying {
                // A send that fails is the sink's error, which is reported below.
                drop(to_sink.send(finish(done)?));
            }
            Ok(())
        };
        let driven = drive();
        drop(to_sink);
        let sunk = sink.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        driven.and(sunk)
    })
}
