//! Host side of `row_sums`: the sum of each row, and of each column.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "row_sums",
    source: &[super::GRID, include_str!("../../shaders/row_sums.wgsl")],
    reads: &["x"],
    writes: &["sums"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, d: u32 });

impl Recorder<'_> {
    /// `sums[i] = Σ_j x[i, j]`.
    ///
    /// Shapes: `x` (n, d), `sums` (n, 1). Each is within d roundings of Σ|x|.
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[1.0_f32, 2.0], [3.0, 4.0]].view())?;
    /// let (mut rows, mut columns) = (engine.uninitialized(2, 1)?, engine.uninitialized(1, 2)?);
    /// let mut recorder = engine.recorder();
    /// recorder.row_sums(&x, &mut rows)?;
    /// recorder.column_sums(&x, &mut columns)?;
    /// recorder.submit()?;
    /// assert_eq!(rows.download()?, array![[3.0], [7.0]]);
    /// assert_eq!(columns.download()?, array![[4.0, 6.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub fn row_sums(&mut self, x: &Matrix<f32>, sums: &mut Matrix<f32>) -> Result<()> {
        let (n, d) = x.shape();
        self.same_engine("row_sums", &[x.engine(), sums.engine()])?;
        expect_shape("row_sums", "sums", sums.shape(), (n, 1))?;
        if x.is_empty() {
            return self.fill(sums, 0.0);
        }
        if self.gpu().is_none() {
            cpu::row_sums::row_sums(x.host(), d, sums.host_mut());
            return Ok(());
        }
        for window in grid::row_windows(n, [x.shard_rows(), sums.shard_rows()]) {
            let params = Params { n: window.len() as u32, d: d as u32 };
            let workgroups = (window.len() as u64).div_ceil(super::WORKGROUP);
            let bindings = [x.slice(window.clone()), sums.slice(window)];
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }

    /// `sums[j] = Σ_i x[i, j]`: a product with ones, see [`transposed_matmul`](Self::transposed_matmul).
    ///
    /// Shapes: `x` (n, d), `sums` (1, d).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub fn column_sums(&mut self, x: &Matrix<f32>, sums: &mut Matrix<f32>) -> Result<()> {
        let mut ones = self.engine().uninitialized(x.rows(), 1)?;
        self.fill(&mut ones, 1.0)?;
        self.transposed_matmul(&ones, x, sums)
    }
}
