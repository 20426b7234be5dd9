//! Inverted lists: rows by their nearest centroid, found again by codes, and re-ranked by what is stored beside them.
//!
//! A query visits the lists of the nearest centroids (Jégou, Douze and Schmid, TPAMI 2011). It keeps the `depth` rows of the
//! least sums of its tables, of equal sums those of the lowest ids, and orders them by their distances to the stored vectors, ties
//! by id. Each of these is a matter of the query and the rows alone: no result depends on batches, threads, blocks, the order of
//! rows, or which segments they lie in.

mod batch;
mod codes;
mod few;
mod nearest;
mod refine;
mod segment;
mod tuning;

#[cfg(test)]
mod tests;

use std::ops::Range;

use rayon::prelude::*;

pub use self::codes::Codes;
pub(crate) use self::few::are_few;
pub use self::refine::Refine;
pub use self::segment::{Segment, Selected, first_blocks};
pub use self::tuning::{Candidates, Choice, Point, Trial, Tuning};
pub(crate) use crate::cpu::fast_scan::MOST_PARTS;
use crate::cpu::fast_scan::Way;
pub(crate) use crate::cpu::fast_scan::blocks;
pub use crate::cpu::fast_scan::blocks::BLOCK;
use crate::cpu::fast_scan::tables::Codebooks;
use crate::cpu::first_look::FirstLook;
use crate::cpu::prepare_codebook::PackedCodebook;
use crate::error::{Error, Result};
use crate::metrics::Metric;

/// What [`Lists`] are made of.
pub struct Model<'a> {
    /// Squared L2 or the inner product.
    pub metric: Metric,
    /// Dimensions of a vector.
    pub d: usize,
    /// One for each list, (lists, d), row-major.
    pub centroids: &'a [f32],
    /// What a row's code is.
    pub codes: Codes,
    /// The codebook of each part, (16 or 256, its columns), part after part.
    pub codebooks: &'a [f32],
    /// The dimensions of each part, in order.
    pub columns: &'a [Range<usize>],
    /// Whether codes are those of what the centroid leaves of a vector.
    pub residual: bool,
    /// What rows are re-ranked by.
    pub refine: Refine,
}

/// Lists, made ready to be searched.
pub struct Lists {
    metric: Metric,
    d: usize,
    centroids: Vec<f32>,
    coarse: PackedCodebook,
    codes: Codes,
    codebooks: Codebooks,
    residual: bool,
    refine: Refine,
    way: Way,
}

/// Queries of d dimensions each.
#[derive(Clone, Copy)]
pub struct Queries<'a> {
    /// As centroids and codes have vectors: after a rotation, if there is one.
    pub coded: &'a [f32],
    /// As the stored vectors are.
    pub original: &'a [f32],
}

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Neighbours of each query, at least 1.
    pub k: usize,
    /// Lists that are visited, at least 1: more only where they have fewer than k rows.
    pub probes: usize,
    /// Rows that are re-ranked; no fewer than k are.
    pub depth: usize,
    /// The rows that may be found, if not all.
    pub selected: Option<&'a Selected>,
}

/// The neighbours of some queries, each query's nearest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The ids, query after query.
    pub ids: Vec<u64>,
    /// By the metric: to the stored vectors, or to what codes stand for up to the rounding of tables where none are stored.
    pub distances: Vec<f32>,
    /// Where each query's neighbours end: there are fewer than k where there are no more rows.
    pub ends: Vec<usize>,
}

/// Queries of a batch, at most: their tables and candidates stay in the second-level cache.
const BATCH: usize = 256;

/// Candidates that the queries of a batch keep, at most, unless one query alone keeps more: 64 MiB.
const CANDIDATES: usize = 1 << 22;

/// Numbers of the tables that they keep, likewise: 64 MiB.
const TABLES: usize = 1 << 24;

impl Lists {
    /// # Errors
    /// If the shapes of the model's parts do not fit together, or there are no tables for its metric.
    pub fn new(model: Model) -> Result<Self> {
        let Model { metric, d, centroids, codes, codebooks, columns, residual, refine } = model;
        let codes = codes.check()?;
        let follow = columns.iter().try_fold(0, |end, part| (part.start == end).then_some(part.end));
        if columns.len() != codes.parts() || follow != Some(d) {
            let (parts, found) = (codes.parts(), columns.len());
            return Err(Error::shape(format!(
                "codes of {parts} parts, and columns of {found}, for {d} dimensions"
            )));
        }
        let codebooks = Codebooks::new(metric, codes.codewords(), columns, codebooks)?;
        // The nearest list alone is found as codes are.
        let coarse = PackedCodebook::new(metric, centroids, d)?.for_assign_by(FirstLook::default());
        let (centroids, way) = (centroids.to_vec(), Way::fastest());
        Ok(Self { metric, d, centroids, coarse, codes, codebooks, residual, refine, way })
    }

    /// How many lists there are.
    pub fn count(&self) -> usize {
        self.coarse.k()
    }

    /// The nearest rows of all `segments` together to each of the queries, on rayon's threads.
    ///
    /// ```
    /// use wgvq::lists::{Ask, Codes, Lists, Model, Queries, Refine, Segment, first_blocks};
    /// use wgvq::metrics::Metric;
    /// // Two lists; a code has 4 bits for each of two dimensions, whose codewords are 0, 1, … 15.
    /// let codes = Codes::Four { parts: 2 };
    /// let codebook: Vec<f32> = (0..16).map(|x| x as f32).collect();
    /// let lists = Lists::new(Model {
    ///     metric: Metric::SquaredL2,
    ///     d: 2,
    ///     centroids: &[2.0, 2.0, 9.0, 9.0],
    ///     codes,
    ///     codebooks: &codebook.repeat(2),
    ///     columns: &[0..1, 1..2],
    ///     residual: false,
    ///     refine: Refine::F32,
    /// })?;
    /// // The first list has rows 0 and 1, the second one row 2.
    /// let (mut packed, mut refined) = (Vec::new(), Vec::new());
    /// for list in [&[1, 2, 3, 3][..], &[9, 8]] {
    ///     codes.pack(list, &mut packed);
    /// }
    /// Refine::F32.write(&[1.1, 2.0, 3.0, 3.0, 9.0, 8.2], 2, 0, &mut refined)?;
    /// let first_rows = [0, 2, 3];
    /// let segment = Segment {
    ///     first_rows: &first_rows,
    ///     first_blocks: &first_blocks(&first_rows),
    ///     codes: &packed,
    ///     refined: &refined,
    ///     ids: &[70, 71, 72],
    ///     removed: &[],
    ///     touch: &|_| Ok(()),
    /// };
    /// let query = [3.0, 2.0];
    /// let queries = Queries { coded: &query, original: &query };
    /// let found = lists.search(&[segment], queries, Ask { k: 2, probes: 1, depth: 2, selected: None })?;
    /// assert_eq!((found.ids, found.distances, found.ends), (vec![71, 70], vec![1.0, 3.61], vec![2]));
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if a segment or the queries do not fit the model; [`Input`](crate::ErrorKind::Input)
    /// if there are more than 2³² − 1 rows, k or the probes are 0, or a distance is over what f32 holds; errors of a segment's
    /// `touch`.
    pub fn search(&self, segments: &[Segment], queries: Queries, ask: Ask) -> Result<Found> {
        let rows = Rows::new(self, segments)?;
        if let Some(selected) = ask.selected {
            selected.check(segments)?;
        }
        let few = few::Few::of(self, &rows, ask)?;
        // Where nothing is re-ranked, no more are kept than are wanted.
        let depth = if self.refine.bytes(self.d) > 0 { ask.depth.max(ask.k) } else { ask.k };
        let ask = Ask { depth: depth.min(rows.len()).max(1), ..ask };
        let found = self.in_batches(queries, ask, |queries| match &few {
            Some(few) => few.search(queries.original),
            None => batch::search(self, &rows, queries, ask),
        })?;
        let mut all = Found::default();
        found.into_iter().try_for_each(|neighbours| neighbours.append_to(&mut all))?;
        Ok(all)
    }

    /// What a search for the `k` nearest of the queries in `probes` lists re-ranks, or would if vectors were stored: `depth` rows of each
    /// query.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn candidates(
        &self,
        segments: &[Segment],
        queries: Queries,
        (k, probes, depth): (usize, usize, usize),
    ) -> Result<Vec<Candidates>> {
        let rows = Rows::new(self, segments)?;
        let ask = Ask { k, probes, depth: depth.max(k).min(rows.len()).max(1), selected: None };
        self.in_batches(queries, ask, |queries| batch::candidates(self, &rows, queries, ask))
    }

    /// What `search` gives for each of the queries, of which it is given some at a time.
    fn in_batches<T: Send>(
        &self,
        queries: Queries,
        ask: Ask,
        search: impl Fn(Queries) -> Result<Vec<T>> + Sync,
    ) -> Result<Vec<T>> {
        let count = queries.coded.len() / self.d;
        if queries.coded.len() != count * self.d || queries.original.len() != queries.coded.len() {
            let (coded, original) = (queries.coded.len(), queries.original.len());
            return Err(Error::shape(format!(
                "queries of {coded} and {original} numbers; of {} each are needed",
                self.d
            )));
        }
        if ask.k == 0 || ask.probes == 0 {
            return Err(Error::input(format!(
                "the {} nearest of {} lists; at least 1 of each",
                ask.k, ask.probes
            )));
        }
        let tables = batch::kept_tables(self, ask.probes).max(1);
        let most = (CANDIDATES / ask.depth).min(TABLES / tables).clamp(1, BATCH);
        let batch = count.div_ceil(rayon::current_num_threads()).clamp(1, most);
        let parts = queries.coded.par_chunks(batch * self.d).zip(queries.original.par_chunks(batch * self.d));
        let found: Vec<Result<Vec<T>>> =
            parts.map(|(coded, original)| search(Queries { coded, original })).collect();
        let mut all = Vec::with_capacity(count);
        for some in found {
            all.extend(some?);
        }
        Ok(all)
    }
}

/// The rows of all segments, in one numbering.
struct Rows<'a> {
    segments: &'a [Segment<'a>],
    /// The number of the first row of each segment.
    firsts: Vec<u32>,
}

impl<'a> Rows<'a> {
    fn new(lists: &Lists, segments: &'a [Segment<'a>]) -> Result<Self> {
        let (mut firsts, mut rows) = (Vec::with_capacity(segments.len()), 0_u64);
        for segment in segments {
            segment.check(lists.count(), lists.codes, lists.refine.bytes(lists.d))?;
            firsts.push(rows as u32);
            rows += segment.len() as u64;
            if rows > u64::from(u32::MAX) {
                return Err(Error::input(format!("{rows} rows or more; up to {} can be searched", u32::MAX)));
            }
        }
        Ok(Self { segments, firsts })
    }

    fn len(&self) -> usize {
        self.segments.iter().map(Segment::len).sum()
    }

    /// The segment of a row and its number there.
    #[inline(always)]
    fn place(&self, row: u32) -> (&Segment<'a>, usize) {
        let segment = match self.firsts.len() {
            1 => 0,
            _ => self.firsts.partition_point(|&first| first <= row) - 1,
        };
        (&self.segments[segment], (row - self.firsts[segment]) as usize)
    }

    #[inline(always)]
    fn id(&self, row: u32) -> u64 {
        let (segment, row) = self.place(row);
        segment.ids[row]
    }

    /// What a row is re-ranked by.
    #[inline(always)]
    fn refined(&self, row: u32, bytes: usize) -> &'a [u8] {
        let (segment, row) = self.place(row);
        &segment.refined[row * bytes..][..bytes]
    }
}
