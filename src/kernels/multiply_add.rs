//! Host side of `multiply_add`: the device's peak, for benchmarks.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "multiply_add",
    source: &[super::GRID, include_str!("../../shaders/multiply_add.wgsl")],
    reads: &[],
    writes: &["sums"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, rounds: u32, factor: f32, addend: f32 });

impl Recorder<'_> {
    /// Nothing but fused multiply-adds, to measure what the device can do at best.
    ///
    /// Each element of `sums` (n, 1) becomes the sum of 64 chains, where chain j starts at j/64 and becomes
    /// `v·factor + addend`, `rounds` times: 2 · 64 · n · rounds operations. [`Recorder::submit_timed`] has an example.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if `sums` is no column.
    pub fn multiply_add(
        &mut self,
        sums: &mut Matrix<f32>,
        rounds: u32,
        factor: f32,
        addend: f32,
    ) -> Result<()> {
        let n = sums.rows();
        self.same_engine("multiply_add", &[sums.engine()])?;
        expect_shape("multiply_add", "sums", sums.shape(), (n, 1))?;
        if self.gpu().is_none() {
            cpu::multiply_add::multiply_add(sums.host_mut(), rounds, factor, addend);
            return Ok(());
        }
        for window in grid::row_windows(n, [sums.shard_rows()]) {
            let params = Params { n: window.len() as u32, rounds, factor, addend };
            let workgroups = (window.len() as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &[sums.slice(window)], workgroups)?;
        }
        Ok(())
    }
}
