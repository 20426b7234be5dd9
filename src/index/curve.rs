//! How much of the true neighbours searches of an index find, as held-out queries have told.

use std::ops::Range;
use std::path::Path;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::Index;
use super::held_out::held_out;
use super::ids::Ids;
use super::model::Model;
use super::search::Searcher;
use super::segment::Segment;
use super::store::checked::{FileRecord, damaged, read_whole};
use super::store::manifest::Manifest;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::lists::{Choice, Point, Trial, Tuning};
use crate::search::Search;
use crate::vectors::Vectors;

/// The neighbours that are looked for: what is measured is the 10-recall@10.
pub const CURVE_K: usize = 10;

/// Vectors below which none are held out: a tenth of them tells too little.
const LEAST: usize = 100;

/// Queries that are given, of which more are not asked: as many as are held out.
const MOST_QUERIES: usize = 1000;

/// Points below are not worth their place.
const LEAST_RECALL: f64 = 0.5;

/// The version of what the manifest has of a curve; a reader refuses what is newer than itself.
pub const VERSION: u64 = 1;

/// What is expected of searches, by lists that they look into and rows that they compare once more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Curve {
    /// The version of this part of the format.
    pub version: u64,
    /// The recall that searches aim at that name none, nor lists.
    pub wanted: f64,
    /// Queries that were asked.
    pub queries: usize,
    /// Whether vectors have come or gone since.
    pub changed: bool,
    /// The share of the true neighbours among those compared once more that this leaves among the nearest.
    pub(super) kept: f64,
    /// What a list that is looked into costs beside a row that is compared once more.
    pub(super) list_cost: f64,
    /// (lists, rows, 10-recall@10, its standard error)
    pub(super) points: Vec<(usize, usize, f64, f64)>,
}

impl Curve {
    fn new(wanted: f64, queries: usize, (tuning, kept): (Tuning, f64)) -> Self {
        let Tuning { points, list_cost } = tuning;
        let worth = points.iter().filter(|point| point.recall >= LEAST_RECALL);
        let points = worth.map(|point| (point.probes, point.depth, point.recall, point.error)).collect();
        Self { version: VERSION, wanted, queries, changed: false, kept, list_cost, points }
    }

    fn tuning(&self) -> Tuning {
        let point = |&(probes, depth, recall, error)| Point { probes, depth, recall, error };
        Tuning { points: self.points.iter().map(point).collect(), list_cost: self.list_cost }
    }

    /// Fails if its numbers cannot be.
    pub(super) fn check(&self) -> Result<()> {
        let follows = |pair: &[(usize, usize, f64, f64)]| pair[0].1 != pair[1].1 || pair[0].0 < pair[1].0;
        if self.points.iter().all(|point| point.0 > 0) && self.points.windows(2).all(follows) {
            return Ok(());
        }
        Err(Error::input("the points of its recall are not in order"))
    }

    /// The cheapest choice of which such a 10-recall@10 is expected, if there is one: even of queries that are one standard error
    /// worse, or else the choice of which the most is expected, if that is enough.
    pub fn choose(&self, recall: f64) -> Option<Choice> {
        self.tuning().choose(recall).or(self.best().filter(|best| best.recall >= recall))
    }

    /// The choice of which the most is expected, if there is any of which half is.
    pub fn best(&self) -> Option<Choice> {
        self.tuning().best()
    }
}

/// Fails unless it is a share that a search can aim at.
pub fn check_recall(recall: f64) -> Result<()> {
    if (LEAST_RECALL..=1.0).contains(&recall) {
        return Ok(());
    }
    Err(Error::input(format!(
        "a recall of {recall}; one from {LEAST_RECALL} to 1 can be aimed at, such as .95"
    )))
}

/// What a curve of vectors that are about to be in an index is measured by.
pub struct Trials<'a> {
    given: Option<&'a dyn Vectors>,
    /// The rows that are held out, if no queries are given.
    pub left_out: Vec<usize>,
}

impl<'a> Trials<'a> {
    /// # Errors
    /// Too few vectors, or queries of other dimensions.
    pub fn of(x: &dyn Vectors, ids: Ids<'_>, given: Option<&'a dyn Vectors>) -> Result<Self> {
        if let Some(queries) = given
            && (queries.dim() != x.dim() || queries.is_empty())
        {
            let (count, dim) = (queries.len(), queries.dim());
            return Err(Error::input(format!(
                "the queries to measure the recall by are {count} × {dim}; one at least of {} dimensions is needed",
                x.dim()
            )));
        }
        check_enough(x.len())?;
        let left_out = match given {
            Some(_) => Vec::new(),
            None => held_out(x.len(), |row| Ok(ids.of(row, 0)))?,
        };
        Ok(Self { given, left_out })
    }

    /// The queries (q, d) as the index sees them.
    fn queries(&self, model: &Model, x: &dyn Vectors) -> Result<Array2<f32>> {
        match self.given {
            Some(given) => {
                let step = given.len().div_ceil(MOST_QUERIES);
                let rows: Vec<usize> = (0..given.len()).step_by(step).collect();
                model.seen(given).read_each(&rows)
            }
            None => model.seen(x).read_each(&self.left_out),
        }
    }

    /// Measures the curve of `index`, which has the vectors `x`, and gives with it the queries if they were given.
    pub fn measure(
        &self,
        index: &Index,
        engine: &Engine,
        (x, ids): (&dyn Vectors, Ids<'_>),
        wanted: f64,
        (memory, watch): (u64, &mut dyn FnMut() -> Result<()>),
    ) -> Result<(Curve, Option<Vec<u8>>)> {
        let queries = self.queries(&index.model, x)?;
        let id = |row: usize| Ok(ids.of(row, 0));
        let asked = Asked { queries: &queries, own: &self.left_out, x: &index.model.seen(x) };
        let measured = asked.measure(index, engine, id, (memory, watch))?;
        let bytes = || queries.iter().flat_map(|value| value.to_le_bytes()).collect();
        Ok((Curve::new(wanted, queries.nrows(), measured), self.given.map(|_| bytes())))
    }
}

fn check_enough(vectors: usize) -> Result<()> {
    if vectors < LEAST {
        return Err(Error::input(format!(
            "the recall of {vectors} vectors cannot be measured, {LEAST} are the least; leave the recall out"
        )));
    }
    Ok(())
}

impl Index {
    /// What is expected of searches, if that was [measured](super::Build::recall).
    pub fn curve(&self) -> Option<&Curve> {
        self.manifest.recall.as_ref()
    }

    /// Measures the curve anew, of an index that has all of its vectors in one segment; `None` where they are not kept, or too few.
    pub(super) fn measured_again(
        &self,
        engine: &Engine,
        old: &Curve,
        memory: u64,
        watch: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Curve>> {
        let [segment] = &self.segments[..] else { return Ok(None) };
        let searcher = &self.searcher(engine)?;
        let x = Kept { segment, searcher };
        if self.len() < LEAST || !self.model.reranks() {
            return Ok(None);
        }
        let id = |row: usize| segment.id(row);
        let (queries, own) = match &self.manifest.queries {
            Some(record) => (given(&self.folder, record, self.dim())?, Vec::new()),
            None => {
                let own = held_out(segment.rows(), id)?;
                (x.read_each(&own)?, own)
            }
        };
        let asked = Asked { queries: &queries, own: &own, x: &x };
        let (mut tuning, _) = asked.measure(self, engine, id, (memory, watch))?;
        // What is kept of the vectors finds what it is itself; what it loses of them was measured when they were there.
        for point in &mut tuning.points {
            point.recall *= old.kept;
        }
        Ok(Some(Curve::new(old.wanted, queries.nrows(), (tuning, old.kept))))
    }
}

/// The queries that a file of the index has.
fn given(folder: &Path, record: &FileRecord, dim: usize) -> Result<Array2<f32>> {
    let bytes = read_whole(folder, record)?;
    let values: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let shape = (values.len() / dim.max(1), dim);
    Array2::from_shape_vec(shape, values)
        .map_err(|_| damaged(&folder.join(&record.file), "its queries have other dimensions"))
}

/// Queries, and the vectors among which their neighbours are, both as the index sees them.
struct Asked<'a> {
    queries: &'a Array2<f32>,
    /// The rows of `x` that the queries are themselves, if they are any; no query is a neighbour of itself.
    own: &'a [usize],
    x: &'a dyn Vectors,
}

impl Asked<'_> {
    /// The recall of searches, and what [`Tuning::measure`] gives with it; `id` tells the id of a row of `x`.
    fn measure(
        &self,
        index: &Index,
        engine: &Engine,
        id: impl Fn(usize) -> Result<u64>,
        (memory, watch): (u64, &mut dyn FnMut() -> Result<()>),
    ) -> Result<(Tuning, f64)> {
        let (metric, _) = index.model.compared_by();
        let and_itself = usize::from(!self.own.is_empty());
        let search = Search::nearest(CURVE_K + and_itself).memory(memory);
        let near = search.flat(engine, metric, self.x, self.queries)?;
        let mut truth = Vec::new();
        for (query, near) in near.ids.outer_iter().enumerate() {
            let own = self.own.get(query);
            let others = near.iter().map(|&row| row as usize).filter(|row| own != Some(row));
            for row in others.take(CURVE_K) {
                truth.push(id(row)?);
            }
        }
        watch()?;
        let own = self.own.iter().map(|&row| id(row)).collect::<Result<Vec<u64>>>()?;
        let searcher = index.searcher(engine)?;
        let trial = Trial {
            truth: &truth,
            k: CURVE_K,
            lists: searcher.most_probes(),
            rows: self.x.len() - and_itself,
            reranks: index.model.reranks(),
            list_cost: searcher.list_cost(self.x.len()),
        };
        Tuning::measure(&trial, |probes, depth| {
            watch()?;
            let ask = (CURVE_K + and_itself, probes, depth + and_itself);
            let mut candidates = searcher.candidates(self.queries, ask)?;
            candidates.iter_mut().zip(&own).for_each(|(candidates, &own)| candidates.remove(own));
            Ok(candidates)
        })
    }
}

/// What an index keeps of the vectors of a segment.
struct Kept<'a> {
    segment: &'a Segment,
    searcher: &'a Searcher<'a>,
}

impl Vectors for Kept<'_> {
    fn len(&self) -> usize {
        self.segment.rows()
    }

    fn dim(&self) -> usize {
        self.searcher.index.dim()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        for (row, out) in rows.zip(out.chunks_exact_mut(self.dim())) {
            let vector = self.searcher.kept(self.segment, row)?;
            out.copy_from_slice(vector.as_slice().expect("a vector is in standard layout"));
        }
        Ok(())
    }
}

/// A manifest of which vectors have come or gone.
pub fn mark_changed(manifest: &mut Manifest) {
    if let Some(curve) = &mut manifest.recall {
        curve.changed = true;
    }
}
