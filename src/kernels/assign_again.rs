//! Host side of `assign_again`: the second look of `assign`, by sums of differences.

use super::assign::OpenRows;
use super::prepare_codebook::Codebook;
use super::tile;
use crate::certified::bounds::DistanceBound;
use crate::engine::shader::{Params as _, Shader, shader_params};
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
        tile::OPEN_ROWS,
        tile::NEAREST,
        include_str!("../../shaders/assign_again.wgsl"),
    ],
    reads: &["x", "codebook", "panels", "half_norms", "open"],
    writes: &["codes", "distances"],
    params: Params::FIELDS,
    variants: || {
        let tiles = tile::Tile::ALL.into_iter();
        tiles.flat_map(|tile| [4, 3].map(|d| tile::variant(tile, d, Metric::Power(2), ""))).collect()
    },
};

shader_params!(Params { n: u32, d: u32, k: u32, factor: f32, underflow: f32 });

impl Recorder<'_> {
    /// Looks again at those workgroups' rows of which many are open.
    pub(super) fn assign_again(
        &mut self,
        rows: &OpenRows<'_>,
        codebook: &Codebook,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let (d, k) = (codebook.d(), codebook.k());
        let Some(panels) = codebook.raw_panels() else { return Ok(()) };
        let bound = DistanceBound::new(d, 2);
        let params = Params {
            n: rows.window.len() as u32,
            d: d as u32,
            k: k as u32,
            factor: bound.factor,
            underflow: bound.underflow,
        };
        let bindings = [
            rows.x.slice(rows.window.clone()),
            codebook.codewords().whole("the codebook")?,
            panels.panels.whole("the packed codebook")?,
            panels.half_norms.whole("the norms")?,
            rows.open.whole("the open rows")?,
            codes.slice(rows.window.clone()),
            distances.slice(rows.window.clone()),
        ];
        let variant = tile::variant(panels.tile, d, Metric::Power(2), "");
        let workgroups = (rows.window.len() as u64).div_ceil(panels.tile.rows);
        self.dispatch(&SHADER, &variant, &params, &bindings, workgroups)
    }
}
