//! Host side of `assign_exactly`: the third look of `assign`, in whole numbers.

use std::borrow::Cow;

use super::assign::OpenRows;
use super::prepare_codebook::Codebook;
use super::tile::{SOFTWARE_ITERATIONS, Tile};
use crate::certified::bounds::DistanceBound;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "assign_exactly",
    source: &[
        super::GRID,
        include_str!("../../shaders/shared/wide_product.wgsl"),
        include_str!("../../shaders/assign_exactly.wgsl"),
    ],
    reads: &["x", "codebook", "open"],
    writes: &["codes", "distances"],
    params: Params::FIELDS,
    variants: || Tile::ALL.map(variant).to_vec(),
};

shader_params!(Params { n: u32, d: u32, k: u32, factor: f32, underflow: f32, rows: u32, block: u32 });

/// Rows of a workgroup at most: `MOST_ROWS` in the shader.
const MOST_ROWS: usize = 8;

/// For codes from `tile`.
fn variant(tile: Tile) -> Variant {
    Variant { prelude: Cow::Owned(format!("const LANES = {}u;\n", tile.lanes)), ..Variant::DEFAULT }
}

/// How many rows a workgroup takes: as many as keep its loops within what a software driver does of them.
fn rows_per_workgroup(k: usize, d: usize) -> usize {
    // Two passes over the distances, and a place in whole numbers: two products per dimension, four limbs each.
    let passes = 2 * k.div_ceil(super::WORKGROUP as usize) * (d.div_ceil(16) + 1);
    let iterations = passes + 20 * d;
    // A power of two, so that a workgroup's rows are of one block.
    1 << (SOFTWARE_ITERATIONS / iterations).clamp(1, MOST_ROWS).ilog2()
}

impl Recorder<'_> {
    /// Decides the rows that are open.
    pub(super) fn assign_exactly(
        &mut self,
        rows: &OpenRows<'_>,
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
            rows: rows_per_workgroup(k, d) as u32,
            block: tile.rows as u32,
        };
        let bindings = [
            rows.x.slice(rows.window.clone()),
            codebook.codewords().whole("the codebook")?,
            rows.open.whole("the open rows")?,
            codes.slice(rows.window.clone()),
            distances.slice(rows.window.clone()),
        ];
        let workgroups = rows.window.len().div_ceil(params.rows as usize);
        self.dispatch(&SHADER, &variant(tile), &params, &bindings, workgroups as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workgroups_take_whole_parts_of_every_block() {
        for (k, d) in [(1, 1), (256, 128), (65_536, 768), (1 << 24, 4096)] {
            let rows = rows_per_workgroup(k, d);
            assert!((1..=MOST_ROWS).contains(&rows));
            assert!(Tile::ALL.iter().all(|tile| (tile.rows as usize).is_multiple_of(rows)));
        }
        assert_eq!(rows_per_workgroup(256, 128), MOST_ROWS);
    }
}
