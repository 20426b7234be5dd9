//! Host side of `scalar_decode`: codes to the levels they number.

use super::scalar_encode::{LISTED, Levels, UNIFORM};
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "scalar_decode",
    source: &[super::GRID, include_str!("../../shaders/scalar_decode.wgsl")],
    reads: &["codes", "table"],
    writes: &["decoded"],
    params: Params::FIELDS,
    variants: || vec![UNIFORM.clone(), LISTED.clone()],
};

shader_params!(Params { n: u32, d: u32, k: u32, stride: u32 });

impl Recorder<'_> {
    /// `decoded[i, j]` becomes level `codes[i, j]` of column j, the last for a code that is past it.
    ///
    /// Shapes: `codes` and `decoded` (n, d).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, or the levels are over the device's binding limit.
    pub(crate) fn scalar_decode(
        &mut self,
        codes: &Matrix<u32>,
        levels: &Levels,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = codes.shape();
        self.same_engine("scalar_decode", &[codes.engine(), levels.table.engine(), decoded.engine()])?;
        expect_shape("scalar_decode", "codes", codes.shape(), (n, levels.d))?;
        expect_shape("scalar_decode", "decoded", decoded.shape(), (n, d))?;
        if codes.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::scalar_decode::scalar_decode(codes.host(), d, levels.cpu(), decoded.host_mut());
            return Ok(());
        }
        let table = levels.table.whole("scalar_decode: levels")?;
        for window in grid::row_windows(n, [codes.shard_rows(), decoded.shard_rows()]) {
            let params = Params {
                n: window.len() as u32,
                d: d as u32,
                k: levels.k as u32,
                stride: levels.stride() as u32,
            };
            let bindings = [codes.slice(window.clone()), table.clone(), decoded.slice(window.clone())];
            let workgroups = (window.len() as u64 * d as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, levels.variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
