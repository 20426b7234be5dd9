//! Host side of `sum_codewords`: decoding of codes whose codewords add up.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "sum_codewords",
    source: &[super::GRID, include_str!("../../shaders/sum_codewords.wgsl")],
    reads: &["codes", "offsets", "codewords"],
    writes: &["decoded"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, m: u32, d: u32 });

impl Recorder<'_> {
    /// `decoded[i] = Σ_j codewords[offsets[j] + codes[i, j]]` (Eqs. 2.9 and 2.11).
    ///
    /// Shapes: `codes` (n, m), each below its codebook's size; `offsets` (m + 1, 1), where each codebook starts among
    /// the `codewords` (offsets\[m\], d) of all; `decoded` (n, d).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub(crate) fn sum_codewords(
        &mut self,
        codes: &Matrix<u32>,
        offsets: &Matrix<u32>,
        codewords: &Matrix<f32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        let ((n, m), d) = (codes.shape(), codewords.cols());
        self.same_engine("sum_codewords", &[codes.engine(), codewords.engine(), decoded.engine()])?;
        expect_shape("sum_codewords", "offsets", offsets.shape(), (m + 1, 1))?;
        expect_shape("sum_codewords", "decoded", decoded.shape(), (n, d))?;
        if self.gpu().is_none() {
            cpu::sum_codewords::sum_codewords(
                codes.host(),
                offsets.host(),
                codewords.host(),
                d,
                decoded.host_mut(),
            );
            return Ok(());
        }
        for window in grid::row_windows(n, [codes.shard_rows(), decoded.shard_rows()]) {
            let params = Params { n: window.len() as u32, m: m as u32, d: d as u32 };
            let bindings = [
                codes.slice(window.clone()),
                offsets.whole("the offsets")?,
                codewords.whole("the codewords")?,
                decoded.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64 * d as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
