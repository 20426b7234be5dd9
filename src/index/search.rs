//! Search of an index.

use std::borrow::Cow;

use ndarray::{Array1, Array2, ArrayView1, Axis};
use rayon::prelude::*;

use super::Index;
use super::bits::RowBits;
use super::effort::Effort;
use super::model::Coding;
use super::predicate::Predicate;
use super::range::farthest;
use super::scan::{Near, Nearest, Scan};
use super::segment::{Section, Segment};
use super::sources::Sources;
use super::tabled::Tabled;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::lists::Candidates;
use crate::search::{MOST_NEIGHBOURS, Search};
use crate::vectors::Vectors;

/// What to look for, and how far.
///
/// ```
/// use wgvq::index::Query;
/// let query = Query::nearest(10).probes(32).depth(100).among(&[4, 7, 1]);
/// let query = Query::within(2.5).recall(0.95);
/// # drop(query);
/// ```
#[derive(Clone, Debug)]
pub struct Query<'a> {
    pub(super) k: usize,
    radius: Option<f64>,
    pub(super) probes: Option<usize>,
    pub(super) depth: Option<usize>,
    pub(super) recall: Option<f64>,
    among: Option<&'a [u64]>,
    matching: Option<&'a Predicate>,
}

impl<'a> Query<'a> {
    /// The `k` nearest. If nothing else is said, an index whose recall was [measured](super::Build::recall) looks as far as it takes for
    /// the one it was built for; others look in the nearest [`PROBES`](super::PROBES) lists, and compare the nearest [`DEPTH`](super::DEPTH)·k by their codes once
    /// more.
    pub fn nearest(k: usize) -> Self {
        Self { k, radius: None, probes: None, depth: None, recall: None, among: None, matching: None }
    }

    /// All neighbours within `radius`, in as many lists as [`nearest`](Self::nearest) looks into. By squared distances and the cosine
    /// these are no farther, by inner products theirs are no smaller. Every vector of the lists is compared.
    pub fn within(radius: f64) -> Self {
        Self { radius: Some(radius), ..Self::nearest(1) }
    }

    /// In that many lists; all of them if there are no more.
    pub fn probes(mut self, lists: usize) -> Self {
        self.probes = Some(lists);
        self
    }

    /// That many by their codes are compared once more, and k at least.
    pub fn depth(mut self, rows: usize) -> Self {
        self.depth = Some(rows);
        self
    }

    /// In as many lists, with as many compared once more, as it takes at least for such a 10-recall@10 to be expected.
    pub fn recall(mut self, recall: f64) -> Self {
        self.recall = Some(recall);
        self
    }

    /// Among vectors with these ids alone.
    pub fn among(mut self, ids: &'a [u64]) -> Self {
        self.among = Some(ids);
        self
    }

    /// Among vectors of which this holds by the [columns](super::Index::columns) that are kept beside them.
    pub fn matching(mut self, predicate: &'a Predicate) -> Self {
        self.matching = Some(predicate);
        self
    }
}

/// The neighbours that a search has found: of each query the nearest first, and of equally near ones the lowest id first. There are
/// fewer than were asked for where the index has no more; within a radius there are as many as there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    ids: Vec<u64>,
    distances: Vec<f32>,
    /// Where the neighbours of each query end.
    ends: Vec<usize>,
    effort: Effort,
}

impl Found {
    /// How many queries there were.
    pub fn queries(&self) -> usize {
        self.ends.len()
    }

    /// How far the search went.
    pub fn effort(&self) -> Effort {
        self.effort
    }

    /// The ids of a query's neighbours and their distances by the index's metric.
    pub fn of(&self, query: usize) -> (&[u64], &[f32]) {
        let start = query.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[query];
        (&self.ids[range.clone()], &self.distances[range])
    }

    pub(super) fn push(&mut self, neighbours: impl IntoIterator<Item = (u64, f64)>) {
        for (id, distance) in neighbours {
            self.ids.push(id);
            self.distances.push(distance as f32);
        }
        self.ends.push(self.ids.len());
    }
}

/// Queries that are searched together, at most.
const BATCH: usize = 1024;

/// An index on a device, for any number of searches.
pub struct Searcher<'a> {
    pub(super) index: &'a Index,
    engine: Engine,
    pub(super) coding: Coding<'a>,
    sources: Sources,
    tabled: Option<Tabled>,
}

impl<'a> Searcher<'a> {
    pub(super) fn new(index: &'a Index, engine: &Engine) -> Result<Self> {
        let sources = Sources::open(&index.manifest.sources)?;
        let tabled = Tabled::of(&index.model)?;
        Ok(Self {
            index,
            engine: engine.clone(),
            coding: Coding::new(&index.model, engine)?,
            sources,
            tabled,
        })
    }

    /// The neighbours of `queries` (q, d).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if k is 0, the dimensions differ, a value is not finite, the recall that is wanted is not
    /// expected, a predicate does not go with the columns, or what is read of the index is damaged.
    pub fn search(&self, queries: &dyn Vectors, query: &Query<'_>) -> Result<Found> {
        let Index { model, .. } = self.index;
        let effort = self.effort(query)?;
        if queries.dim() != model.dim {
            return Err(Error::input(format!(
                "the queries have {} dimensions, the index {}",
                queries.dim(),
                model.dim
            )));
        }
        let selected = self.selected(query)?;
        let farthest = query.radius.map(|radius| farthest(model.metric, radius)).transpose()?;
        let effort = match &selected {
            // A radius holds what it does, whatever else is filtered out.
            Some(selected) if farthest.is_none() => self.effort_among(effort, query.k, count(selected)),
            _ => effort,
        };
        let mut found = Found { effort, ..Found::default() };
        let seen = model.seen(queries);
        for start in (0..queries.len()).step_by(BATCH) {
            let x = seen.read_rows(start..(start + BATCH).min(queries.len()))?;
            let look = Look { k: query.k, effort, selected: selected.as_deref() };
            match (farthest, &self.tabled) {
                (Some(farthest), _) => self.within(&x, look, farthest, &mut found)?,
                (None, Some(tabled)) if !model.has_sources() => {
                    self.by_tables(tabled, &x, look, &mut found)?;
                }
                (None, tabled) => self.by_codes(tabled.as_ref(), &x, look, &mut found)?,
            }
        }
        Ok(found)
    }

    /// Finds the neighbours of the queries `x` (q, d) by tables, which know what is compared once more.
    fn by_tables(&self, tabled: &Tabled, x: &Array2<f32>, look: Look<'_>, found: &mut Found) -> Result<()> {
        let Index { model, segments, .. } = self.index;
        let unit = model.compared_by().1;
        let Effort { probes, depth, .. } = look.effort;
        let near = tabled.search(segments, look.selected, x, (look.k, probes, depth))?;
        let mut start = 0;
        for &end in &near.ends {
            let pairs = near.ids[start..end].iter().zip(&near.distances[start..end]);
            found.push(pairs.map(|(&id, &distance)| (id, f64::from(distance) * unit)));
            start = end;
        }
        Ok(())
    }

    /// Finds them by codes, and compares once more what these give.
    pub(super) fn by_codes(
        &self,
        tabled: Option<&Tabled>,
        x: &Array2<f32>,
        look: Look<'_>,
        found: &mut Found,
    ) -> Result<()> {
        let unit = self.index.model.compared_by().1;
        let refine = |(query, nearest): (usize, Nearest)| {
            let mut refined = Nearest::new(look.k);
            for near in nearest.into_sorted() {
                refined.push(Near { distance: self.distance(x.row(query), near)?, ..near });
            }
            Ok(refined)
        };
        let nearest = self.nearest_codes(tabled, x, look)?.into_par_iter().enumerate();
        for refined in nearest.map(refine).collect::<Result<Vec<_>>>()? {
            found.push(refined.into_sorted().map(|near| (near.id, near.distance * unit)));
        }
        Ok(())
    }

    /// What a search for the `k` nearest to the queries `x` (q, d) in `probes` lists compares once more.
    pub(super) fn candidates(
        &self,
        x: &Array2<f32>,
        (k, probes, depth): (usize, usize, usize),
    ) -> Result<Vec<Candidates>> {
        let Index { model, segments, .. } = self.index;
        let effort = Effort { probes, depth, expected: None };
        let look = Look { k, effort, selected: None };
        if let Some(tabled) = self.tabled.as_ref().filter(|_| !model.has_sources()) {
            return tabled.candidates(segments, &look.allowed(segments), x, (k, probes, depth));
        }
        let nearest = self.nearest_codes(self.tabled.as_ref(), x, look)?;
        let candidates = |(query, nearest): (usize, Nearest)| {
            let query = x.row(query);
            let (mut ids, mut distances) = (Vec::new(), Vec::new());
            for near in nearest.into_sorted() {
                ids.push(near.id);
                distances.push(self.distance(query, near)?);
            }
            Ok(Candidates { ids, distances })
        };
        nearest.into_par_iter().enumerate().map(candidates).collect()
    }

    /// How many lists can be looked into for a query, if not all: those that are decoded have to be found first.
    pub(super) fn most_probes(&self) -> usize {
        let lists = self.index.model.list_count();
        if self.tabled.is_some() { lists } else { lists.min(MOST_NEIGHBOURS) }
    }

    /// What looking into a list costs beside comparing a row once more, of an index of so many rows.
    pub(super) fn list_cost(&self, rows: usize) -> f64 {
        match &self.tabled {
            Some(tabled) => tabled.list_cost(rows),
            // To decode a row and compare it takes as long as to compare it once more.
            None => rows as f64 / self.index.model.list_count() as f64,
        }
    }

    /// The nearest by their codes to each of the queries `x` (q, d): as many as are compared once more, and k at least.
    fn nearest_codes(
        &self,
        tabled: Option<&Tabled>,
        x: &Array2<f32>,
        look: Look<'_>,
    ) -> Result<Vec<Nearest>> {
        let Index { model, segments, .. } = self.index;
        let Look { k, effort: Effort { probes, depth, .. }, .. } = look;
        let keep = if model.reranks() { depth.max(k) } else { k };
        let allowed = look.allowed(segments);
        let Some(tabled) = tabled else {
            return self.nearest_decoded(x, (k, probes, keep), &allowed);
        };
        let nearest = |candidates: Candidates| {
            let mut nearest = Nearest::new(keep);
            for (id, distance) in candidates.ids.into_iter().zip(candidates.distances) {
                let (segment, row) = self.locate(id)?;
                nearest.push(Near { distance, id, segment, row });
            }
            Ok(nearest)
        };
        let candidates = tabled.candidates(segments, &allowed, x, (k, probes, keep))?;
        candidates.into_iter().map(nearest).collect()
    }

    /// The `keep` nearest to each of the queries `x` (q, d) by what the codes of `probes` lists decode to, and of more lists where these
    /// have fewer than `k` rows that are allowed.
    fn nearest_decoded(
        &self,
        x: &Array2<f32>,
        (k, probes, keep): (usize, usize, usize),
        allowed: &[RowBits],
    ) -> Result<Vec<Nearest>> {
        let lists = self.index.model.list_count();
        let mut nearest = vec![Nearest::new(keep); x.nrows()];
        let decode = |segment: &Segment, list: usize, rows: &[usize]| {
            self.coding.decode(segment.codes(list)?, rows, list)
        };
        self.scan(allowed).run(x, &self.probes(x, probes)?, &mut nearest, decode, Nearest::push)?;
        let least = k.min(count(allowed));
        let short: Vec<usize> = (0..x.nrows()).filter(|&query| nearest[query].len() < least).collect();
        if !short.is_empty() {
            let more = probes.saturating_mul(4);
            let more = if more > MOST_NEIGHBOURS { lists } else { more };
            let again = self.nearest_decoded(&x.select(Axis(0), &short), (k, more, keep), allowed)?;
            short.into_iter().zip(again).for_each(|(query, found)| nearest[query] = found);
        }
        Ok(nearest)
    }

    /// All lists, of which these rows are compared.
    pub(super) fn scan<'s>(&'s self, allowed: &'s [RowBits]) -> Scan<'s> {
        let Index { model, segments, .. } = self.index;
        Scan { segments, allowed, lists: model.list_count(), metric: model.compared_by().0 }
    }

    /// Segment and row of an id that is there.
    fn locate(&self, id: u64) -> Result<(u32, u32)> {
        let found = self.index.locate(id)?.map(|(segment, row)| (segment as u32, row as u32));
        found.ok_or_else(|| Error::input(format!("the order of ids has no {id}; the index is damaged")))
    }

    /// The lists to look into for each of the queries (q, d), in ascending order.
    pub(super) fn probes(&self, x: &Array2<f32>, probes: usize) -> Result<Vec<Vec<u32>>> {
        let model = &self.index.model;
        let lists = model.list_count();
        let Some(centroids) = model.centroids().filter(|_| probes < lists) else {
            return Ok(vec![(0..lists as u32).collect(); x.nrows()]);
        };
        if probes > MOST_NEIGHBOURS {
            return Err(Error::input(format!(
                "{probes} of {lists} lists; give 1 to {MOST_NEIGHBOURS}, or all {lists}"
            )));
        }
        let (metric, _) = model.compared_by();
        let near = Search::nearest(probes).flat(&self.engine, metric, centroids, x)?;
        let sorted = |row: ArrayView1<u32>| {
            let mut lists = row.to_vec();
            lists.sort_unstable();
            lists
        };
        Ok(near.ids.outer_iter().map(sorted).collect())
    }

    /// The rows that a query may find, if not all: none that are deleted.
    fn selected(&self, query: &Query<'_>) -> Result<Option<Vec<RowBits>>> {
        let matching = query.matching.map(|predicate| self.index.matching(predicate)).transpose()?;
        let among = query.among.map(|ids| self.with_ids(ids)).transpose()?;
        Ok(match (matching, among) {
            (Some(matching), Some(among)) => {
                Some(matching.iter().zip(&among).map(|(one, other)| one.and(other)).collect())
            }
            (one, other) => one.or(other),
        })
    }

    /// The rows that have these ids and are not deleted.
    fn with_ids(&self, ids: &[u64]) -> Result<Vec<RowBits>> {
        let of_segment = |segment: &Segment| {
            let mut bits = RowBits::none(segment.blocks());
            for &id in ids {
                if let Some(row) = segment.find(id)? {
                    bits.insert(segment.place(row));
                }
            }
            Ok(bits)
        };
        self.index.segments.iter().map(of_segment).collect()
    }

    /// The distance of a query to what is kept of a row beside its code; without that, the one by its code.
    fn distance(&self, query: ArrayView1<f32>, near: Near) -> Result<f64> {
        let Index { model, segments, .. } = self.index;
        if !model.reranks() {
            return Ok(near.distance);
        }
        let vector = self.kept(&segments[near.segment as usize], near.row as usize)?;
        Ok(model.compared_by().0.distance(query, vector.view()))
    }

    /// What is kept of the vector of a row beside its code.
    pub(super) fn kept(&self, segment: &Segment, row: usize) -> Result<Array1<f32>> {
        let Index { model, .. } = self.index;
        match segment.source(row)? {
            Some(source) => self.sources.read(source, model),
            None => Ok(model.refine.read(segment.get(Section::Refined, row..row + 1)?, model.dim).into()),
        }
    }
}

/// What is looked for in a batch of queries, and how far.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub k: usize,
    pub effort: Effort,
    /// The rows that may be found of each segment, if not all.
    pub selected: Option<&'a [RowBits]>,
}

impl Look<'_> {
    /// The rows that may be found.
    pub fn allowed(&self, segments: &[Segment]) -> Cow<'_, [RowBits]> {
        match self.selected {
            Some(selected) => selected.into(),
            None => segments.iter().map(Segment::live).collect::<Vec<_>>().into(),
        }
    }
}

/// How many rows of all segments there are.
fn count(rows: &[RowBits]) -> usize {
    rows.iter().map(RowBits::count).sum()
}
