//! Where the codewords of k-means start.

use ndarray::{Array2, Axis};

use super::evolution::{Evolution, evolve};
use super::training::Training;
use crate::engine::{Engine, Matrix};
use crate::error::{Error, Result};
use crate::kernels::prepare_codebook::Codebook;
use crate::metrics::Metric;
use crate::ops::Op;
use crate::rng::Rng;

/// Where the codewords of [`KMeans`](super::KMeans) start.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Init {
    /// k-means++ up to 256 codewords; beyond that random vectors, because k-means++ would take longer than all the
    /// iterations after it. Ask for it where there are few vectors per codeword: there it still gains some per cent.
    #[default]
    Auto,
    /// Different vectors, each equally likely (Forgy's way).
    Random,
    /// k-means++ (Arthur and Vassilvitskii, SODA 2007): one vector after another, drawn in proportion to its
    /// (squared) distance to those before; each time the best of ⌈2 + ln k⌉ draws. Where there are more than 4096 vectors and
    /// 16 per codeword, among so many random ones.
    PlusPlus,
    /// k-means‖ (Bahmani et al., VLDB 2012): five rounds that draw about 2k vectors each, then k-means++ among
    /// those, weighted. For large k.
    Parallel,
    /// The best of a population of codebooks after some generations of differential evolution.
    Evolution(Evolution),
    /// These codewords, (k, d): to go on from an earlier codebook.
    From(Array2<f32>),
}

/// The largest k for which [`Init::Auto`] takes k-means++.
const AUTO_PLUS_PLUS: usize = 256;
/// The vectors that k-means++ chooses among, per codeword and at least: with more it takes longer, and the error does not fall;
/// with fewer it misses small clusters.
const SAMPLE_PER_CODEWORD: usize = 16;
const LEAST_SAMPLE: usize = 4096;

/// Rounds of k-means‖, and vectors drawn per round and codeword: the paper's r = 5 and l = 2k.
const ROUNDS: u64 = 5;
const OVERSAMPLING: f64 = 2.0;

/// Streams of a seed, so that no two uses draw the same numbers.
const RANDOM: u64 = 0;
const PARALLEL: u64 = 1;
const SAMPLE: u64 = 2;

/// The first codewords, (k, d), on the device.
pub(super) fn start(
    init: &Init,
    data: &Training,
    k: usize,
    metric: Metric,
    seed: u64,
) -> Result<Matrix<f32>> {
    let engine = data.x.engine();
    match init {
        Init::Auto if k <= AUTO_PLUS_PLUS => plus_plus(data, k, metric, seed),
        Init::Auto | Init::Random => random(data, k, seed),
        Init::PlusPlus => plus_plus(data, k, metric, seed),
        Init::Parallel => parallel(data, k, metric, seed),
        Init::Evolution(settings) => {
            let found = evolve(settings, data, k, metric, seed)?;
            log::debug!("mean squared errors over the generations: {:?}", found.history);
            engine.upload(found.codebook.view())
        }
        Init::From(codebook) if codebook.dim() == (k, data.x.cols()) => engine.upload(codebook.view()),
        Init::From(codebook) => Err(Error::input(format!(
            "the codebook to start from is {} × {}; {k} × {} is needed",
            codebook.nrows(),
            codebook.ncols(),
            data.x.cols()
        ))),
    }
}

fn random(data: &Training, k: usize, seed: u64) -> Result<Matrix<f32>> {
    pick(&data.x, &Rng::new(seed, RANDOM).distinct(k, data.x.rows()))
}

/// The rows of those numbers, one below another.
fn pick(x: &Matrix<f32>, rows: &[usize]) -> Result<Matrix<f32>> {
    let engine = x.engine();
    let rows = Array2::from_shape_fn((rows.len(), 1), |(at, _)| rows[at] as u32);
    let mut picked = engine.uninitialized(rows.nrows(), x.cols())?;
    let mut recorder = engine.recorder();
    recorder.gather(x, &engine.upload(rows.view())?, &mut picked)?;
    recorder.submit()?;
    Ok(picked)
}

fn plus_plus(data: &Training, k: usize, metric: Metric, seed: u64) -> Result<Matrix<f32>> {
    let (n, most) = (data.x.rows(), SAMPLE_PER_CODEWORD.saturating_mul(k).max(LEAST_SAMPLE));
    if n <= most {
        return plus_plus_among(data, k, metric, seed);
    }
    let sample = data.subset(&Rng::new(seed, SAMPLE).distinct(most, n))?;
    plus_plus_among(&sample, k, metric, seed)
}

/// On a thread of the pool, where the many short kernels don't wait for another thread to take each of them up. What is large was
/// allocated before: the allocator keeps for each thread what it gave back.
fn plus_plus_among(data: &Training, k: usize, metric: Metric, seed: u64) -> Result<Matrix<f32>> {
    rayon::scope(|_| draw_one_by_one(data, k, metric, seed))
}

fn draw_one_by_one(data: &Training, k: usize, metric: Metric, seed: u64) -> Result<Matrix<f32>> {
    let engine = data.x.engine();
    let (n, d) = data.x.shape();
    let candidates = 2 + (k as f64).ln().ceil() as usize;
    let mut codebook = Array2::<f32>::zeros((k, d));
    // Distances to the nearest codeword so far; all alike before there is one.
    let mut nearest = engine.upload(Array2::from_elem((n, 1), 1.0_f32).view())?;
    let mut costs = Costs::new(engine, n, candidates)?;
    for step in 0..k {
        let draws = if step == 0 { 1 } else { candidates };
        let mut recorder = engine.recorder();
        let mut rows = engine.uninitialized(draws, 1)?;
        let weighted = data.weigh(&mut recorder, &nearest)?;
        recorder.weighted_pick(weighted.as_ref().unwrap_or(&nearest), seed, step as u64, &mut rows)?;
        let mut drawn = engine.uninitialized(draws, d)?;
        recorder.gather(&data.x, &rows, &mut drawn)?;
        recorder.submit()?;
        // Distances are of the codewords as they are, which need not be prepared.
        let drawn = Codebook::from_matrix(drawn, metric)?;
        let best = if step == 0 {
            let mut recorder = engine.recorder();
            recorder.distance_matrix(&data.x, &drawn, &mut nearest)?;
            recorder.submit()?;
            0
        } else {
            costs.best(data, &drawn, &mut nearest)?
        };
        let best = drawn.codewords().download_rows(best..best + 1)?;
        codebook.row_mut(step).assign(&best.row(0));
    }
    engine.upload(codebook.view())
}

/// Scratch for the distances from every vector to a few candidates.
struct Costs {
    distances: Matrix<f32>,
    /// One segment that holds every row, for means over columns.
    everything: Matrix<u32>,
    bounds: Matrix<u32>,
}

impl Costs {
    fn new(engine: &Engine, n: usize, candidates: usize) -> Result<Self> {
        Ok(Self {
            distances: engine.uninitialized(n, candidates)?,
            everything: engine.upload(Array2::from_shape_fn((n, 1), |(row, _)| row as u32).view())?,
            bounds: engine.upload(ndarray::array![[0], [n as u32]].view())?,
        })
    }

    /// The candidate that leaves the smallest total, each vector counting its distance to the nearest
    /// codeword, candidate included; `nearest` becomes those distances.
    fn best(&mut self, data: &Training, drawn: &Codebook, nearest: &mut Matrix<f32>) -> Result<usize> {
        let engine = data.x.engine();
        let mut recorder = engine.recorder();
        recorder.distance_matrix(&data.x, drawn, &mut self.distances)?;
        recorder.update(Op::Min, &mut self.distances, &*nearest)?;
        let mut means = engine.zeros(1, drawn.k())?;
        let mut mass = engine.uninitialized(1, 1)?;
        let weights = data.weights.as_ref();
        recorder.segment_mean(
            &self.distances,
            &self.everything,
            &self.bounds,
            weights,
            &mut means,
            &mut mass,
        )?;
        recorder.submit()?;
        let means = means.download()?;
        let lowest = means.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
        let best = lowest.map_or(0, |(candidate, _)| candidate);
        let mut recorder = engine.recorder();
        recorder.copy_columns(&self.distances, best..best + 1, nearest, 0)?;
        recorder.submit()?;
        Ok(best)
    }
}

impl Training {
    /// The vectors of those numbers, with their weights.
    pub(super) fn subset(&self, rows: &[usize]) -> Result<Self> {
        let weights = self.weights.as_ref().map(|weights| pick(weights, rows)).transpose()?;
        let total = match &weights {
            Some(weights) => weights.download()?.iter().map(|&weight| f64::from(weight)).sum(),
            None => rows.len() as f64,
        };
        Ok(Self {
            x: pick(&self.x, rows)?,
            weights,
            total,
            variance: None,
            unit: self.unit,
            unit_of_lengths: self.unit_of_lengths,
            reach: self.reach,
        })
    }

    /// `values` times the weights, if there are any.
    fn weigh(
        &self,
        recorder: &mut crate::engine::Recorder<'static>,
        values: &Matrix<f32>,
    ) -> Result<Option<Matrix<f32>>> {
        let Some(weights) = &self.weights else { return Ok(None) };
        let mut weighted = recorder.engine().uninitialized(values.rows(), 1)?;
        recorder.elementwise(Op::Mul, values, weights, &mut weighted)?;
        Ok(Some(weighted))
    }
}

fn parallel(data: &Training, k: usize, metric: Metric, seed: u64) -> Result<Matrix<f32>> {
    let engine = data.x.engine();
    let n = data.x.rows();
    let weights = data.weights.as_ref().map(Matrix::download).transpose()?;
    let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| f64::from(weights[[row, 0]]));
    let mut rng = Rng::new(seed, PARALLEL);
    let first = random(data, 1, seed)?.download()?;
    let mut drawn = first;
    let mut codes = engine.uninitialized::<u32>(n, 1)?;
    let mut distances = engine.uninitialized::<f32>(n, 1)?;
    let mut assign = |drawn: &Array2<f32>| -> Result<(Array2<u32>, Array2<f32>)> {
        let codebook = Codebook::new(engine, drawn.view(), metric)?;
        let mut recorder = engine.recorder();
        recorder.assign(&data.x, &codebook, &mut codes, &mut distances)?;
        recorder.submit()?;
        Ok((codes.download()?, distances.download()?))
    };
    for _ in 0..ROUNDS {
        let (_, distances) = assign(&drawn)?;
        let cost = |row: usize| weight(row) * f64::from(distances[[row, 0]]);
        let total: f64 = (0..n).map(cost).sum();
        if total == 0.0 {
            break;
        }
        let share = OVERSAMPLING * k as f64 / total;
        let rows: Vec<usize> = (0..n).filter(|&row| rng.uniform_f64() < share * cost(row)).collect();
        if !rows.is_empty() {
            let more = pick(&data.x, &rows)?.download()?;
            drawn.append(Axis(0), more.view()).expect("the same dimension");
        }
    }
    if drawn.nrows() <= k {
        // Fewer distinct vectors than codewords, or nearly: the slower start copes with that.
        return plus_plus(data, k, metric, seed);
    }
    // Each candidate stands for the vectors that are nearest to it.
    let (codes, _) = assign(&drawn)?;
    let mut masses = vec![0.0_f64; drawn.nrows()];
    codes.iter().enumerate().for_each(|(row, &code)| masses[code as usize] += weight(row));
    let masses = masses.into_iter().map(|mass| mass as f32).collect();
    plus_plus(&Training::upload(engine, drawn, Some(masses), false)?, k, metric, seed)
}

#[cfg(test)]
mod tests {
    use super::super::KMeans;
    use super::*;

    #[test]
    fn k_means_plus_plus_finds_a_small_cluster_far_away() {
        let value = |row: usize| if row.is_multiple_of(100) { 1000.0 } else { (row % 7) as f32 };
        let x = Array2::from_shape_fn((20_000, 1), |(row, _)| value(row));
        for seed in 0..5 {
            let found =
                KMeans::new(2).all_vectors().iterations(2).seed(seed).fit(&Engine::cpu(), &x).unwrap();
            // 7 whole numbers have a variance of 4.
            assert!(found.mse < 4.1, "seed {seed}: {}", found.mse);
        }
    }
}
