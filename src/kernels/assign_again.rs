//! Host side of `assign_again`: the second look of `assign`, by sums of differences.

use super::assign::LeftRows;
use super::prepare_codebook::{Codebook, Panels};
use super::{assign_exactly, tile};
use crate::certified::bounds::DistanceBound;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::tile::Tile;
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::metrics::Metric;

pub(crate) static SHADER: Shader = Shader {
    stem: "assign_again",
    source: &[
        super::GRID,
        tile::REGISTERS,
        tile::METRIC,
        tile::SCORE,
        tile::DISTANCE,
        tile::LOWEST,
        tile::TRUSTED,
        tile::LISTED_ROWS,
        tile::LEFT_ROWS,
        tile::NEAREST,
        include_str!("../../shaders/assign_again.wgsl"),
    ],
    reads: &["x", "codebook", "panels", "half_norms", "listed"],
    writes: &["codes", "distances", "left"],
    params: Params::FIELDS,
    variants: || {
        let tiles = Tile::ALL.into_iter();
        tiles.flat_map(|tile| [4, 3].map(|d| tile::variant(tile, d, Metric::Power(2), ""))).collect()
    },
};

shader_params!(Params { n: u32, d: u32, k: u32, factor: f32, underflow: f32, exact_rows: u32 });

impl Recorder<'_> {
    /// Looks again at the rows, and returns those that [`assign_exactly`](Self::assign_exactly) has to.
    pub(super) fn assign_again<'a>(
        &mut self,
        rows: LeftRows<'a>,
        codebook: &Codebook,
        panels: &Panels,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<LeftRows<'a>> {
        let (d, k) = (codebook.d(), codebook.k());
        let left = self.row_list(rows.window.len())?;
        let bound = DistanceBound::new(d, 2);
        let params = Params {
            n: rows.window.len() as u32,
            d: d as u32,
            k: k as u32,
            factor: bound.factor,
            underflow: bound.underflow,
            exact_rows: assign_exactly::rows_per_workgroup(panels.tile, k, d) as u32,
        };
        let bindings = [
            rows.x.slice(rows.window.clone()),
            codebook.codewords().whole("the codebook")?,
            panels.panels.whole("the packed codebook")?,
            panels.half_norms.whole("the norms")?,
            rows.list.slab(),
            codes.slice(rows.window.clone()),
            distances.slice(rows.window.clone()),
            left.slab(),
        ];
        let variant = tile::variant(panels.tile, d, Metric::Power(2), "");
        self.dispatch_listed(&SHADER, &variant, &params, &bindings, &rows.list)?;
        Ok(LeftRows { list: left, ..rows })
    }
}
