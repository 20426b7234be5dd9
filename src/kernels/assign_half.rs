//! Host side of `assign_half`: the first look of `assign` in f16, and the looks behind it.

use super::assign::LeftRows;
use super::half_blocks;
use super::prepare_codebook::{Codebook, HalfPanels};
use super::tile;
use super::to_half::Halves;
use crate::engine::gpu::Gpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, RowList, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "assign_half",
    source: &[
        super::GRID,
        half_blocks::BLOCKS,
        tile::LEFT_ROWS,
        include_str!("../../shaders/assign_half.wgsl"),
    ],
    reads: &["rows", "row_numbers", "codewords", "numbers"],
    writes: &["codes", "left"],
    params: Params::FIELDS,
    variants: half_blocks::variants,
};

shader_params!(Params { n: u32, k: u32, quads: u32, again_rows: u32 });

/// Rows of a workgroup: `WORKGROUP_ROWS`.
const WORKGROUP_ROWS: usize = 64;

/// Codewords are padded to a multiple of these: `PANEL`.
pub(super) const PANEL: usize = 128;

/// Rows that are in f16 at a time, at most.
const MOST_ROWS: usize = 1 << 18;

/// Rows of `d` dimensions for one dispatch.
fn rows_per_dispatch(gpu: &Gpu, k: usize, d: usize) -> usize {
    let bound = gpu.max_binding() as usize / (size_of::<u32>() * Halves::words(d).max(4));
    let rows = tile::rows_per_dispatch(gpu, k, d).min(RowList::most_rows(gpu));
    (rows.min(bound).min(MOST_ROWS) / 256).max(1) * 256
}

impl Recorder<'_> {
    /// [`assign`](Self::assign) with a first look in f16, on a GPU.
    pub(super) fn assign_half(
        &mut self,
        x: &Matrix<f32>,
        codebook: &Codebook,
        half: &HalfPanels,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let gpu = self.gpu().expect("codebooks in f16 are for GPUs");
        let (n, d, k) = (x.rows(), codebook.d(), codebook.k());
        let most = rows_per_dispatch(&gpu, k, d);
        let variant = half_blocks::variant(half.products);
        let mut rows = Halves::allocate(self.engine(), most.min(n), d)?;
        for window in grid::row_windows(n, [x.shard_rows(), codes.shard_rows(), distances.shard_rows(), most])
        {
            let count = window.len();
            self.round_to_half(x, window.clone(), &codebook.panels().mean, &mut rows, count)?;
            let left = self.row_list(count)?;
            let params = Params {
                n: count as u32,
                k: k as u32,
                quads: rows.quads() as u32,
                again_rows: half.raw.tile.rows as u32,
            };
            let bindings = [
                rows.halves.slice(0..count),
                rows.numbers.slice(0..count),
                half.codewords.halves.whole("the codebook in f16")?,
                half.codewords.numbers.whole("the numbers of the codewords")?,
                codes.slice(window.clone()),
                left.slab(),
            ];
            self.dispatch(&SHADER, &variant, &params, &bindings, count.div_ceil(WORKGROUP_ROWS) as u64)?;
            self.code_distances(x, codebook.codewords(), codes, distances, window.clone())?;
            let left = LeftRows { x, window, list: left };
            let left = self.assign_again(left, codebook, half.raw, codes, distances)?;
            self.assign_exactly(&left, codebook, codes, distances)?;
        }
        Ok(())
    }
}
