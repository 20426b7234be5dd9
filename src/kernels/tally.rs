//! Host side of `tally`: how often codewords are used, over many batches.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "tally",
    source: &[super::GRID, include_str!("../../shaders/tally.wgsl")],
    reads: &["counts"],
    writes: &["vectors", "batches"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { k: u32 });

impl Recorder<'_> {
    /// Adds one batch to running totals: `vectors[c] += counts[c]`, and `batches[c] += 1` where the count is not 0.
    ///
    /// Shapes: `counts` as [`histogram`](Self::histogram) makes them, `vectors` and `batches`: all (k, 1).
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let counts = engine.upload(array![[5_u32], [0]].view())?;
    /// let (mut vectors, mut batches) = (engine.zeros(2, 1)?, engine.zeros(2, 1)?);
    /// let mut recorder = engine.recorder();
    /// recorder.tally(&counts, &mut vectors, &mut batches)?;
    /// recorder.tally(&counts, &mut vectors, &mut batches)?;
    /// recorder.submit()?;
    /// assert_eq!(vectors.download()?, array![[10], [0]]);
    /// assert_eq!(batches.download()?, array![[2], [0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub fn tally(
        &mut self,
        counts: &Matrix<u32>,
        vectors: &mut Matrix<u32>,
        batches: &mut Matrix<u32>,
    ) -> Result<()> {
        let k = counts.rows();
        self.same_engine("tally", &[counts.engine(), vectors.engine(), batches.engine()])?;
        expect_shape("tally", "counts", counts.shape(), (k, 1))?;
        expect_shape("tally", "vectors", vectors.shape(), (k, 1))?;
        expect_shape("tally", "batches", batches.shape(), (k, 1))?;
        if self.gpu().is_none() {
            cpu::tally::tally(counts.host(), vectors.host_mut(), batches.host_mut());
            return Ok(());
        }
        let heights = [counts.shard_rows(), vectors.shard_rows(), batches.shard_rows()];
        for window in grid::row_windows(k, heights) {
            let params = Params { k: window.len() as u32 };
            let workgroups = (window.len() as u64).div_ceil(super::WORKGROUP);
            let bindings =
                [counts.slice(window.clone()), vectors.slice(window.clone()), batches.slice(window)];
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
