//! k-means: Lloyd's algorithm, whole iterations on the device.

use std::ops::ControlFlow;

use ndarray::Array2;
use serde::Serialize;

use super::frame::Frame;
use super::training::Training;
use super::{Holds, Init, Observer, empty, init, mini_batch, settings};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::kernels::assign::Kept;
use crate::kernels::prepare_codebook::Codebook;
use crate::kernels::segment_mean::Taken;
use crate::metrics::{Aqe, Metric, Usage};
use crate::rng::Rng;
use crate::scale::Scale;
use crate::vectors::Vectors;

/// Iterations between two read-backs of the objective. The same on every device, because a run can end
/// only there.
const READ_BACK_EVERY: usize = 4;

/// Copies of the codebook in memory, also while it starts from the candidates of k-means‖ or from those that evolve.
const CODEBOOKS: f64 = 5.0;
const CANDIDATES: f64 = 40.0;
const EVOLVED: f64 = 80.0;

/// Streams of a seed, so that no two uses draw the same numbers.
pub(super) mod stream {
    pub const SAMPLE: u64 = 1;
    pub const START: u64 = 2;
    pub const SPLIT: u64 = 3;
    pub const BATCH: u64 = 4;

    /// The stream of one use in one restart.
    pub fn of(stream: u64, restart: usize) -> u64 {
        stream + ((restart as u64) << 8)
    }
}

/// k-means (Lloyd 1957, 1982): assign every vector to its nearest codeword, move each codeword to the mean
/// of its vectors, repeat.
///
/// The sum of squared distances never increases, mini-batches apart. A codeword that loses all its vectors takes
/// a vector away from the cluster with the largest error. Where there are fewer distinct vectors than codewords, the
/// distinct ones are kept and the rest stay dead.
///
/// ```
/// use ndarray::array;
/// use wgvq::train::KMeans;
/// let x = array![[0.0_f32], [0.2], [9.8], [10.0]];
/// let found = KMeans::new(2).fit(&wgvq::Engine::cpu(), &x)?;
/// assert!((found.mse - 0.01).abs() < 1e-6);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct KMeans {
    pub(super) k: usize,
    init: Init,
    pub(super) iterations: usize,
    pub(super) tolerance: f64,
    restarts: usize,
    sample_per_codeword: Option<usize>,
    most_vectors: usize,
    pub(super) spherical: bool,
    pub(super) metric: Metric,
    batch: Option<usize>,
    pub(super) seed: u64,
}

/// What k-means found.
#[derive(Clone, Debug)]
pub struct Clustering {
    /// The codewords, (k, d).
    pub codebook: Array2<f32>,
    /// What the vectors were scaled with while they were trained on, and are to be while they are encoded.
    pub scale: Scale,
    /// What "nearest" means.
    pub metric: Metric,
    /// The mean over the training vectors of the squared distance to the nearest codeword.
    pub mse: f64,
    /// The mean of the distance by the [metric](KMeans::metric), which the codewords make least: `mse`, if that is the squared
    /// one.
    pub mean_distance: f64,
    /// The same as a share of the mean squared distance to the mean vector; `None` if that is 0, or if the vectors are
    /// weighted.
    pub relative_mse: Option<f64>,
    /// The mean over the training vectors of the norms of the errors; `None` if they are weighted.
    pub aqe: Option<Aqe>,
    /// How many training vectors each codeword is nearest to.
    pub usage: Usage,
    /// The mean squared distance before each iteration (in mini-batch mode, of each batch).
    pub history: Vec<f64>,
    /// What ended the run.
    pub ended: Ended,
    /// How many vectors the figures above are of: fewer than given if a sample was trained on.
    pub rows: usize,
}

/// What ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The objective improved by less than the tolerance.
    Converged,
    /// The limit of iterations was reached.
    IterationLimit,
    /// The observer said so.
    Cancelled,
}

/// One iteration, as an [`Observer`] sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Iteration {
    /// From 0 on, within a restart.
    pub number: usize,
    /// Which restart, from 0 on.
    pub restart: usize,
    /// The mean squared distance to the nearest codeword before the codewords move; of a run by another
    /// [metric](KMeans::metric), the mean distance.
    pub mse: f64,
}

impl KMeans {
    /// k-means with `k` codewords: 25 iterations at most, [`Init::Auto`], 256 training vectors per codeword
    /// at most, one start, seed 0.
    pub fn new(k: usize) -> Self {
        Self {
            k,
            init: Init::default(),
            iterations: settings::ITERATIONS.default_count(),
            tolerance: settings::TOLERANCE.default_number(),
            restarts: settings::RESTARTS.default_count(),
            sample_per_codeword: Some(settings::SAMPLE.default_count()),
            most_vectors: usize::MAX,
            spherical: false,
            metric: Metric::SquaredL2,
            batch: None,
            seed: 0,
        }
    }

    /// The number of codewords.
    pub fn k(mut self, k: usize) -> Self {
        self.k = k;
        self
    }

    /// Where the codewords start.
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    /// The limit of iterations (of batches, in mini-batch mode).
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }

    /// The limit of iterations lowered to `iterations`, where it is higher.
    pub(crate) fn at_most(self, iterations: usize) -> Self {
        let iterations = self.iterations.min(iterations);
        self.iterations(iterations)
    }

    /// The run ends once an iteration improves the objective by less than this share of it. With 0 it ends
    /// only when the objective no longer improves at all.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Runs that many times from different starts and keeps the best.
    pub fn restarts(mut self, restarts: usize) -> Self {
        self.restarts = restarts;
        self
    }

    /// Trains on a random sample of at most that many vectors per codeword.
    pub fn sample_per_codeword(mut self, rows: usize) -> Self {
        self.sample_per_codeword = Some(rows);
        self
    }

    /// Trains on all vectors, however many there are per codeword.
    pub fn all_vectors(mut self) -> Self {
        self.sample_per_codeword = None;
        self
    }

    /// Trains on a random sample of at most that many vectors, however many codewords there are.
    pub fn most_vectors(mut self, rows: usize) -> Self {
        self.most_vectors = rows;
        self
    }

    /// Spherical k-means (Dhillon and Modha 2001): vectors and codewords are scaled to unit length, so that
    /// the nearest codeword is the one of largest cosine.
    pub fn spherical(mut self, spherical: bool) -> Self {
        self.spherical = spherical;
        self
    }

    /// What "nearest" means (Section 2.2 of the thesis), and with it where the centre of a cluster is, column by column: the
    /// mean for [`SquaredL2`](Metric::SquaredL2), which is the default, the median for [`L1`](Metric::L1) (k-medians), and
    /// what makes Σ |x − c|^m least for [`Power`](Metric::Power).
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::metrics::Metric;
    /// use wgvq::train::KMeans;
    /// let x = array![[0.0_f32], [1.0], [14.0]];
    /// let found = KMeans::new(1).metric(Metric::L1).fit(&wgvq::Engine::cpu(), &x)?;
    /// assert_eq!((found.codebook[[0, 0]], found.mean_distance as f32), (1.0, 14.0 / 3.0));
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// Mini-batch k-means (Sculley, WWW 2010) with batches of that many vectors, for data larger than
    /// memory: `iterations` counts batches, and all vectors may be drawn whatever the sample limit.
    pub fn mini_batch(mut self, rows: usize) -> Self {
        self.batch = Some(rows);
        self
    }

    /// Goes over all of the sample in every iteration.
    pub(crate) fn without_mini_batch(mut self) -> Self {
        self.batch = None;
        self
    }

    /// The seed of everything random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Iterations of all runs together, at most.
    pub fn most_iterations(&self) -> usize {
        self.restarts.saturating_mul(self.iterations)
    }

    /// How many of `n` vectors are in memory at a time: the sample; in mini-batch mode the vectors that a start is chosen
    /// among.
    pub fn sample_size(&self, n: usize) -> usize {
        let limit = match self.batch {
            Some(batch) => self.k.saturating_mul(mini_batch::START).max(batch).max(mini_batch::STRETCH),
            None => self.limit(),
        };
        n.min(limit)
    }

    /// What it holds of a sample of vectors of `d` dimensions.
    pub fn holds(&self, d: usize) -> Holds {
        let codebooks = match self.init {
            Init::Evolution(_) => EVOLVED,
            Init::Parallel => CANDIDATES,
            _ => CODEBOOKS,
        };
        Holds {
            copies: if self.spherical || self.batch.is_some() { 4.0 } else { 2.0 },
            beside: 11.0 + if self.batch.is_some() { 0.0 } else { Kept::numbers(self.k, d) as f64 },
            squares: 0.0,
            fixed: 4.0 * codebooks * self.k as f64 * d as f64,
        }
    }

    /// The most vectors to train on.
    fn limit(&self) -> usize {
        let sample = self.sample_per_codeword.map_or(usize::MAX, |rows| rows.saturating_mul(self.k));
        sample.min(self.most_vectors)
    }

    /// Trains on `x`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if k is 0 or above the number of vectors, if a setting makes no
    /// sense, or if a value is NaN or infinite; [`Device`](crate::ErrorKind::Device).
    pub fn fit(&self, engine: &Engine, x: &dyn Vectors) -> Result<Clustering> {
        self.fit_observed(engine, x, None, &mut ())
    }

    /// Trains on `x`, each vector counting as much as its weight (n weights, none negative), and tells
    /// `observer` of each iteration.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and for weights that do not fit.
    pub fn fit_observed(
        &self,
        engine: &Engine,
        x: &dyn Vectors,
        weights: Option<&[f32]>,
        observer: &mut dyn Observer,
    ) -> Result<Clustering> {
        self.check(x, weights)?;
        if let Some(batch) = self.batch {
            return mini_batch::fit(self, batch, engine, x, observer);
        }
        let (mut rows, weights) = self.sample(x, weights)?;
        let frame = self.frame(&rows);
        frame.apply(&mut rows);
        frame.check(rows.view(), 0)?;
        let settings = self.within(&frame);
        let mut best: Option<Clustering> = None;
        let data = Training::upload(engine, rows, weights, self.spherical)?;
        let data = if self.spherical { data } else { data.counted_in(&frame, self.metric) };
        for restart in 0..self.restarts {
            let found = settings.run(&data, restart, observer)?;
            let stop = found.ended == Ended::Cancelled;
            if best.as_ref().is_none_or(|best| found.mean_distance < best.mean_distance) {
                best = Some(found);
            }
            if stop {
                best.iter_mut().for_each(|best| best.ended = Ended::Cancelled);
                break;
            }
        }
        let best = best.ok_or_else(|| Error::input("0 restarts; at least one run is needed"))?;
        Ok(self.outside(best, &frame))
    }

    /// The frame to train `x` (n, d) in. Directions are seen from the origin, and only scaled.
    pub(super) fn frame(&self, x: &Array2<f32>) -> Frame {
        if self.spherical { Frame::scaled(Scale::of_lengths(x.view())) } else { Frame::of(x.view()) }
    }

    /// The same settings for vectors in `frame`.
    pub(super) fn within(&self, frame: &Frame) -> Self {
        let mut settings = self.clone();
        if let Init::From(codebook) = &mut settings.init {
            frame.apply(codebook);
        }
        settings
    }

    /// What was found in `frame` in the units of the vectors themselves.
    pub(super) fn outside(&self, found: Clustering, frame: &Frame) -> Clustering {
        // A direction has no units.
        if self.spherical {
            return found;
        }
        Clustering { codebook: frame.restore(&found.codebook), scale: frame.scale(), ..found }
    }

    /// What "nearest" means.
    pub(crate) fn metric_of_codewords(&self) -> Metric {
        self.metric
    }

    pub(super) fn start(&self) -> &Init {
        &self.init
    }

    pub(crate) fn check(&self, x: &dyn Vectors, weights: Option<&[f32]>) -> Result<()> {
        let (n, d, k) = (x.len(), x.dim(), self.k);
        if k == 0 {
            return Err(Error::input("k is 0; a codebook needs at least one codeword"));
        }
        if d == 0 {
            return Err(Error::input("the vectors have dimension 0; at least 1 is needed"));
        }
        if k > n {
            return Err(Error::input(format!("k is {k} and there are {n} vectors; k can be at most {n}")));
        }
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            return Err(Error::input(format!("the tolerance is {}; it cannot be negative", self.tolerance)));
        }
        if self.restarts == 0 {
            return Err(Error::input("0 restarts; at least one run is needed"));
        }
        if self.sample_per_codeword == Some(0) || self.most_vectors == 0 || self.batch == Some(0) {
            return Err(Error::input("a sample or batch of 0 vectors; at least 1 is needed"));
        }
        if !self.metric.trains() {
            return Err(Error::input(format!(
                "a codebook is not trained by {}; l2, l1, or m:P with P 1 to {}, such as m:3, can be",
                self.metric,
                Metric::MOST_POWER
            )));
        }
        if self.metric != Metric::SquaredL2 && (self.spherical || self.batch.is_some()) {
            let mode = if self.spherical { "spherical" } else { "mini-batch" };
            return Err(Error::input(format!(
                "{mode} k-means is by l2, and the metric is {}; leave one of them out",
                self.metric
            )));
        }
        if self.batch.is_some() && self.restarts > 1 {
            return Err(Error::input(
                "mini-batch k-means has one start; leave the restarts or the batches out",
            ));
        }
        let Some(weights) = weights else { return Ok(()) };
        if self.batch.is_some() {
            return Err(Error::input("mini-batch k-means takes no weights; leave them or the batches out"));
        }
        if weights.len() != n {
            return Err(Error::input(format!("{} weights for {n} vectors", weights.len())));
        }
        if let Some(at) = weights.iter().position(|&w| !(w >= 0.0 && w.is_finite())) {
            return Err(Error::input(format!(
                "the weight of row {at} is {}; a weight is finite and 0 or more",
                weights[at]
            )));
        }
        if weights.iter().filter(|&&w| w > 0.0).count() < k {
            return Err(Error::input(format!("fewer than k = {k} vectors have a positive weight")));
        }
        Ok(())
    }

    /// The training vectors: all, or a random sample in their order.
    pub(crate) fn sample(
        &self,
        x: &dyn Vectors,
        weights: Option<&[f32]>,
    ) -> Result<(Array2<f32>, Option<Vec<f32>>)> {
        let limit = self.limit();
        let Some(weights) = weights else {
            let rows = match self.sample_rows(x.len()) {
                Some(rows) => x.read_each(&rows)?,
                None => x.read_rows(0..x.len())?,
            };
            return Ok((rows, None));
        };
        // A vector of weight 0 is as good as absent.
        let present: Vec<usize> = (0..x.len()).filter(|&row| weights[row] > 0.0).collect();
        let chosen: Vec<usize> = if present.len() <= limit {
            present
        } else {
            let mut rng = Rng::new(self.seed, stream::SAMPLE);
            rng.distinct(limit, present.len()).into_iter().map(|at| present[at]).collect()
        };
        Ok((x.read_each(&chosen)?, Some(chosen.iter().map(|&row| weights[row]).collect())))
    }

    /// The numbers of the vectors that are the sample of `n`, in ascending order; `None` for all of them.
    pub(crate) fn sample_rows(&self, n: usize) -> Option<Vec<usize>> {
        let limit = self.limit();
        (n > limit).then(|| Rng::new(self.seed, stream::SAMPLE).distinct(limit, n))
    }

    /// One run from one start.
    fn run(&self, data: &Training, restart: usize, observer: &mut dyn Observer) -> Result<Clustering> {
        let engine = data.x.engine();
        let (n, k) = (data.x.rows(), self.k);
        let seed = Rng::new(self.seed, stream::of(stream::START, restart)).bits().into();
        let start = init::start(&self.init, data, k, self.metric, seed)?;
        let mut codebook = Codebook::from_matrix(start, self.metric)?;
        let mut codes = engine.uninitialized::<u32>(n, 1)?;
        let mut distances = engine.uninitialized::<f32>(n, 1)?;
        let (mut kept, mut taken) = (Kept::default(), Taken::default());
        let is_by_means = matches!(self.metric, Metric::SquaredL2 | Metric::Power(2));
        let mut order = engine.uninitialized::<u32>(n, 1)?;
        let mut offsets = engine.uninitialized::<u32>(k + 1, 1)?;
        let mut mass = engine.uninitialized::<f32>(k, 1)?;
        // Of each iteration since the last read-back: the objective before it, and the smallest cluster after it.
        let mut objectives = engine.uninitialized::<f32>(READ_BACK_EVERY, 1)?;
        let mut smallest = engine.uninitialized::<f32>(READ_BACK_EVERY, 1)?;
        let mut smallest_at = engine.uninitialized::<u32>(READ_BACK_EVERY, 1)?;
        let mut split = Rng::new(self.seed, stream::of(stream::SPLIT, restart));
        let mut history: Vec<f64> = Vec::new();
        let mut ended = Ended::IterationLimit;

        let mut number = 0;
        'run: while number < self.iterations {
            let mut block = number..(number + READ_BACK_EVERY).min(self.iterations);
            for slot in 0..block.len() {
                if observer.cancelled() {
                    // What has run is still to be read and told.
                    ended = Ended::Cancelled;
                    block.end = block.start + slot;
                    break;
                }
                let mut recorder = engine.recorder();
                self.prepare(&mut recorder, &mut codebook)?;
                if block.start + slot == 0 {
                    recorder.assign(&data.x, &codebook, &mut codes, &mut distances)?;
                } else {
                    recorder.reassign(&data.x, &codebook, &mut kept, &mut codes, &mut distances)?;
                }
                data.objective(&mut recorder, &distances, &mut objectives, slot)?;
                recorder.counting_sort(&codes, k, &mut order, &mut offsets)?;
                // Codewords that are moved once more have no mean to keep.
                if self.spherical || !is_by_means {
                    taken = Taken::default();
                }
                recorder.segment_mean_again(
                    &data.x,
                    &order,
                    &offsets,
                    data.weights.as_ref(),
                    codebook.codewords_mut(),
                    &mut mass,
                    &mut taken,
                )?;
                if !is_by_means {
                    recorder.segment_center(
                        &data.x,
                        &order,
                        &offsets,
                        data.weights.as_ref(),
                        &mass,
                        self.metric.power(),
                        data.reach,
                        codebook.codewords_mut(),
                    )?;
                }
                recorder.reduce_min(&mass, &mut smallest, &mut smallest_at, slot)?;
                recorder.submit()?;
            }
            let values = objectives.download_rows(0..block.len())?;
            for (&value, iteration) in values.iter().zip(block.clone()) {
                let mse = data.mean(value)?;
                let last = history.last().copied();
                history.push(mse);
                let told = observer.iteration(&Iteration { number: iteration, restart, mse });
                if told == ControlFlow::Break(()) {
                    ended = Ended::Cancelled;
                    break 'run;
                }
                let settled = last.is_some_and(|last| last - mse <= self.tolerance * last) || mse == 0.0;
                if settled && ended != Ended::Cancelled {
                    ended = Ended::Converged;
                }
            }
            number = block.end;
            if ended == Ended::Cancelled {
                break;
            }
            let empty = smallest.download_rows(block.len() - 1..block.len())?[[0, 0]] == 0.0;
            // Codewords that just got a vector have not settled, whatever the objective did.
            if empty && empty::split(data, &mut codebook, &codes, &distances, &mass, &mut split)? > 0 {
                ended = Ended::IterationLimit;
            }
            if ended == Ended::Converged {
                break;
            }
        }

        let mut recorder = engine.recorder();
        self.prepare(&mut recorder, &mut codebook)?;
        // Before the first iteration there are no codes to go on from.
        match history.is_empty() {
            true => recorder.assign(&data.x, &codebook, &mut codes, &mut distances)?,
            false => recorder.reassign(&data.x, &codebook, &mut kept, &mut codes, &mut distances)?,
        }
        let mut last = engine.uninitialized::<f32>(1, 1)?;
        data.objective(&mut recorder, &distances, &mut last, 0)?;
        let mut counts = engine.uninitialized::<u32>(k, 1)?;
        recorder.histogram(&codes, &mut counts)?;
        recorder.submit()?;
        let mean_distance = data.mean(last.download()?[[0, 0]])?;
        let codebook = codebook.codewords().download()?;
        let mut aqe = Aqe::default();
        let squares = data.add_errors(&codes, &codebook, &mut aqe)?;
        let squared_unit = data.unit_of_lengths * data.unit_of_lengths;
        let is_squared = self.metric == Metric::SquaredL2;
        let mse = if is_squared { mean_distance } else { squares / data.total * squared_unit };
        Ok(Clustering {
            codebook,
            aqe: data.weights.is_none().then(|| aqe.times(data.unit_of_lengths)),
            scale: Scale::ONE,
            metric: self.metric,
            mse,
            mean_distance,
            relative_mse: data.variance.map(|variance| mse / (variance * squared_unit)),
            usage: Usage::from_counts(counts.download()?.iter().map(|&count| count.into()).collect()),
            history,
            ended,
            rows: n,
        })
    }

    /// Makes the codebook ready to be compared with, on the sphere if it is to stay there.
    pub(super) fn prepare(
        &self,
        recorder: &mut crate::engine::Recorder<'static>,
        codebook: &mut Codebook,
    ) -> Result<()> {
        if self.spherical {
            let engine = recorder.engine().clone();
            let mut unit = engine.uninitialized(codebook.k(), codebook.d())?;
            recorder.normalize(codebook.codewords(), &mut unit)?;
            recorder.copy(&unit, codebook.codewords_mut())?;
        }
        recorder.prepare_codebook(codebook)
    }
}
