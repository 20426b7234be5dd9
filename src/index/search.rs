//! Search of an index.

use ndarray::{Array2, ArrayView1};

use super::Index;
use super::bits::RowBits;
use super::model::{Coding, Model};
use super::refine::Refinement;
use super::scan::{Near, Nearest, scan};
use super::segment::{Section, Segment};
use super::sources::Sources;
use super::tabled::Tabled;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::search::{MOST_NEIGHBOURS, Search};
use crate::vectors::Vectors;

/// Lists that are looked into for a query, if not said otherwise.
pub const PROBES: usize = 16;

/// How many of the nearest by their codes are compared once more for each neighbour, if not said otherwise.
pub const DEPTH: usize = 4;

/// What to look for, and how far.
///
/// ```
/// use wgvq::index::Query;
/// let query = Query::nearest(10).probes(32).depth(100).among(&[4, 7, 1]);
/// # drop(query);
/// ```
#[derive(Clone, Debug)]
pub struct Query<'a> {
    k: usize,
    probes: usize,
    depth: Option<usize>,
    among: Option<&'a [u64]>,
}

impl<'a> Query<'a> {
    /// The `k` nearest, in the nearest [`PROBES`] lists, the nearest [`DEPTH`]·k by their codes compared once more.
    pub fn nearest(k: usize) -> Self {
        Self { k, probes: PROBES, depth: None, among: None }
    }

    /// In that many lists; all of them if there are no more.
    pub fn probes(mut self, lists: usize) -> Self {
        self.probes = lists;
        self
    }

    /// That many by their codes are compared once more, and k at least.
    pub fn depth(mut self, rows: usize) -> Self {
        self.depth = Some(rows);
        self
    }

    /// Among vectors with these ids alone.
    pub fn among(mut self, ids: &'a [u64]) -> Self {
        self.among = Some(ids);
        self
    }
}

/// The neighbours that a search has found: of each query the nearest first, and of equally near ones the lowest id first. There are
/// fewer than were asked for where the index has no more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    ids: Vec<u64>,
    distances: Vec<f32>,
    /// Where the neighbours of each query end.
    ends: Vec<usize>,
}

impl Found {
    /// How many queries there were.
    pub fn queries(&self) -> usize {
        self.ends.len()
    }

    /// The ids of a query's neighbours and their distances by the index's metric.
    pub fn of(&self, query: usize) -> (&[u64], &[f32]) {
        let start = query.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[query];
        (&self.ids[range.clone()], &self.distances[range])
    }

    fn push(&mut self, neighbours: impl IntoIterator<Item = (u64, f64)>) {
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
    index: &'a Index,
    engine: Engine,
    coding: Coding<'a>,
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
    /// [`Input`](crate::ErrorKind::Input) if k is 0, the dimensions differ, a value is not finite, or what is read of the index is
    /// damaged.
    pub fn search(&self, queries: &dyn Vectors, query: &Query<'_>) -> Result<Found> {
        let Index { model, .. } = self.index;
        if query.k == 0 || query.probes == 0 {
            return Err(Error::input(format!(
                "the {} nearest in {} lists; 1 is the least of both",
                query.k, query.probes
            )));
        }
        if queries.dim() != model.dim() {
            return Err(Error::input(format!(
                "the queries have {} dimensions, the index {}",
                queries.dim(),
                model.dim()
            )));
        }
        let selected = query.among.map(|ids| self.selected(ids)).transpose()?;
        let depth = match model.refinement {
            Refinement::None => query.k,
            _ => query.k.max(query.depth.unwrap_or(query.k.saturating_mul(DEPTH))),
        };
        let mut found = Found::default();
        let seen = model.seen(queries);
        for start in (0..queries.len()).step_by(BATCH) {
            let x = seen.read_rows(start..(start + BATCH).min(queries.len()))?;
            match &self.tabled {
                Some(tabled) => self.by_tables(tabled, &x, query, selected.as_deref(), depth, &mut found)?,
                None => self.by_decoding(&x, query, selected.as_deref(), depth, &mut found)?,
            }
        }
        Ok(found)
    }

    /// Finds the neighbours of the queries `x` (q, d) by tables.
    fn by_tables(
        &self,
        tabled: &Tabled,
        x: &Array2<f32>,
        query: &Query<'_>,
        selected: Option<&[RowBits]>,
        depth: usize,
        found: &mut Found,
    ) -> Result<()> {
        let Index { model, segments, .. } = self.index;
        let unit = model.compared_by().1;
        // Sources are read here, and have all of the depth passed on.
        let k = if model.has_sources() { depth } else { query.k };
        let near = tabled.search(segments, selected, x, (k, query.probes, depth))?;
        let mut start = 0;
        for (&end, query_row) in near.ends.iter().zip(x.outer_iter()) {
            let pairs = near.ids[start..end].iter().zip(&near.distances[start..end]);
            if model.has_sources() {
                let mut nearest = Nearest::new(k);
                for (&id, &distance) in pairs {
                    let (segment, row) = self.locate(id)?;
                    nearest.push(Near { distance: distance.into(), id, segment, row });
                }
                let nearest = self.refined(query_row, nearest)?.into_sorted().take(query.k);
                found.push(nearest.map(|near| (near.id, near.distance * unit)));
            } else {
                found.push(pairs.map(|(&id, &distance)| (id, f64::from(distance) * unit)));
            }
            start = end;
        }
        Ok(())
    }

    /// Segment and row of an id that is there.
    fn locate(&self, id: u64) -> Result<(u32, u32)> {
        for (number, segment) in self.index.segments.iter().enumerate() {
            if let Some(row) = segment.find(id)? {
                return Ok((number as u32, row as u32));
            }
        }
        Err(Error::input(format!("the order of ids has no {id}; the index is damaged")))
    }

    /// Finds the neighbours of the queries `x` (q, d) by decoding what is in the lists.
    pub(super) fn by_decoding(
        &self,
        x: &Array2<f32>,
        query: &Query<'_>,
        selected: Option<&[RowBits]>,
        depth: usize,
        found: &mut Found,
    ) -> Result<()> {
        let Index { model, segments, .. } = self.index;
        let unit = model.compared_by().1;
        let allowed: Vec<RowBits> = match selected {
            Some(selected) => selected.to_vec(),
            None => segments.iter().map(|segment| segment.live()).collect(),
        };
        let probes = self.probes(x, query, &allowed)?;
        let nearest = scan(&self.coding, segments, &allowed, x, &probes, depth)?;
        for (query_row, nearest) in x.outer_iter().zip(nearest) {
            let nearest = self.refined(query_row, nearest)?.into_sorted().take(query.k);
            found.push(nearest.map(|near| (near.id, near.distance * unit)));
        }
        Ok(())
    }

    /// The lists to look into for each of the queries (q, d), in ascending order.
    fn probes(&self, x: &Array2<f32>, query: &Query<'_>, allowed: &[RowBits]) -> Result<Vec<Vec<u32>>> {
        let model: &Model = &self.index.model;
        let lists = model.list_count();
        let rows: usize = allowed.iter().map(RowBits::count).sum();
        // Where few rows are left, looking at each of them takes less than to look for lists.
        let few = query.among.is_some() && rows <= self.index.manifest.live_rows() / 100;
        let Some(centroids) = model.centroids().filter(|_| query.probes < lists && !few) else {
            return Ok(vec![(0..lists as u32).collect(); x.nrows()]);
        };
        if query.probes > MOST_NEIGHBOURS {
            return Err(Error::input(format!(
                "{} of {lists} lists; give 1 to {MOST_NEIGHBOURS}, or all {lists}",
                query.probes
            )));
        }
        let (metric, _) = model.compared_by();
        let near = Search::nearest(query.probes).flat(&self.engine, metric, centroids, x)?;
        let sorted = |row: ArrayView1<u32>| {
            let mut lists = row.to_vec();
            lists.sort_unstable();
            lists
        };
        Ok(near.ids.outer_iter().map(sorted).collect())
    }

    /// The rows that have these ids and are not deleted.
    fn selected(&self, ids: &[u64]) -> Result<Vec<RowBits>> {
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

    /// The nearest by their codes, by what is kept of them beside these.
    fn refined(&self, query: ArrayView1<f32>, nearest: Nearest) -> Result<Nearest> {
        let Index { model, segments, .. } = self.index;
        if model.refinement == Refinement::None {
            return Ok(nearest);
        }
        let (metric, _) = model.compared_by();
        let mut refined = Nearest::new(nearest.len());
        for mut near in nearest.into_sorted() {
            let (segment, row) = (&segments[near.segment as usize], near.row as usize);
            let vector = match segment.source(row)? {
                Some(source) => self.sources.read(source, model)?,
                None => model.refine.read(segment.get(Section::Refined, row..row + 1)?, model.dim()).into(),
            };
            near.distance = metric.distance(query, vector.view());
            refined.push(near);
        }
        Ok(refined)
    }
}
