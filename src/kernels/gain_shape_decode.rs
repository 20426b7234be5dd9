//! Host side of `gain_shape_decode`: what codes of a gain and a shape stand for.

use super::gain_shape_encode::Shape;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;
use crate::ops::gain_shape::LENGTH_CODES;

pub(crate) static SHADER: Shader = Shader {
    stem: "gain_shape_decode",
    source: &[super::GRID, include_str!("../../shaders/gain_shape_decode.wgsl")],
    reads: &["codes", "grid"],
    writes: &["decoded"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, d: u32, k: u32 });

impl Recorder<'_> {
    /// `decoded[i, j]` becomes the gain of row i times the number that `codes[i, j]` stands for; a code that is past the last counts
    /// as the last.
    ///
    /// Shapes: `codes` (n, d + 4), `decoded` (n, d).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub(crate) fn gain_shape_decode(
        &mut self,
        codes: &Matrix<u32>,
        shape: &Shape,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = decoded.shape();
        self.same_engine("gain_shape_decode", &[codes.engine(), shape.grid.engine(), decoded.engine()])?;
        expect_shape("gain_shape_decode", "codes", codes.shape(), (n, d + LENGTH_CODES))?;
        if decoded.is_empty() {
            return Ok(());
        }
        let k = shape.grid.cols();
        if self.gpu().is_none() {
            let magnitudes = &shape.grid.host()[k..];
            cpu::gain_shape_decode::gain_shape_decode(codes.host(), d, magnitudes, decoded.host_mut());
            return Ok(());
        }
        let table = shape.grid.whole("gain_shape_decode: grid")?;
        for window in grid::row_windows(n, [codes.shard_rows(), decoded.shard_rows()]) {
            let params = Params { n: window.len() as u32, d: d as u32, k: k as u32 };
            let bindings = [codes.slice(window.clone()), table.clone(), decoded.slice(window.clone())];
            let workgroups = (window.len() as u64 * d as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
