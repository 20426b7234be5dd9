//! How far a search goes: how many lists it looks into, and how many rows it compares once more.

use super::curve::CURVE_K;
use super::search::{Query, Searcher};
use crate::error::{Error, Result};
use crate::lists::are_few;
use crate::search::MOST_NEIGHBOURS;

/// Lists that are looked into for a query, if neither these are given nor a recall.
pub const PROBES: usize = 16;

/// How many of the nearest by their codes are compared once more for each neighbour, likewise.
pub const DEPTH: usize = 4;

/// How far a search goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Effort {
    /// Lists that are looked into.
    pub probes: usize,
    /// Rows that are compared once more.
    pub depth: usize,
    /// The 10-recall@10 that is expected, if the index chose so by its [curve](super::Index::curve).
    pub expected: Option<f64>,
}

impl Searcher<'_> {
    /// How far the search for `query` goes where nothing is filtered out.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it aims at a recall which is not expected of any search, naming the most that is, or
    /// of which the index knows nothing.
    pub fn effort(&self, query: &Query<'_>) -> Result<Effort> {
        let by_hand = query.probes.is_some() || query.depth.is_some();
        let curve = self.index.curve();
        let chosen = match (query.recall, curve) {
            (Some(_), _) if by_hand => {
                return Err(Error::input(
                    "a recall says how many lists and rows are looked at; give it, or these numbers",
                ));
            }
            (Some(recall), None) => {
                return Err(Error::input(format!(
                    "what to do for a recall of {recall} has not been measured for this index; build it again with a recall, or \
                     say how many lists and rows to look at"
                )));
            }
            (Some(recall), Some(curve)) => {
                let best = curve.best().map_or(0.0, |best| best.recall);
                Some(curve.choose(recall).ok_or_else(|| {
                    Error::input(format!(
                        "a recall of {recall} is not expected of any search of this index; the most is {best:.4}"
                    ))
                })?)
            }
            (None, Some(curve)) if !by_hand => curve.choose(curve.wanted).or_else(|| curve.best()),
            (None, _) => None,
        };
        let effort = match chosen {
            Some(choice) => Effort {
                probes: choice.probes,
                // The curve is of 10 neighbours: as many rows for each.
                depth: choice.depth.saturating_mul(query.k).div_ceil(CURVE_K),
                expected: Some(choice.recall),
            },
            None => Effort {
                probes: query.probes.unwrap_or(PROBES),
                depth: query.depth.unwrap_or(query.k.saturating_mul(DEPTH)),
                expected: None,
            },
        };
        if query.k == 0 || effort.probes == 0 {
            return Err(Error::input(format!(
                "the {} nearest in {} lists; 1 is the least of both",
                query.k, effort.probes
            )));
        }
        Ok(Effort { depth: effort.depth.max(query.k), ..effort })
    }

    /// How far it goes where a filter leaves `left` of the rows.
    ///
    /// The k nearest of one row in so many are spread like the neighbours up to the rank of k times as many, and these lie in more
    /// lists. How many more was counted on SIFT and sentence embeddings, with 64 to 1024 lists: 1.3 to 2 times for a tenth of the rows and
    /// mostly 2.5 to 4.7 for a hundredth, which the power −0.3 of the share is. Where lists are short beside that rank, as in tight
    /// clusters, as many more as have ten times these rows. No more rows have to be compared once more: fewer are before a neighbour.
    pub(super) fn effort_among(&self, effort: Effort, k: usize, left: usize) -> Effort {
        let (rows, lists) = (self.index.len().max(1), self.index.model.list_count());
        if are_few(left, rows) {
            return Effort { probes: lists, depth: left.max(k), ..effort };
        }
        let share = (left as f64 / rows as f64).min(1.0);
        let short = 10.0 * k as f64 * (1.0 / share - 1.0) * lists as f64 / rows as f64;
        let probes = (effort.probes as f64 * share.powf(-0.3) + short).ceil() as usize;
        Effort { probes: probes.min(MOST_NEIGHBOURS).max(effort.probes), ..effort }
    }
}
