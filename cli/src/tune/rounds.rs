//! The rounds of trials: all candidates on a small sample, the better half on twice as many, until the time is over or a round has
//! the whole sample.

use std::time::{Duration, Instant};

use tempfile::TempDir;
use wgvq::metrics::Metric;
use wgvq::ndarray::Array2;
use wgvq::search::Search;
use wgvq::{Context, Engine, Error, Result, Training, Vectors};

use super::Wish;
use super::budget::Limit;
use super::candidates::{Candidate, Given, candidates, ladder};
use super::choice::Asked;
use super::halving::{better_half, rounds};
use super::point::NEIGHBOURS;
use super::sample::{Origin, Sample};
use super::trial::{Task, Trial};
use crate::args::Common;
use crate::progress::Progress;
use crate::{interrupt, words};

/// What was tried.
pub struct Trials {
    pub sample: Sample,
    /// The rounds that were finished, and the first if none was.
    pub rounds: Vec<Round>,
    /// Candidates that there were time for in no round.
    pub untried: usize,
    /// How many of all vectors there are of which the sample is one, and their dimensions.
    pub given: (usize, usize),
    pub seconds: f64,
}

/// Trials on as many vectors each.
pub struct Round {
    pub vectors: usize,
    pub trials: Vec<Trial>,
    /// The rows of the base that are nearest to each query, (q, 10).
    pub truth: Array2<u32>,
    pub seconds: f64,
}

/// The recalls that searches of an index aim at beside the one that is asked for.
const AIMS: [f64; 5] = [0.8, 0.9, 0.95, 0.98, 0.99];

/// The least that an index can aim at.
const LEAST_AIM: f64 = 0.5;

impl Trials {
    /// Tries what there is for the `asked`, for as long as the `wish` says.
    pub fn run(
        data: &dyn Vectors,
        queries: Option<&dyn Vectors>,
        engine: &Engine,
        wish: &Wish,
        asked: &Asked,
        common: &Common,
    ) -> Result<Self> {
        let start = Instant::now();
        let limit = Limit::after(wish.budget);
        let metric = wish.near.metric;
        let sample = Sample::draw(data, queries, common.seed, common.memory())?;
        let sizes = rounds(sample.size());
        let index = asked.recall.map(|_| metric);
        let given = Given { dim: data.dim(), rows: sizes[0], index, sources: asked.bytes.is_some() };
        let bytes = asked.bytes.map_or_else(|| ladder(&given), |bytes| vec![bytes]);
        let mut left = fitting(candidates(&given, &bytes)?, &sample, common)?;
        let count = left.len();
        let aims = asked.recall.map_or(Vec::new(), |least| aims(least.least()));
        let mut finished: Vec<Round> = Vec::new();
        for vectors in sizes {
            let before =
                finished.last().map_or(Duration::ZERO, |round| Duration::from_secs_f64(round.seconds));
            // A round takes about as long as the one before; half of one is of no use.
            if !finished.is_empty() && limit.left() < before {
                break;
            }
            let task = (&sample, engine, metric, &aims[..], limit);
            let round = Round::run(task, vectors, &left, common)?;
            if round.trials.len() < left.len() && !finished.is_empty() {
                break;
            }
            let better = |one: &Candidate, other: &Candidate| {
                let trial = |of: &Candidate| round.trials.iter().find(|trial| trial.candidate == *of);
                match (trial(one), trial(other)) {
                    (Some(one), Some(other)) => asked.better(one, other),
                    (one, other) => other.is_some().cmp(&one.is_some()),
                }
            };
            let group = |candidate: &Candidate| {
                (candidate.bytes, candidate.plan.refinement().map(|refinement| refinement.to_string()))
            };
            let is_whole = round.trials.len() == left.len();
            left = better_half(left, group, better);
            finished.push(round);
            if !is_whole {
                break;
            }
        }
        let tried = finished.first().map_or(0, |round| round.trials.len());
        if tried == 0 {
            return Err(Error::input("--budget: the time was over before a first trial was done; give more"));
        }
        Ok(Self {
            sample,
            rounds: finished,
            untried: count - tried,
            given: (data.len(), data.dim()),
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// The last round, whose trials are of the most vectors.
    pub fn last(&self) -> &Round {
        &self.rounds[self.rounds.len() - 1]
    }
}

/// The recalls that searches aim at where this one is asked for: a little more is tried too, as an index that expects it may miss it.
fn aims(wanted: f64) -> Vec<f64> {
    let wanted = wanted.max(LEAST_AIM);
    let beyond = [0.0, 0.25, 0.5].map(|share| wanted + share * (1.0 - wanted));
    let mut aims: Vec<f64> = AIMS.into_iter().chain(beyond).map(|aim| (1e4 * aim).round() / 1e4).collect();
    aims.sort_by(f64::total_cmp);
    aims.dedup();
    aims
}

/// The candidates whose training fits in memory.
fn fitting(candidates: Vec<Candidate>, sample: &Sample, common: &Common) -> Result<Vec<Candidate>> {
    let (n, d) = (sample.size(), sample.queries.ncols());
    let mut left = Vec::new();
    for candidate in candidates {
        let training = Training::new(candidate.plan.quantizer().clone());
        let needed = training.holds(training.sample_size(n)?, d)?.bytes(n, d);
        if needed > common.memory() {
            log::warn!("{} is not tried: it takes more than --memory to train", candidate.plan.quantizer());
        } else {
            left.push(candidate);
        }
    }
    if left.is_empty() {
        return Err(Error::input("nothing can be trained within --memory; give more"));
    }
    Ok(left)
}

impl Round {
    /// Tries these candidates on the first vectors of the sample, until the time is over.
    fn run(
        (sample, engine, metric, aims, limit): (&Sample, &Engine, Metric, &[f64], Limit),
        vectors: usize,
        candidates: &[Candidate],
        common: &Common,
    ) -> Result<Self> {
        let start = Instant::now();
        let (trained_on, base) = sample.first(vectors);
        let search = Search::nearest(NEIGHBOURS).memory(common.memory());
        let truth = search.flat(engine, metric, &base, &sample.queries)?.ids;
        let folder = TempDir::new().context(|| "a folder for the trials")?;
        let task = Task {
            engine,
            metric,
            aims,
            seed: common.seed,
            memory: common.memory(),
            folder: folder.path(),
            limit,
            trained_on,
            base,
            queries: &sample.queries,
            aiming: match &sample.origin {
                Origin::HeldOut(_) => None,
                Origin::Given { aiming, .. } => Some(aiming),
            },
            truth: &truth,
        };
        let mut progress = Progress::new(common, "tune", "trials", candidates.len());
        let mut trials = Vec::new();
        for candidate in candidates {
            let trial = task.run(candidate).context(|| candidate.plan.quantizer())?;
            if interrupt::asked() {
                return Err(Error::cancelled("stopped; nothing was written"));
            }
            let Some(trial) = trial else { break };
            log::info!("{}", words::one_line(&trial.line()));
            progress.add(1, format!("{}, {vectors} vectors", trial.spec));
            trials.push(trial);
        }
        progress.finish();
        Ok(Self { vectors, trials, truth, seconds: start.elapsed().as_secs_f64() })
    }
}

#[cfg(test)]
mod tests {
    use super::aims;

    #[test]
    fn searches_aim_at_what_is_asked_for_and_a_little_more() {
        assert_eq!(aims(0.95), [0.8, 0.9, 0.95, 0.9625, 0.975, 0.98, 0.99]);
        assert_eq!(aims(0.1)[..4], [0.5, 0.625, 0.75, 0.8]);
        assert_eq!(aims(1.0), [0.8, 0.9, 0.95, 0.98, 0.99, 1.0]);
    }
}
