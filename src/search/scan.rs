//! The loop of every exhaustive search: batches of candidates past tiles of queries.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, s};

use super::{MOST_NEIGHBOURS, Neighbours, Search};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Context, Error, Result};
use crate::kernels::keep_least::{Lists, NONE};
use crate::quantizers::pipeline;
use crate::scale::Scale;
use crate::vectors::Vectors;

/// What queries are compared with.
pub(super) trait Candidates: Sync {
    /// A batch of them on the host.
    type Batch: Send;
    /// A batch on the device.
    type Loaded;
    /// A tile of queries on the device, in the form that scoring takes.
    type Probes;

    /// How many candidates there are.
    fn len(&self) -> usize;

    /// About how many bytes one takes in host and device memory together.
    fn bytes(&self) -> usize;

    /// About how many bytes of tables a query takes.
    fn table_bytes(&self) -> usize;

    /// How many columns the scores of a tile of that many queries have.
    fn columns(&self, queries: usize) -> usize;

    fn read(&self, rows: Range<usize>) -> Result<Self::Batch>;

    fn load(&self, recorder: &mut Recorder<'_>, batch: Self::Batch) -> Result<Self::Loaded>;

    fn probe(&self, recorder: &mut Recorder<'_>, queries: ArrayView2<f32>) -> Result<Self::Probes>;

    /// Writes the scores (candidates, columns): the less, the nearer. A score depends on its candidate and query alone.
    fn score(
        &self,
        recorder: &mut Recorder<'_>,
        loaded: &Self::Loaded,
        probes: &Self::Probes,
        scores: &mut Matrix<f32>,
    ) -> Result<()>;

    /// Makes distances of the scores of a tile's neighbours, up to their unit.
    fn distances(&self, _probes: &Self::Probes, _scores: &mut Array2<f32>) {}

    /// What candidates and queries are multiplied with.
    fn scale(&self) -> Scale;

    /// What a distance of scaled vectors is multiplied with to be one of the vectors themselves.
    fn unit(&self) -> f64 {
        self.scale().unit()
    }
}

/// Queries of a tile, at most: its scores are a matrix of candidates × queries.
const TILE: usize = 256;

/// Bytes of tables in a tile, at most: half of the binding that every device has.
const TABLE_BYTES: usize = 64 << 20;

/// Candidates in a batch, at most: more keep no device busier.
const MOST_ROWS: usize = 1 << 14;

/// How the work is cut up.
struct Plan {
    /// Queries whose scores are computed together: groups of 16, as tables have them.
    tile: usize,
    /// Queries that are on the device at once, in tiles.
    pass: usize,
    /// Candidates in a batch.
    rows: usize,
}

impl Plan {
    fn new<C: Candidates>(candidates: &C, d: usize, k: usize, memory: u64) -> Self {
        let tile = (TABLE_BYTES / candidates.table_bytes().max(1) / 16 * 16).clamp(16, TILE);
        // A quarter for the queries with their tables and lists, half for the candidates and their scores.
        let share = usize::try_from(memory / 4).unwrap_or(usize::MAX / 4);
        let pass = (share / (candidates.table_bytes() + 8 * d + 16 * k) / tile * tile).max(tile);
        let rows = (2 * share / (candidates.bytes() + 4 * tile)).clamp(1, MOST_ROWS);
        Self { tile, pass, rows }
    }
}

/// Queries on the device, and the nearest candidates that each has met.
struct Tile<P> {
    probes: P,
    lists: Lists,
}

/// Searches the candidates.
pub(super) fn run<C: Candidates>(
    candidates: &C,
    engine: &Engine,
    queries: &dyn Vectors,
    search: Search<'_>,
) -> Result<Neighbours> {
    let Search { k, memory, mut watch } = search;
    let (n, count) = (candidates.len(), queries.len());
    if k == 0 || k > n.min(MOST_NEIGHBOURS) {
        let most = n.min(MOST_NEIGHBOURS);
        return Err(Error::input(format!("the {k} nearest of {n} vectors; 1 to {most} can be asked for")));
    }
    if n > NONE as usize {
        return Err(Error::input(format!("{n} vectors; a search takes up to {NONE}")));
    }
    let plan = Plan::new(candidates, queries.dim(), k, memory);
    let total = n * count.div_ceil(plan.pass);
    let mut done = 0;
    let mut found = Neighbours { ids: Array2::zeros((count, k)), distances: Array2::zeros((count, k)) };
    for first in (0..count).step_by(plan.pass) {
        let x = queries.read_rows(first..(first + plan.pass).min(count))?;
        check_range(x.view(), first, candidates.scale()).context(|| "the queries")?;
        let mut recorder = engine.recorder();
        let mut tiles = Vec::new();
        for part in x.axis_chunks_iter(Axis(0), plan.tile) {
            let lists = Lists::new(engine, part.nrows(), k)?;
            tiles.push(Tile { probes: candidates.probe(&mut recorder, part)?, lists });
        }
        recorder.submit()?;
        meet(candidates, engine, &mut tiles, plan.rows, |rows| {
            done += rows;
            watch(done, total)
        })?;
        let mut first = first;
        for Tile { probes, lists } in &tiles {
            let (ids, mut distances) = (lists.ids.download()?, lists.least.download()?);
            if ids.iter().any(|&id| id == NONE) || distances.iter().any(|distance| !distance.is_finite()) {
                return Err(Error::input("distances are over what f32 holds; scale the vectors down"));
            }
            candidates.distances(probes, &mut distances);
            let rows = first..first + ids.nrows();
            found.ids.slice_mut(s![rows.clone(), ..]).assign(&ids);
            let unit = candidates.unit();
            let distances = distances.mapv(|distance| f64::from(distance) * unit);
            found.distances.slice_mut(s![rows.clone(), ..]).assign(&distances);
            first = rows.end;
        }
    }
    Ok(found)
}

/// Takes all candidates past the tiles, `rows` at a time, and tells `seen` how many each time.
fn meet<C: Candidates>(
    candidates: &C,
    engine: &Engine,
    tiles: &mut [Tile<C::Probes>],
    rows: usize,
    seen: impl FnMut(usize) -> Result<()> + Send,
) -> Result<()> {
    let n = candidates.len();
    let batches = (0..n).step_by(rows).map(|first| first..(first + rows).min(n));
    // Kept from batch to batch; all but the last have one height, all tiles but the last one width.
    let mut kept = BTreeMap::new();
    let start = |(rows, batch): (Range<usize>, C::Batch)| {
        let mut recorder = engine.recorder();
        let loaded = candidates.load(&mut recorder, batch)?;
        for Tile { probes, lists } in tiles.iter_mut() {
            let shape = (rows.len(), candidates.columns(lists.ids.rows()));
            let scores = match kept.entry(shape) {
                Entry::Occupied(scores) => scores.into_mut(),
                Entry::Vacant(place) => place.insert(engine.uninitialized(shape.0, shape.1)?),
            };
            candidates.score(&mut recorder, &loaded, probes, scores)?;
            recorder.keep_least(scores, rows.start, lists)?;
        }
        recorder.submit()?;
        Ok(rows.len())
    };
    let read = |rows: Range<usize>| Ok((rows.clone(), candidates.read(rows)?));
    let finish = |rows| engine.wait().map(|()| rows);
    pipeline(batches, read, start, finish, seen)
}

/// Fails on the first value of `x` (n, d) whose square, or that of its difference to another such value, would leave
/// the range of f32 in a sum of d; `first` is the number of the first row, `scale` what all have been multiplied with.
pub(super) fn check_range(x: ArrayView2<f32>, first: usize, scale: Scale) -> Result<()> {
    let most = (f32::MAX / (4.0 * x.ncols().max(1) as f32)).sqrt();
    // Looking for the largest before looking for the place lets the usual case vectorise.
    if x.iter().fold(true, |all, value| all & (value.abs() <= most)) {
        return Ok(());
    }
    match x.indexed_iter().find(|(_, value)| value.abs() > most) {
        None => Ok(()),
        Some(((row, column), value)) => Err(Error::input(format!(
            "the value at row {}, column {column} is {:e}; beside the others, distances are within f32 up to {:.1e}",
            first + row,
            value * scale.inverse(),
            most * scale.inverse()
        ))),
    }
}
