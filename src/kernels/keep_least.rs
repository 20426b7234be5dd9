//! Host side of `keep_least`: the nearest of candidates that come a batch at a time.

use ndarray::Array2;

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Engine, Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "keep_least",
    source: &[super::GRID, include_str!("../../shaders/keep_least.wgsl")],
    reads: &["scores"],
    writes: &["ids", "least"],
    params: Params::FIELDS,
    variants: || [1, 100, LONGEST].map(variant).into(),
};

shader_params!(Params { rows: u32, columns: u32, queries: u32, column: u32, first: u32 });

/// The longest list: it and what arrives have to fit the 16 KiB of workgroup memory.
pub(crate) const LONGEST: usize = 1024;

/// Rows of one dispatch: where all of them enter a list of the longest, each lane makes 42,000 turns of its loops. llvmpipe
/// ends them after 65,535, without a word.
const ROWS: usize = 8192;

/// What a place that is still empty holds: no candidate has this number.
pub(crate) const NONE: u32 = u32::MAX;

/// The least scores that each of some queries has met so far, ascending, and whose they are.
pub(crate) struct Lists {
    /// (queries, k); [`NONE`] where there is no candidate yet.
    pub ids: Matrix<u32>,
    /// (queries, k); the largest f32 where there is no candidate yet.
    pub least: Matrix<f32>,
}

impl Lists {
    /// Empty lists of `k` places.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if k is not 1 to 1024; [`Device`](crate::ErrorKind::Device).
    pub(crate) fn new(engine: &Engine, queries: usize, k: usize) -> Result<Self> {
        if k == 0 || k > LONGEST {
            return Err(Error::shape(format!("keep_least: k is {k}; it can be 1 to {LONGEST}")));
        }
        Ok(Self {
            ids: engine.upload(Array2::from_elem((queries, k), NONE).view())?,
            least: engine.upload(Array2::from_elem((queries, k), f32::MAX).view())?,
        })
    }
}

impl Recorder<'_> {
    /// Takes more candidates into the lists: the candidate `first + i` has the score `scores[i, q]` for query q. Of
    /// equal scores the one of the lowest id is kept.
    ///
    /// Shapes: `scores` (n, columns), with a column for every query at least; further columns are not read. The ids
    /// of one call come after those of the calls before.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit or an id is beyond u32.
    pub(crate) fn keep_least(&mut self, scores: &Matrix<f32>, first: usize, lists: &mut Lists) -> Result<()> {
        let (rows, columns) = scores.shape();
        let Lists { ids, least } = lists;
        let (queries, k) = ids.shape();
        self.same_engine("keep_least", &[scores.engine(), ids.engine(), least.engine()])?;
        expect_shape("keep_least", "scores", scores.shape(), (rows, columns.max(queries)))?;
        expect_shape("keep_least", "least", least.shape(), (queries, k))?;
        if first.saturating_add(rows) > NONE as usize {
            return Err(Error::shape(format!(
                "keep_least: {rows} candidates from {first} on; ids are below {NONE}"
            )));
        }
        if rows == 0 || queries == 0 {
            return Ok(());
        }
        if self.gpu().is_none() {
            let (ids, least) = (ids.host_mut(), least.host_mut());
            cpu::keep_least::keep_least(scores.host(), columns, first as u32, k, ids, least);
            return Ok(());
        }
        for window in grid::row_windows(rows, [scores.shard_rows(), ROWS]) {
            for queries in grid::row_windows(queries, [ids.shard_rows(), least.shard_rows()]) {
                let params = Params {
                    rows: window.len() as u32,
                    columns: columns as u32,
                    queries: queries.len() as u32,
                    column: queries.start as u32,
                    first: (first + window.start) as u32,
                };
                let bindings =
                    [scores.slice(window.clone()), ids.slice(queries.clone()), least.slice(queries.clone())];
                self.dispatch(&SHADER, &variant(k), &params, &bindings, queries.len() as u64)?;
            }
        }
        Ok(())
    }
}

fn variant(k: usize) -> Variant {
    Variant { prelude: format!("const K: u32 = {k}u;\n").into(), ..Variant::DEFAULT }
}
