//! The search of a batch of queries: list after list, for all queries that visit it.
//!
//! First each query visits its nearest list, which lowers its limit more than any other; then all visit the rest. So a list is read
//! once for many queries.

use std::ops::Range;

use super::nearest::Neighbours;
use super::tuning::Candidates;
use super::{Ask, Lists, Queries, Rows};
use crate::cpu::fast_scan::tables::{Line, Worth, lines, round, start, step, width};
use crate::cpu::fast_scan::{Blocks, Kept, TOGETHER, Target, bytes, scan};
use crate::cpu::top_w::top_w;
use crate::error::Result;
use crate::lists::Codes;
use crate::metrics::Metric;

/// The neighbours of each query.
pub(super) fn search(lists: &Lists, rows: &Rows, queries: Queries, ask: Ask) -> Result<Vec<Neighbours>> {
    each(lists, rows, queries, ask, &|kept, distances| Neighbours::of(ask.k, rows, kept.rows(), distances))
}

/// What each query re-ranks.
pub(super) fn candidates(lists: &Lists, rows: &Rows, queries: Queries, ask: Ask) -> Result<Vec<Candidates>> {
    each(lists, rows, queries, ask, &|kept, distances| {
        let mut order: Vec<(u32, u64, f64)> = kept
            .keys()
            .iter()
            .zip(kept.rows().iter().zip(distances))
            .map(|(&key, (&row, &distance))| (key, rows.id(row), distance.into()))
            .collect();
        order.sort_unstable_by_key(|&(key, id, _)| (key, id));
        let (ids, distances) = order.into_iter().map(|(_, id, distance)| (id, distance)).unzip();
        Candidates { ids, distances }
    })
}

/// Passes the candidates of each query to `finish`, and their distances.
fn each<T>(
    lists: &Lists,
    rows: &Rows,
    queries: Queries,
    ask: Ask,
    finish: &impl Fn(&Kept, &[f32]) -> T,
) -> Result<Vec<T>> {
    let mut batch = Batch::new(lists, rows, queries.coded, ask)?;
    batch.visit(0..1)?;
    batch.visit(1..batch.probes)?;
    let mut found = Vec::with_capacity(batch.kept.len());
    let mut distances = Vec::new();
    let queries = queries.coded.chunks_exact(lists.d).zip(queries.original.chunks_exact(lists.d));
    for ((coded, original), (kept, worth)) in queries.zip(batch.kept.iter_mut().zip(&batch.worth)) {
        if kept.rows().len() < ask.k && batch.probes < lists.count() {
            // The lists have too few rows that count: the query goes on to more of them.
            let more = Ask { probes: batch.probes.saturating_mul(4), ..ask };
            found.extend(each(lists, rows, Queries { coded, original }, more, finish)?);
            continue;
        }
        kept.finish(|row| rows.id(row));
        distances.clear();
        match lists.refine.reference(lists.metric, original) {
            Some(reference) => {
                let candidates = kept.rows();
                let stored = |at: usize| rows.refined(candidates[at], reference.bytes());
                reference.distances(stored, candidates.len(), &mut distances);
            }
            None => distances.extend(kept.keys().iter().map(|&key| match lists.codes {
                Codes::Four { .. } => worth.of(key) as f32,
                Codes::Eight { .. } => bytes::distance(key),
            })),
        }
        found.push(finish(kept, &distances));
    }
    Ok(found)
}

struct Batch<'a> {
    lists: &'a Lists,
    rows: &'a Rows<'a>,
    ask: Ask<'a>,
    queries: &'a [f32],
    /// Lists that each query visits.
    probes: usize,
    /// (queries, probes): the lists, the nearest first.
    nearest: Vec<u32>,
    /// (queries, probes): the distances of their centroids.
    distances: Vec<f32>,
    /// Each query's tables of 8-bit codes, where they are the same for all lists; of 4-bit codes those for each list that it visits,
    /// where they are not.
    tables: Vec<f32>,
    /// Each query's tables of 4-bit codes, rounded, where they are the same for all lists.
    lines: Vec<Line>,
    /// What each query's keys are worth.
    worth: Vec<Worth>,
    kept: Vec<Kept>,
}

impl<'a> Batch<'a> {
    fn new(lists: &'a Lists, rows: &'a Rows<'a>, queries: &'a [f32], ask: Ask<'a>) -> Result<Self> {
        let count = queries.len() / lists.d;
        let probes = ask.probes.min(lists.count());
        let (mut nearest, mut distances) = (vec![0; count * probes], vec![0.0; count * probes]);
        top_w(queries, &lists.coarse, probes, &mut nearest, &mut distances)?;
        let mut batch = Self {
            lists,
            rows,
            ask,
            queries,
            probes,
            nearest,
            distances,
            tables: Vec::new(),
            lines: Vec::new(),
            worth: vec![Worth { start: 0.0, step: 0.0 }; count],
            kept: (0..count).map(|_| Kept::new(ask.depth)).collect(),
        };
        match lists.codes {
            Codes::Four { .. } => batch.round_tables(),
            Codes::Eight { .. } if !batch.tables_differ() => {
                batch.tables = vec![0.0; count * lists.codebooks.len()];
                let tables = batch.tables.chunks_exact_mut(lists.codebooks.len());
                queries
                    .chunks_exact(lists.d)
                    .zip(tables)
                    .for_each(|(query, tables)| lists.codebooks.write_tables(query, tables));
            }
            Codes::Eight { .. } => {}
        }
        Ok(batch)
    }

    /// Whether a query has other tables for each list: ‖(q − centroid) − c‖². An inner product with a centroid and what it leaves
    /// is the sum of both.
    fn tables_differ(&self) -> bool {
        tables_differ(self.lists)
    }

    /// What the distance of a list's centroid adds to sums.
    fn start(&self, visit: Visit) -> f32 {
        if !self.lists.residual || self.tables_differ() {
            return 0.0;
        }
        self.distances[visit.query as usize * self.probes + visit.rank as usize]
    }

    /// Writes the tables of a query for a list.
    fn write_tables(&self, query: usize, list: usize, residual: &mut Vec<f32>, tables: &mut [f32]) {
        let d = self.lists.d;
        let query = &self.queries[query * d..][..d];
        if !self.tables_differ() {
            return self.lists.codebooks.write_tables(query, tables);
        }
        residual.clear();
        residual.extend(query.iter().zip(&self.lists.centroids[list * d..]).map(|(q, c)| q - c));
        self.lists.codebooks.write_tables(residual, tables);
    }

    /// Rounds the tables of each query: all that it meets have one step, and keys begin at the least that a list begins at.
    fn round_tables(&mut self) {
        let len = self.lists.codebooks.len();
        let mut residual = Vec::new();
        if self.tables_differ() {
            let mut all = vec![0.0; self.nearest.len() * len];
            for (query, tables) in all.chunks_exact_mut(self.probes * len).enumerate() {
                let (mut widest, mut least) = (0.0_f32, f64::INFINITY);
                for (rank, tables) in tables.chunks_exact_mut(len).enumerate() {
                    let list = self.nearest[query * self.probes + rank] as usize;
                    self.write_tables(query, list, &mut residual, tables);
                    (widest, least) = (widest.max(width(tables)), least.min(start(tables)));
                }
                self.worth[query] = Worth { start: least, step: step(widest) };
            }
            self.tables = all;
        } else {
            let mut tables = vec![0.0; len];
            let rounded = lines(self.lists.codes.parts());
            let chunks = rounded.len();
            self.lines = vec![rounded[0]; self.kept.len() * chunks];
            for query in 0..self.kept.len() {
                let visits = query * self.probes..(query + 1) * self.probes;
                self.write_tables(query, 0, &mut residual, &mut tables);
                let nearest = Visit { list: self.nearest[visits.start], query: query as u32, rank: 0 };
                let lines = &mut self.lines[query * chunks..][..chunks];
                let worth = round(&tables, width(&tables), lines);
                self.worth[query] = Worth { start: worth.start + f64::from(self.start(nearest)), ..worth };
            }
        }
    }

    /// Takes the queries past the lists of these ranks, list by list.
    fn visit(&mut self, ranks: Range<usize>) -> Result<()> {
        let mut order = Vec::with_capacity(self.kept.len() * ranks.len());
        for (query, nearest) in self.nearest.chunks_exact(self.probes).enumerate() {
            let visit = |rank| Visit { list: nearest[rank], query: query as u32, rank: rank as u32 };
            order.extend(ranks.clone().map(visit));
        }
        order.sort_unstable();
        let mut live = Vec::new();
        let mut scratch = Scratch::new(self.lists);
        for visits in order.chunk_by(|one, other| one.list == other.list) {
            let list = visits[0].list as usize;
            for (number, segment) in self.rows.segments.iter().enumerate() {
                if segment.rows(list).is_empty() {
                    continue;
                }
                (segment.touch)(list)?;
                segment.write_live(
                    list,
                    self.ask.selected.map(|selected| &selected.sets[number][..]),
                    &mut live,
                );
                if live.iter().all(|&live| live == 0) {
                    continue;
                }
                let codes = segment.codes(list, self.lists.codes);
                let first = self.rows.firsts[number] + segment.rows(list).start as u32;
                match self.lists.codes {
                    Codes::Four { .. } => {
                        let blocks = Blocks { codes: codes.as_chunks().0, live: &live, first };
                        for visits in visits.chunks(TOGETHER) {
                            self.scan_blocks(visits, blocks, &mut scratch);
                        }
                    }
                    Codes::Eight { .. } => {
                        for &visit in visits {
                            self.scan_bytes(visit, codes, (&live, first), &mut scratch);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn scan_blocks(&mut self, visits: &[Visit], blocks: Blocks, scratch: &mut Scratch) {
        let rows = self.rows;
        let chunks = scratch.lines[0].len();
        let mut starts = [0; TOGETHER];
        let mut kept: [Kept; TOGETHER] = Default::default();
        for (at, &visit) in visits.iter().enumerate() {
            let query = visit.query as usize;
            kept[at] = std::mem::take(&mut self.kept[query]);
            let Worth { start, step } = self.worth[query];
            let steps = |from: f64| ((from - start) / f64::from(step)).round() as u32;
            if self.tables_differ() {
                let len = self.lists.codebooks.len();
                let tables = &self.tables[(query * self.probes + visit.rank as usize) * len..][..len];
                // The step is that of the widest tables, up to the rounding of 255 of them.
                let worth = round(tables, step * 255.0, &mut scratch.lines[at]);
                starts[at] = steps(worth.start);
            } else if self.lists.residual {
                let nearest = self.distances[query * self.probes];
                starts[at] = steps(start + f64::from(self.start(visit)) - f64::from(nearest));
            }
        }
        let differ = self.tables_differ();
        let mut targets: Vec<Target> = kept
            .iter_mut()
            .zip(visits)
            .enumerate()
            .map(|(at, (kept, visit))| {
                let own = visit.query as usize * chunks;
                let lines = if differ { &scratch.lines[at][..] } else { &self.lines[own..][..chunks] };
                Target { lines, start: starts[at], kept }
            })
            .collect();
        scan(self.lists.way, blocks, &mut targets, |row| rows.id(row));
        for (kept, visit) in kept.into_iter().zip(visits) {
            self.kept[visit.query as usize] = kept;
        }
    }

    fn scan_bytes(&mut self, visit: Visit, codes: &[u8], rows: (&[u32], u32), scratch: &mut Scratch) {
        let query = visit.query as usize;
        let tables = if self.tables_differ() {
            self.write_tables(query, visit.list as usize, &mut scratch.residual, &mut scratch.tables);
            &scratch.tables[..]
        } else {
            let len = self.lists.codebooks.len();
            &self.tables[query * len..][..len]
        };
        let (start, all) = (self.start(visit), self.rows);
        bytes::scan(codes, tables, start, rows, &mut self.kept[query], |row| all.id(row));
    }
}

/// Numbers of the tables that a query keeps, where it has its own for each list that it visits.
pub(super) fn kept_tables(lists: &Lists, probes: usize) -> usize {
    match lists.codes {
        Codes::Four { .. } if tables_differ(lists) => probes.min(lists.count()) * lists.codebooks.len(),
        _ => 0,
    }
}

fn tables_differ(lists: &Lists) -> bool {
    lists.residual && lists.metric != Metric::InnerProduct
}

/// That a query visits a list: its nearest one, or that of a higher rank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Visit {
    list: u32,
    query: u32,
    rank: u32,
}

/// Room for the tables of a list.
struct Scratch {
    residual: Vec<f32>,
    tables: Vec<f32>,
    lines: [Vec<Line>; TOGETHER],
}

impl Scratch {
    fn new(lists: &Lists) -> Self {
        let parts = lists.codes.parts();
        Self {
            residual: Vec::new(),
            tables: vec![0.0; lists.codebooks.len()],
            lines: std::array::from_fn(|_| lines(parts)),
        }
    }
}
