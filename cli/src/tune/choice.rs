//! Which of the trials to take.

use std::cmp::Ordering;

use super::point::Point;
use super::trial::Trial;
use crate::recalls::Least;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Bytes of a vector at most.
    pub bytes: Option<usize>,
    /// The recall that has to be reached.
    pub recall: Option<Least>,
}

/// The 10-recall@10 that is looked for where nothing is asked for.
pub const ENOUGH: f64 = 0.9;

impl Asked {
    /// The recall of a search that counts.
    pub fn value(&self, point: &Point) -> f64 {
        self.recall.map_or(point.hits.ten, |least| point.hits.value(least.recall()))
    }

    /// What that has to be; if bytes alone are asked for, as much as can be had.
    fn wanted(&self) -> f64 {
        match (self.recall, self.bytes) {
            (Some(least), _) => least.least(),
            (None, Some(_)) => f64::INFINITY,
            (None, None) => ENOUGH,
        }
    }

    /// The search of a trial to go by: the first that finds enough, or else the one that finds the most.
    pub fn point<'a>(&self, trial: &'a Trial) -> Option<&'a Point> {
        let by_value = |one: &&Point, other: &&Point| self.value(one).total_cmp(&self.value(other));
        let enough = trial.points.iter().find(|point| self.value(point) >= self.wanted());
        enough.or_else(|| trial.points.iter().max_by(by_value))
    }

    /// Whether a trial finds enough.
    pub fn reaches(&self, trial: &Trial) -> bool {
        self.point(trial).is_some_and(|point| self.value(point) >= self.wanted())
    }

    /// The better of two trials comes first.
    ///
    /// Of those that find enough that is the one whose search is faster if their bytes are given, or else the one of fewer bytes. Of others it
    /// is the one that finds more; where that is within a standard error, the one that encodes faster.
    pub fn better(&self, one: &Trial, other: &Trial) -> Ordering {
        let (Some(a), Some(b)) = (self.point(one), self.point(other)) else {
            return other.points.len().cmp(&one.points.len());
        };
        match (self.reaches(one), self.reaches(other)) {
            (true, true) => {
                let fewer = one.bytes.total_cmp(&other.bytes);
                let faster = b.rate.total_cmp(&a.rate);
                if self.bytes.is_some() { faster } else { fewer.then(faster) }
            }
            (false, false) => self.value(b).total_cmp(&self.value(a)).then(one.bytes.total_cmp(&other.bytes)),
            (one, other) => other.cmp(&one),
        }
    }

    /// The trial to take.
    pub fn best<'a>(&self, trials: &'a [Trial]) -> Option<&'a Trial> {
        let searched = || trials.iter().filter(|trial| !trial.points.is_empty());
        let first = searched().min_by(|one, other| self.better(one, other))?;
        if self.reaches(first) {
            return Some(first);
        }
        // As good within what another sample may differ by: there is no more to be had by it, but there is by time.
        let best = self.point(first)?;
        let as_good = |trial: &&Trial| {
            self.point(trial).is_some_and(|point| self.value(point) >= self.value(best) - best.hits.ten_error)
        };
        searched().filter(as_good).max_by(|one, other| one.encode_rate.total_cmp(&other.encode_rate))
    }
}

/// Of each trial, whether none is better than it by one of bytes, 10-recall@10 and speed of search, and no worse by the others.
pub fn front(trials: &[Trial], asked: &Asked) -> Vec<bool> {
    let figures: Vec<Option<[f64; 3]>> = trials
        .iter()
        .map(|trial| asked.point(trial).map(|point| [-trial.bytes, point.hits.ten, point.rate]))
        .collect();
    let beats = |one: &[f64; 3], other: &[f64; 3]| {
        one.iter().zip(other).all(|(one, other)| one >= other)
            && one.iter().zip(other).any(|(one, other)| one > other)
    };
    let is_beaten = |own: &[f64; 3]| figures.iter().flatten().any(|other| beats(other, own));
    figures.iter().map(|own| own.as_ref().is_some_and(|own| !is_beaten(own))).collect()
}

#[cfg(test)]
mod tests {
    use wgvq::ndarray::Array2;

    use super::super::candidates::{Candidate, Plan};
    use super::super::point::Hits;
    use super::*;

    /// (spec, bytes, 10-recall@10, queries a second, vectors encoded a second)
    fn trial((spec, bytes, ten, rate, encode_rate): (&str, f64, f64, f64, f64)) -> Trial {
        let hits = Hits { found: Array2::zeros((1, 10)), ten, ten_error: 0.01, one: ten.sqrt() };
        Trial {
            candidate: Candidate { plan: Plan::Codes(spec.parse().unwrap()), bytes: bytes as usize },
            spec: spec.into(),
            vectors: 1,
            bytes,
            loss: None,
            usage: Vec::new(),
            memory: (0.0, 0.0),
            train_seconds: 0.0,
            encode_rate,
            points: vec![Point { looked: None, hits, rate }],
        }
    }

    fn trials() -> Vec<Trial> {
        [
            ("PQ8x8", 8.0, 0.50, 900.0, 90.0),
            ("RQ8x8", 8.0, 0.60, 800.0, 10.0),
            ("PQ16x8", 16.0, 0.92, 700.0, 70.0),
            ("OPQ16,PQ16x8", 16.0, 0.925, 600.0, 60.0),
            ("SQ8", 32.0, 0.99, 500.0, 900.0),
            ("SQ7", 32.0, 0.98, 300.0, 800.0),
        ]
        .map(trial)
        .into()
    }

    #[test]
    fn what_is_asked_for_says_which_is_taken() {
        let trials = trials();
        for (bytes, recall, spec, reached) in [
            // The fewest bytes of those that reach it, and of these the fastest.
            (None, Some("10@10=.92"), "PQ16x8", true),
            (None, Some("10@10=.95"), "SQ8", true),
            (None, None, "PQ16x8", true),
            // The fastest of those that reach it.
            (Some(32), Some("10@10=.5"), "PQ8x8", true),
            (Some(32), Some("10@10=.925"), "OPQ16,PQ16x8", true),
            (Some(32), Some("1@10=.77"), "RQ8x8", true),
            // The most there is; what is as good within the error and encodes faster is taken.
            (Some(32), Some("10@10=.999"), "SQ8", false),
            (Some(32), None, "SQ8", false),
        ] {
            let asked = Asked { bytes, recall: recall.map(|recall| recall.parse().unwrap()) };
            let best = asked.best(&trials).unwrap();
            assert_eq!((best.spec.as_str(), asked.reaches(best)), (spec, reached), "{asked:?}");
        }
        let asked = Asked { bytes: Some(16), recall: None };
        assert_eq!(asked.best(&trials[..4]).unwrap().spec, "PQ16x8");
        assert!(asked.best(&[]).is_none());
    }

    #[test]
    fn the_front_is_what_nothing_else_beats() {
        let asked = Asked { bytes: None, recall: None };
        assert_eq!(front(&trials(), &asked), [true, true, true, true, true, false]);
    }
}
