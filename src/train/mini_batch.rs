//! Mini-batch k-means: one small batch per step, for data that does not fit in memory.

use std::ops::ControlFlow;

use ndarray::Array2;

use super::kmeans::{Clustering, Ended, Iteration, KMeans, stream};
use super::training::Training;
use super::{Observer, init};
use crate::engine::Engine;
use crate::error::Result;
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::{Aqe, Distortion, Metric, Usage};
use crate::rng::Rng;
use crate::scale::Scale;
use crate::vectors::Vectors;

/// Share of the newest batch in the running objective that decides on convergence.
const SMOOTHING: f64 = 0.1;

/// Steps without an improvement of the running objective by the tolerance before the run has converged.
const PATIENCE: usize = 10;

/// Sculley's algorithm: every codeword is the running mean of all the batch vectors it was ever nearest to.
pub(super) fn fit(
    settings: &KMeans,
    batch: usize,
    engine: &Engine,
    x: &dyn Vectors,
    observer: &mut dyn Observer,
) -> Result<Clustering> {
    let (k, d) = (settings.k, x.dim());
    let first =
        x.read_each(&Rng::new(settings.seed, stream::SAMPLE).distinct(STRETCH.min(x.len()), x.len()))?;
    let frame = settings.frame(&first);
    drop(first);
    let (outer, unit) = (settings, if settings.spherical { 1.0 } else { frame.scale().unit() });
    let (settings, x) = (&settings.within(&frame), &frame.vectors(x));
    let batch = batch.min(x.len());
    let mut rng = Rng::new(settings.seed, stream::BATCH);
    // A start needs more vectors than codewords to choose among.
    let sample = x.read_each(&rng.distinct(k.saturating_mul(START).max(batch), x.len()))?;
    let sample = Training::upload(engine, sample, None, settings.spherical)?;
    let start = init::start(
        settings.start(),
        &sample,
        k,
        Metric::SquaredL2,
        Rng::new(settings.seed, stream::of(stream::START, 0)).bits().into(),
    )?;
    drop(sample);

    let mut codebook = Codebook::from_matrix(start, Metric::SquaredL2)?;
    let mut means = engine.zeros::<f32>(k, d)?;
    let mut mass = engine.zeros::<f32>(k, 1)?;
    let mut total = engine.zeros::<f32>(k, 1)?;
    let mut codes = engine.uninitialized::<u32>(batch, 1)?;
    let mut distances = engine.uninitialized::<f32>(batch, 1)?;
    let mut order = engine.uninitialized::<u32>(batch, 1)?;
    let mut offsets = engine.uninitialized::<u32>(k + 1, 1)?;
    let mut objective = engine.uninitialized::<f32>(1, 1)?;
    let mut history: Vec<f64> = Vec::new();
    let mut running: Option<f64> = None;
    let mut best = f64::INFINITY;
    let mut stale = 0;
    let mut ended = Ended::IterationLimit;

    for number in 0..settings.iterations {
        if observer.cancelled() {
            ended = Ended::Cancelled;
            break;
        }
        let rows = x.read_each(&rng.distinct(batch, x.len()))?;
        let rows = Training::upload(engine, rows, None, settings.spherical)?;
        let mut recorder = engine.recorder();
        settings.prepare(&mut recorder, &mut codebook)?;
        recorder.assign(&rows.x, &codebook, &mut codes, &mut distances)?;
        recorder.reduce_sum(&distances, &mut objective, 0)?;
        recorder.counting_sort(&codes, k, &mut order, &mut offsets)?;
        recorder.segment_mean(&rows.x, &order, &offsets, None, &mut means, &mut mass)?;
        recorder.blend_means(&means, &mass, codebook.codewords_mut(), &mut total)?;
        recorder.submit()?;

        let mse = f64::from(objective.download()?[[0, 0]]) / batch as f64 * unit;
        history.push(mse);
        if observer.iteration(&Iteration { number, restart: 0, mse }) == ControlFlow::Break(()) {
            ended = Ended::Cancelled;
            break;
        }
        let smooth = running.map_or(mse, |running| running + SMOOTHING * (mse - running));
        running = Some(smooth);
        stale = if smooth < best * (1.0 - settings.tolerance) { 0 } else { stale + 1 };
        best = best.min(smooth);
        if stale >= PATIENCE {
            ended = Ended::Converged;
            break;
        }
    }

    let mut recorder = engine.recorder();
    settings.prepare(&mut recorder, &mut codebook)?;
    recorder.submit()?;
    let codebook = codebook.codewords().download()?;
    let (distortion, aqe, usage) = evaluate(engine, x, &codebook, settings.spherical)?;
    let found = Clustering {
        codebook,
        scale: Scale::ONE,
        metric: Metric::SquaredL2,
        mse: distortion.mse() * unit,
        mean_distance: distortion.mse() * unit,
        relative_mse: distortion.relative_mse(),
        aqe: Some(aqe.times(unit.sqrt())),
        usage,
        history,
        ended,
        rows: x.len(),
    };
    Ok(outer.outside(found, &frame))
}

/// How well `codebook` serves all of `x`, a stretch at a time.
fn evaluate(
    engine: &Engine,
    x: &dyn Vectors,
    codebook: &Array2<f32>,
    spherical: bool,
) -> Result<(Distortion, Aqe, Usage)> {
    let codewords = codebook;
    let codebook = Codebook::new(engine, codebook.view(), Metric::SquaredL2)?;
    let mut aqe = Aqe::default();
    let mut distortion = Distortion::default();
    let mut usage = Usage::new(codebook.k());
    for first in (0..x.len()).step_by(STRETCH) {
        let rows = x.read_rows(first..(first + STRETCH).min(x.len()))?;
        let rows = Training::upload(engine, rows, None, spherical)?;
        let mut codes = engine.uninitialized::<u32>(rows.x.rows(), 1)?;
        let mut distances = engine.uninitialized::<f32>(rows.x.rows(), 1)?;
        let mut recorder = engine.recorder();
        recorder.assign(&rows.x, &codebook, &mut codes, &mut distances)?;
        recorder.submit()?;
        rows.add_errors(&codes, codewords, &mut aqe)?;
        usage.add(codes.download()?);
        distortion.add_errors(rows.x.download()?.view(), distances.download()?.iter().map(|&e| e.into()));
    }
    Ok((distortion, aqe, usage))
}

/// Rows per stretch of [`evaluate`].
pub(super) const STRETCH: usize = 8192;

/// Vectors per codeword that a start is chosen among.
pub(super) const START: usize = 4;
