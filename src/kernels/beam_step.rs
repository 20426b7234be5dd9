//! Host side of `beam_step`: one step of a beam search over sums of codewords.

use super::lanes::Lanes;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Engine, Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "beam_step",
    source: &[super::GRID, super::LEAST, include_str!("../../shaders/beam_step.wgsl")],
    reads: &["scores", "gram", "ids_in", "costs_in"],
    writes: &["ids", "costs"],
    params: Params::FIELDS,
    variants: || {
        let variants = |w| [variant(Lanes::ALL, w, false), variant(Lanes::ALL, w, true)];
        [1, 5, MOST_ENTRIES].into_iter().flat_map(variants).collect()
    },
};

shader_params!(Params { n: u32, entries: u32, length: u32, candidates: u32, first: u32, group: u32 });

/// The widest beam.
pub(crate) const MOST_ENTRIES: usize = 128;

/// Costs that a workgroup can keep between its rounds: `CACHE` in the shader.
const CACHE: usize = 3072;

/// Tuples that a workgroup has room for: `ROOM` in the shader.
const ROOM: usize = 320;

fn variant(lanes: Lanes, w: usize, cached: bool) -> Variant {
    lanes.variant(&[("W_OUT", w as f64), ("CACHED", f64::from(u8::from(cached)))])
}

/// The beams of n rows: of each, `entries` tuples of `length` codewords with their costs, the cheapest first.
pub(crate) struct Beam {
    /// Codeword numbers, (n, entries · length).
    pub ids: Matrix<u32>,
    /// (n, entries): half the squared distance, less the same for all of a row.
    pub costs: Matrix<f32>,
    /// Codewords of a tuple.
    pub length: usize,
}

impl Beam {
    /// Room for the beams of `n` rows.
    pub fn new(engine: &Engine, n: usize, entries: usize, length: usize) -> Result<Self> {
        if entries == 0 || entries > MOST_ENTRIES {
            return Err(Error::input(format!("a beam of width {entries}; must be 1 to {MOST_ENTRIES}")));
        }
        Ok(Self {
            ids: engine.uninitialized(n, entries * length)?,
            costs: engine.uninitialized(n, entries)?,
            length,
        })
    }

    fn entries(&self) -> usize {
        self.costs.cols()
    }
}

/// The codewords that a beam is extended by.
pub(crate) struct Candidates<'a> {
    /// ½‖c‖² − x·c, (n, candidates).
    pub scores: &'a Matrix<f32>,
    /// ⟨a, c⟩ for every codeword a that an entry may have and every candidate c, (codewords, candidates).
    pub gram: &'a Matrix<f32>,
    /// The number of the first candidate; the others follow.
    pub first: usize,
    /// Codewords of a codebook, if entries may not take a second one from the same; otherwise 0.
    pub group: usize,
}

impl Recorder<'_> {
    /// Extends every entry of `from` (at the start, `None`: the empty tuple) by every candidate, and keeps the cheapest
    /// tuples, as many as `to` has entries.
    ///
    /// The caller sees to it that there are so many: with groups, entries · group at least where any is left.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit; [`Device`](crate::ErrorKind::Device) if a software
    /// driver would cut the search short.
    pub(crate) fn beam_step(
        &mut self,
        from: Option<&Beam>,
        candidates: &Candidates<'_>,
        to: &mut Beam,
    ) -> Result<()> {
        let Candidates { scores, gram, first, group } = *candidates;
        let (n, count) = scores.shape();
        let (entries, length) = from.map_or((1, 0), |from| (from.entries(), from.length));
        let w = to.entries();
        self.same_engine("beam_step", &[scores.engine(), gram.engine(), to.ids.engine()])?;
        expect_shape("beam_step", "gram", gram.shape(), (gram.rows(), count))?;
        expect_shape("beam_step", "ids", to.ids.shape(), (n, w * (length + 1)))?;
        expect_shape("beam_step", "costs", to.costs.shape(), (n, w))?;
        if let Some(from) = from {
            expect_shape("beam_step", "the ids before", from.ids.shape(), (n, entries * length))?;
            expect_shape("beam_step", "the costs before", from.costs.shape(), (n, entries))?;
        }
        if w > entries * count {
            return Err(Error::shape(format!("beam_step: {w} of {entries} × {count} tuples")));
        }
        to.length = length + 1;
        let Some(gpu) = self.gpu() else {
            let step = cpu::beam_step::Step {
                scores: scores.host(),
                gram: gram.host(),
                candidates: count,
                first: first as u32,
                group: group as u32,
                ids_in: from.map_or(&[], |from| from.ids.host()),
                costs_in: from.map_or(&[0.0], |from| from.costs.host()),
                entries,
                length,
            };
            step.run(w, to.ids.host_mut(), to.costs.host_mut());
            return Ok(());
        };
        let tuples = entries * count;
        let cached = tuples <= CACHE;
        let fits = |rows: usize| rows * tuples <= CACHE && rows * w <= ROOM;
        let iterations = |lanes: usize| {
            let own = tuples.div_ceil(lanes);
            let per_round = if cached { own } else { own * (2 * length + 2) };
            own * (2 * length + 2) + w * (per_round + 16)
        };
        let lanes = Lanes::choose(self.engine(), &gpu, tuples, fits, iterations).ok_or_else(|| {
            Error::device(format!(
                "a beam of {w} over {count} candidates is more than a software driver runs in one go; \
                 take a narrower beam or --device cpu"
            ))
        })?;
        let shards = [scores.shard_rows(), to.ids.shard_rows(), to.costs.shard_rows()];
        let before = from.into_iter().flat_map(|from| [from.ids.shard_rows(), from.costs.shard_rows()]);
        // Nothing is read of these where there is no beam yet, but something has to be bound.
        let (no_ids, no_costs);
        if from.is_none() {
            (no_ids, no_costs) = (
                Some(self.engine().uninitialized::<u32>(1, 1)?),
                Some(self.engine().uninitialized::<f32>(1, 1)?),
            );
        } else {
            (no_ids, no_costs) = (None, None);
        }
        for window in grid::row_windows(n, shards.into_iter().chain(before)) {
            let params = Params {
                n: window.len() as u32,
                entries: entries as u32,
                length: length as u32,
                candidates: count as u32,
                first: first as u32,
                group: group as u32,
            };
            let (ids_in, costs_in) = match (from, &no_ids, &no_costs) {
                (Some(from), ..) => (from.ids.slice(window.clone()), from.costs.slice(window.clone())),
                (None, Some(ids), Some(costs)) => (ids.slice(0..1), costs.slice(0..1)),
                _ => unreachable!("made above"),
            };
            let bindings = [
                scores.slice(window.clone()),
                gram.whole("the table of inner products")?,
                ids_in,
                costs_in,
                to.ids.slice(window.clone()),
                to.costs.slice(window.clone()),
            ];
            self.dispatch(
                &SHADER,
                &variant(lanes, w, cached),
                &params,
                &bindings,
                lanes.workgroups(window.len()),
            )?;
        }
        Ok(())
    }
}
