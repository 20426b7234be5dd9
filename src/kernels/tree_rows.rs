//! Host side of `tree_rows`: which codewords the codes of a tree-structured residual quantizer are.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "tree_rows",
    source: &[super::GRID, include_str!("../../shaders/tree_rows.wgsl")],
    reads: &["codes"],
    writes: &["rows"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, m: u32, k: u32 });

impl Recorder<'_> {
    /// `rows[i, j] = codes[i, j − 1]·k + codes[i, j]`, and `codes[i, 0]` in column 0: the rows of each stage's codewords
    /// that [`sum_codewords`](Self::sum_codewords) adds up.
    ///
    /// Shapes: `codes` and `rows` (n, m).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub(crate) fn tree_rows(&mut self, codes: &Matrix<u32>, k: usize, rows: &mut Matrix<u32>) -> Result<()> {
        let (n, m) = codes.shape();
        self.same_engine("tree_rows", &[codes.engine(), rows.engine()])?;
        expect_shape("tree_rows", "rows", rows.shape(), (n, m))?;
        if codes.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::tree_rows::tree_rows(codes.host(), m, k as u32, rows.host_mut());
            return Ok(());
        }
        for window in grid::row_windows(n, [codes.shard_rows(), rows.shard_rows()]) {
            let params = Params { n: window.len() as u32, m: m as u32, k: k as u32 };
            let bindings = [codes.slice(window.clone()), rows.slice(window.clone())];
            let workgroups = (window.len() as u64 * m as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
