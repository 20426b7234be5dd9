//! How many lists to visit and how many rows to re-rank for a wanted recall.
//!
//! Held-out queries with their true neighbours tell the recall along both; between two numbers of lists it is interpolated. What
//! a search costs is a model of it, not a measurement, so that a choice is the same each time.

use super::{Ask, Codes, Lists, Queries, Segment};
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
    /// In ascending order of depth, then of probes.
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

/// No more lists are tried where hardly a neighbour is missed.
const ENOUGH: f64 = 0.9995;

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
    /// ```
    pub fn choose(&self, recall: f64) -> Option<Choice> {
        let of_depths = self.points.chunk_by(|one, other| one.depth == other.depth);
        let cost = |choice: &Choice| choice.probes as f64 * self.list_cost + choice.depth as f64;
        of_depths
            .filter_map(|points| cheapest(points, recall))
            .min_by(|one, other| cost(one).total_cmp(&cost(other)))
    }
}

/// The fewest lists that reach the recall, less its standard error, at one depth.
fn cheapest(points: &[Point], recall: f64) -> Option<Choice> {
    let sure = |point: &Point| point.recall - point.error;
    let at = points.iter().position(|point| sure(point) >= recall)?;
    let Point { probes, depth, recall: expected, .. } = points[at];
    let Some(before) = at.checked_sub(1).map(|at| points[at]) else {
        return Some(Choice { probes, depth, recall: expected });
    };
    let part = (recall - sure(&before)) / (sure(&points[at]) - sure(&before));
    let more = (part * (probes - before.probes) as f64).ceil();
    let part = more / (probes - before.probes) as f64;
    let recall = before.recall + part * (expected - before.recall);
    Some(Choice { probes: before.probes + more as usize, depth, recall })
}

/// 1 and on, each about a quarter more than the one before, to the last.
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
        let rows: usize = segments.iter().map(Segment::len).sum();
        let depths: Vec<usize> = match self.refine.bytes(self.d) {
            0 => vec![k],
            _ => growing(k, rows.min(32 * k).max(k)).collect(),
        };
        let mut points = Vec::new();
        for depth in depths {
            for probes in growing(1, self.count()) {
                let found = self.search(segments, queries, Ask { k, probes, depth, selected: None })?;
                let starts = std::iter::once(0).chain(found.ends.iter().copied());
                let shares =
                    starts.zip(&found.ends).zip(truth.chunks_exact(k)).map(|((start, &end), truth)| {
                        let hits = found.ids[start..end].iter().filter(|id| truth.contains(id)).count();
                        hits as f64 / k as f64
                    });
                let (sum, squares) =
                    shares.fold((0.0, 0.0), |(sum, squares), share| (sum + share, squares + share * share));
                let recall = sum / count as f64;
                let variance = (squares / count as f64 - recall * recall).max(0.0);
                points.push(Point { probes, depth, recall, error: (variance / count as f64).sqrt() });
                if recall >= ENOUGH {
                    break;
                }
            }
        }
        Ok(Tuning { points, list_cost: self.list_cost(rows) })
    }

    /// What a visited list costs beside a re-ranked row, as measured on a processor with AVX-512: a scanned row of codes of 4 bits
    /// takes as long as 1/25 of a dimension for each of its parts in pairs, and of 8 bits about ten times that.
    fn list_cost(&self, rows: usize) -> f64 {
        let dimensions = match self.codes {
            Codes::Four { parts } => parts as f64 / 50.0,
            Codes::Eight { parts } => parts as f64 / 2.5,
        };
        rows as f64 / self.count() as f64 * dimensions / self.d as f64
    }
}
