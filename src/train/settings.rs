//! The settings of k-means.

use super::{Evolution, Init, KMeans};
use crate::settings::{DefaultValue, Setting, Settings, Start, Values, trained_by};

const INIT_HELP: &str = "Where the codewords start: random (vectors), kmeans++, kmeans-parallel (k-means‖), or de, \
                         differential evolution, also with a population, generations, F and Cr of its own: \
                         de:np=20,ng=50,f=0.2,cr=0.9";

/// Where the codewords start; a choice by their number if not said.
pub(crate) static INIT: Setting = Setting::new("init", Values::Start, INIT_HELP)
    .by_default(DefaultValue::Unset("kmeans++ up to 256 codewords, random for more"));

/// The same for codebooks that are one of several.
pub(crate) static INIT_OF_MANY: Setting =
    Setting::new("init", Values::Start, INIT_HELP).by_default(DefaultValue::Word("random"));

const ITERATIONS_HELP: &str = "Iterations at most (batches, with mini-batches)";

pub(crate) static ITERATIONS: Setting =
    Setting::new("iters", Values::Count(0, u64::MAX), ITERATIONS_HELP).by_default(DefaultValue::Count(25));

/// The same for codebooks that are fitted jointly afterwards.
pub(crate) static ITERATIONS_BEFORE_JOINT_FITS: Setting =
    Setting::new("iters", Values::Count(0, u64::MAX), ITERATIONS_HELP).by_default(DefaultValue::Count(10));

pub(crate) static TOLERANCE: Setting = Setting::new(
    "tolerance",
    Values::NotNegative,
    "Stop once an iteration improves the objective by less than this share, or a mixture's mean log-likelihood by less \
     than this in nats per dimension",
)
.by_default(DefaultValue::Number(1e-4));

pub(crate) static RESTARTS: Setting = Setting::new(
    "restarts",
    Values::Count(1, u64::MAX),
    "Runs from different starts, of which the best is kept",
)
.by_default(DefaultValue::Count(1));

pub(crate) static SAMPLE: Setting = Setting::new(
    "sample",
    Values::Count(0, u64::MAX),
    "Training vectors per codeword (of TRQ, per codeword of a stage's K codebooks) at most, drawn at random; 0 for all",
)
.by_default(DefaultValue::Count(256));

pub(crate) static SPHERICAL: Setting =
    Setting::new("spherical", Values::Switch, "Unit-length vectors and codewords (cosine)")
        .by_default(DefaultValue::Off);

pub(crate) static METRIC: Setting = Setting::new(
    "metric",
    Values::Metric,
    "What the nearest codeword is, and with it the centre of its vectors: l2 (means), l1 (medians) or m:P, the sum of \
     |x - c|^P",
)
.by_default(DefaultValue::Word("l2"));

pub(crate) static MINI_BATCH: Setting = Setting::new(
    "mini_batch",
    Values::Count(1, u64::MAX),
    "Mini-batch k-means with batches of that many vectors, for data larger than memory",
)
.by_default(DefaultValue::Unset("off"));

impl KMeans {
    /// k-means as `settings` have it, for one codeword so far.
    pub(crate) fn of(settings: &Settings) -> Self {
        let init = settings.word(&INIT).map(|word| (word, Start::of(&word.into())));
        let init = match init {
            None => Init::Auto,
            Some((_, Some(Start::Random))) => Init::Random,
            Some((_, Some(Start::PlusPlus))) => Init::PlusPlus,
            Some((_, Some(Start::Parallel))) => Init::Parallel,
            Some((_, Some(Start::Evolution { population, generations, weight, crossover }))) => {
                let mut evolution = Evolution::new();
                if let Some(population) = population {
                    evolution = evolution.population(population);
                }
                if let Some(generations) = generations {
                    evolution = evolution.generations(generations);
                }
                if let Some(weight) = weight {
                    evolution = evolution.weight(weight);
                }
                if let Some(crossover) = crossover {
                    evolution = evolution.crossover(crossover);
                }
                Init::Evolution(evolution)
            }
            Some((word, None)) => unreachable!("{word} is no choice"),
        };
        let kmeans = match settings.count(&SAMPLE) {
            0 => KMeans::new(1).all_vectors(),
            rows => KMeans::new(1).sample_per_codeword(rows),
        };
        let kmeans = match settings.given_count(&MINI_BATCH) {
            Some(rows) => kmeans.mini_batch(rows),
            None => kmeans,
        };
        kmeans
            .init(init)
            .iterations(settings.count(&ITERATIONS))
            .tolerance(settings.number(&TOLERANCE))
            .restarts(settings.count(&RESTARTS))
            .spherical(settings.is_on(&SPHERICAL))
            .metric(settings.word(&METRIC).and_then(trained_by).unwrap_or_default())
    }
}
