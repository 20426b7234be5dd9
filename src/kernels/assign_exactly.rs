//! Host side of `assign_exactly`: the third look of `assign`, in whole numbers.

use std::borrow::Cow;

use super::assign::LeftRows;
use super::prepare_codebook::Codebook;
use super::tile;
use crate::certified::bounds::DistanceBound;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::tile::{SOFTWARE_ITERATIONS, Tile};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "assign_exactly",
    source: &[
        super::GRID,
        tile::TRUSTED,
        tile::LISTED_ROWS,
        super::EXACTLY[0],
        super::EXACTLY[1],
        include_str!("../../shaders/assign_exactly.wgsl"),
    ],
    reads: &["x", "codebook", "listed"],
    writes: &["codes", "distances"],
    params: Params::FIELDS,
    variants: || [Tile::DIRECT, Tile::STAGED].map(variant).to_vec(),
};

shader_params!(Params { n: u32, d: u32, k: u32, factor: f32, underflow: f32, rows: u32 });

/// Invocations that share a row: to start many takes a software driver longer than a row does.
const THREADS: usize = 256;
const THREADS_OF_SOFTWARE: usize = 32;

/// Rows that a workgroup takes at most: as there are few, a GPU has room for a workgroup of each.
const MOST_ROWS: usize = 4;

fn threads(tile: Tile) -> usize {
    if tile.is_staged() { THREADS } else { THREADS_OF_SOFTWARE }
}

/// For codes from `tile`: one for each core.
fn variant(tile: Tile) -> Variant {
    let prelude = format!("const PARTS = {}u;\nconst THREADS = {}u;\n", tile.parts(), threads(tile));
    Variant { prelude: Cow::Owned(prelude), ..Variant::DEFAULT }
}

/// How many rows a workgroup takes: as many as keep its loops within what a software driver does of them.
pub(super) fn rows_per_workgroup(tile: Tile, k: usize, d: usize) -> usize {
    // Two passes over the distances; and where all are as near, each codeword is compared with another, and placed. Six for
    // a dimension is what llvmpipe was seen to count at most.
    let own = k.div_ceil(threads(tile));
    let iterations = own * (2 * (d.div_ceil(16) + 1) + 6 * d) + 200;
    (SOFTWARE_ITERATIONS / iterations).clamp(1, MOST_ROWS)
}

impl Recorder<'_> {
    /// Decides the rows.
    pub(super) fn assign_exactly(
        &mut self,
        rows: &LeftRows<'_>,
        codebook: &Codebook,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let (d, k) = (codebook.d(), codebook.k());
        let bound = DistanceBound::new(d, 2);
        let tile = codebook.panels().tile;
        let params = Params {
            n: rows.window.len() as u32,
            d: d as u32,
            k: k as u32,
            factor: bound.factor,
            underflow: bound.underflow,
            rows: rows_per_workgroup(tile, k, d) as u32,
        };
        let bindings = [
            rows.x.slice(rows.window.clone()),
            codebook.codewords().whole("the codebook")?,
            rows.list.slab(),
            codes.slice(rows.window.clone()),
            distances.slice(rows.window.clone()),
        ];
        self.dispatch_listed(&SHADER, &variant(tile), &params, &bindings, &rows.list)
    }
}
