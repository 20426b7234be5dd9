//! Host side of `gather`: rows of a matrix by number.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "gather",
    source: &[super::GRID, include_str!("../../shaders/gather.wgsl")],
    reads: &["source_rows", "indices"],
    writes: &["gathered"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, d: u32, first: u32, rows: u32 });

impl Recorder<'_> {
    /// `gathered[i] = source[indices[i]]`: decoding, when `source` is a codebook.
    ///
    /// Shapes: `source` (k, d), `indices` (n, 1), `gathered` (n, d). A row whose index is not below k is
    /// left as it is. [`Recorder`] has an example.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub fn gather(
        &mut self,
        source: &Matrix<f32>,
        indices: &Matrix<u32>,
        gathered: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = (indices.rows(), source.cols());
        self.same_engine("gather", &[source.engine(), indices.engine(), gathered.engine()])?;
        expect_shape("gather", "indices", indices.shape(), (n, 1))?;
        expect_shape("gather", "gathered", gathered.shape(), (n, d))?;
        if gathered.is_empty() || source.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::gather::gather(source.host(), d, indices.host(), gathered.host_mut());
            return Ok(());
        }
        for shard in grid::row_windows(source.rows(), [source.shard_rows()]) {
            for window in grid::row_windows(n, [indices.shard_rows(), gathered.shard_rows()]) {
                let params = Params {
                    n: window.len() as u32,
                    d: d as u32,
                    first: shard.start as u32,
                    rows: shard.len() as u32,
                };
                let bindings = [
                    source.slice(shard.clone()),
                    indices.slice(window.clone()),
                    gathered.slice(window.clone()),
                ];
                let workgroups = (window.len() as u64 * d as u64).div_ceil(super::WORKGROUP);
                self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
            }
        }
        Ok(())
    }
}
