//! How many lists to visit and how many rows to re-rank for a wanted recall.
//!
//! Held-out queries with their true neighbours tell the recall along both; between two numbers of lists it is interpolated. What
//! a search costs is a model of it, not a measurement, so that a choice is the same each time.

use super::{Codes, Lists, Queries, Segment};
use crate::error::{Error, Result};

/// What searches with some lists and depth found of the true neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Lists that were visited.
    pub probes: usize,
    /// Rows that were re-ranked.
    pub depth: usize,
    /// k-recall@k: the share of the k true neighbours that were among the k found, over all queries.
    pub recall: f64,
    /// The standard error of it: what another sample of as many queries may differ by.
    pub error: f64,
}

/// The recall of held-out queries along the lists that are visited, for several depths.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tuning {
    /// In ascending order of depth, then of probes; of one depth also of recall.
    pub points: Vec<Point>,
    /// What a visited list costs beside a re-ranked row.
    pub list_cost: f64,
}

/// A choice of lists and depth, and what is expected of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Lists to visit.
    pub probes: usize,
    /// Rows to re-rank.
    pub depth: usize,
    /// The k-recall@k that is expected.
    pub recall: f64,
}

/// The rows that a search re-ranks for a query: those of the least codes first, of equal ones the lowest id first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// Their ids.
    pub ids: Vec<u64>,
    /// Their distances to the stored vectors, or to what codes stand for where none are stored.
    pub distances: Vec<f64>,
}

/// What a recall is measured against, and where.
pub struct Trial<'a> {
    /// The ids of the k true neighbours of each query, (queries, k).
    pub truth: &'a [u64],
    /// k
    pub k: usize,
    /// Lists that there are.
    pub lists: usize,
    /// Rows that there are.
    pub rows: usize,
    /// Whether rows are re-ranked, so that it matters how many.
    pub reranks: bool,
    /// What a visited list costs beside a re-ranked row.
    pub list_cost: f64,
}

/// No more lists are tried where hardly a neighbour is missed.
const ENOUGH: f64 = 0.9995;

/// Nor where the recall has not risen by so much since there were half as many.
const RISE: f64 = 0.001;

/// Rows that are re-ranked for each neighbour, at most.
const DEEPEST: usize = 32;

impl Tuning {
    /// The cheapest choice of which `recall` is expected even of a sample that is one standard error worse; `None` if no point
    /// reaches it.
    ///
    /// ```
    /// use wgvq::lists::{Point, Tuning};
    /// let point = |probes, recall| Point { probes, depth: 40, recall, error: 0.0 };
    /// let tuning = Tuning { points: vec![point(4, 0.8), point(8, 0.9), point(16, 0.96)], list_cost: 10.0 };
    /// let choice = tuning.choose(0.925).unwrap();
    /// assert_eq!((choice.probes, choice.depth), (12, 40));
    /// assert!((choice.recall - 0.93).abs() < 1e-9);
    /// assert_eq!(tuning.choose(0.97), None);
    /// assert_eq!(tuning.best().unwrap().probes, 16);
    /// ```
    pub fn choose(&self, recall: f64) -> Option<Choice> {
        let of_depths = self.points.chunk_by(|one, other| one.depth == other.depth);
        let cost = |choice: &Choice| choice.probes as f64 * self.list_cost + choice.depth as f64;
        of_depths
            .filter_map(|points| cheapest(points, recall))
            .min_by(|one, other| cost(one).total_cmp(&cost(other)))
    }

    /// The most recall that can be [chosen](Self::choose), and what is expected of it; `None` if there are no points.
    pub fn best(&self) -> Option<Choice> {
        let best = self.points.iter().max_by(|one, other| one.sure().total_cmp(&other.sure()))?;
        self.choose(best.sure())
    }

    /// Measures the recall where `candidates` gives, for some lists and a depth, those of each query. With it comes the share of
    /// the true neighbours among the last candidates that re-ranking left among the first k: 1 if it is by the vectors themselves.
    ///
    /// # Errors
    /// Those of `candidates`.
    pub fn measure(
        trial: &Trial,
        mut candidates: impl FnMut(usize, usize) -> Result<Vec<Candidates>>,
    ) -> Result<(Self, f64)> {
        let &Trial { truth, k, lists, rows, reranks, list_cost } = trial;
        let depths: Vec<usize> = match reranks {
            true => growing(k, rows.min(DEEPEST * k).max(k)).collect(),
            false => vec![k],
        };
        let deepest = depths[depths.len() - 1];
        let mut of_depths: Vec<Vec<Point>> = vec![Vec::new(); depths.len()];
        let (mut kept, mut risen) = (1.0, (0, 0.0));
        for probes in growing(1, lists) {
            let found = candidates(probes, deepest)?;
            let pairs = || found.iter().zip(truth.chunks_exact(k));
            let hits: Vec<Vec<usize>> = pairs().map(|(found, truth)| found.hits(truth, &depths)).collect();
            for (at, (&depth, points)) in depths.iter().zip(&mut of_depths).enumerate() {
                let (recall, error) = mean(hits.iter().map(|hits| hits[at] as f64 / k as f64));
                // More lists are worth their time for more recall alone.
                if points.last().is_none_or(|last| last.recall < recall) {
                    points.push(Point { probes, depth, recall, error });
                }
            }
            let met: usize =
                pairs().map(|(found, truth)| truth.iter().filter(|id| found.ids.contains(id)).count()).sum();
            let last: usize = hits.iter().map(|hits| hits[depths.len() - 1]).sum();
            kept = if reranks && met > 0 { last as f64 / met as f64 } else { 1.0 };
            let recall = last as f64 / truth.len() as f64;
            if recall >= risen.1 + RISE {
                risen = (probes, recall);
            }
            if recall >= ENOUGH || probes > 2 * risen.0 {
                break;
            }
        }
        Ok((Self { points: of_depths.concat(), list_cost }, kept))
    }
}

impl Point {
    /// What another sample of as many queries reaches, unless it is worse by more than a standard error.
    fn sure(&self) -> f64 {
        self.recall - self.error
    }
}

impl Candidates {
    /// Without the row of that id.
    pub(crate) fn remove(&mut self, id: u64) {
        if let Some(at) = self.ids.iter().position(|&other| other == id) {
            self.ids.remove(at);
            self.distances.remove(at);
        }
    }

    /// How many of the true neighbours are among as many found, if so many candidates are re-ranked, for depths that ascend.
    fn hits(&self, truth: &[u64], depths: &[usize]) -> Vec<usize> {
        let mut nearest: Vec<(f64, u64)> = Vec::with_capacity(truth.len() + 1);
        let mut candidates = self.distances.iter().copied().zip(self.ids.iter().copied());
        let mut met = 0;
        let mut hits = |&depth: &usize| {
            for (distance, id) in candidates.by_ref().take(depth - met) {
                let nearer = |near: &(f64, u64)| near.0.total_cmp(&distance).then(near.1.cmp(&id)).is_lt();
                nearest.insert(nearest.partition_point(nearer), (distance, id));
                nearest.truncate(truth.len());
            }
            met = depth;
            nearest.iter().filter(|(_, id)| truth.contains(id)).count()
        };
        depths.iter().map(&mut hits).collect()
    }
}

/// The mean and its standard error.
fn mean(shares: impl ExactSizeIterator<Item = f64>) -> (f64, f64) {
    let count = shares.len() as f64;
    let (sum, squares) =
        shares.fold((0.0, 0.0), |(sum, squares), share| (sum + share, squares + share * share));
    let mean = sum / count;
    (mean, ((squares / count - mean * mean).max(0.0) / count).sqrt())
}

/// The fewest lists that reach the recall, less its standard error, at one depth.
fn cheapest(points: &[Point], recall: f64) -> Option<Choice> {
    let at = points.iter().position(|point| point.sure() >= recall)?;
    let Point { probes, depth, recall: expected, .. } = points[at];
    let Some(before) = at.checked_sub(1).map(|at| points[at]) else {
        return Some(Choice { probes, depth, recall: expected });
    };
    let part = (recall - before.sure()) / (points[at].sure() - before.sure());
    let more = (part * (probes - before.probes) as f64).ceil();
    let part = more / (probes - before.probes) as f64;
    let recall = before.recall + part * (expected - before.recall);
    Some(Choice { probes: before.probes + more as usize, depth, recall })
}

/// `first` and on, each about a quarter more than the one before, to `last`.
fn growing(first: usize, last: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(first.min(last)), move |&one| {
        (one < last).then(|| (one + one.div_ceil(4)).min(last))
    })
}

impl Lists {
    /// The recall of `queries`, whose `k` true neighbours are `truth` (queries, k), by id.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if there are not k neighbours for each query, or no queries; those of
    /// [`search`](Self::search).
    pub fn tune(&self, segments: &[Segment], queries: Queries, truth: &[u64], k: usize) -> Result<Tuning> {
        let count = queries.coded.len() / self.d;
        if k == 0 || count == 0 || truth.len() != count * k {
            let found = truth.len();
            return Err(Error::shape(format!(
                "{found} true neighbours for the {k} nearest of {count} queries"
            )));
        }
        let rows = segments.iter().map(Segment::len).sum();
        let (lists, reranks) = (self.count(), self.refine.bytes(self.d) > 0);
        let trial = Trial { truth, k, lists, rows, reranks, list_cost: self.list_cost(rows) };
        let (tuning, _) =
            Tuning::measure(&trial, |probes, depth| self.candidates(segments, queries, (k, probes, depth)))?;
        Ok(tuning)
    }

    /// What a visited list costs beside a re-ranked row, as measured on a processor with AVX-512: a scanned row of codes of 4 bits
    /// takes as long as 1/25 of a dimension for each of its parts in pairs, and of 8 bits about ten times that.
    pub(crate) fn list_cost(&self, rows: usize) -> f64 {
        let dimensions = match self.codes {
            Codes::Four { parts } => parts as f64 / 50.0,
            Codes::Eight { parts } => parts as f64 / 2.5,
        };
        rows as f64 / self.count() as f64 * dimensions / self.d as f64
    }
}
