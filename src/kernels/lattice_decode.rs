//! Host side of `lattice_decode`: codes to the lattice points they stand for.

use super::lattice_round::{DeviceGrid, VARIANTS};
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "lattice_decode",
    source: &[
        super::GRID,
        include_str!("../../shaders/shared/golay.wgsl"),
        include_str!("../../shaders/shared/lattice.wgsl"),
        include_str!("../../shaders/lattice_decode.wgsl"),
    ],
    reads: &["codes", "grid"],
    writes: &["decoded"],
    params: Params::FIELDS,
    variants: || VARIANTS.to_vec(),
};

shader_params!(Params { n: u32, d: u32, columns: u32, dim: u32 });

impl Recorder<'_> {
    /// The points of `grid` that `codes` stand for, as [`Recorder::lattice_round`] makes them.
    ///
    /// Shapes: `codes` (n, c) where c is d rounded up to a multiple of the lattice's dimension, `decoded` (n, d).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub(crate) fn lattice_decode(
        &mut self,
        codes: &Matrix<u32>,
        grid: &DeviceGrid,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d, columns) = (codes.rows(), grid.d, grid.columns());
        self.same_engine("lattice_decode", &[codes.engine(), grid.table.engine(), decoded.engine()])?;
        expect_shape("lattice_decode", "codes", codes.shape(), (n, columns))?;
        expect_shape("lattice_decode", "decoded", decoded.shape(), (n, d))?;
        if decoded.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            let table = grid.table.host();
            cpu::lattice_decode::lattice_decode(codes.host(), d, grid.lattice, table, decoded.host_mut());
            return Ok(());
        }
        let table = grid.table.whole("lattice_decode: grid")?;
        let dim = grid.lattice.dim();
        for window in grid::row_windows(n, [codes.shard_rows(), decoded.shard_rows()]) {
            let params =
                Params { n: window.len() as u32, d: d as u32, columns: columns as u32, dim: dim as u32 };
            let bindings = [codes.slice(window.clone()), table.clone(), decoded.slice(window.clone())];
            let workgroups = (window.len() as u64 * (columns / dim) as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, grid.variant(), &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
