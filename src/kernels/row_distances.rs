//! Host side of `row_distances`: how far the rows of two matrices are apart.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "row_distances",
    source: &[super::GRID, include_str!("../../shaders/row_distances.wgsl")],
    reads: &["x", "y"],
    writes: &["distances"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, d: u32 });

impl Recorder<'_> {
    /// The squared distance of each row of `x` to the same row of `y`.
    ///
    /// Shapes: `x` and `y` (n, d), `distances` (n, 1). Each is within d + 3 roundings.
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[1.0_f32, 2.0]].view())?;
    /// let y = engine.upload(array![[4.0_f32, 6.0]].view())?;
    /// let mut distances = engine.uninitialized(1, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.row_distances(&x, &y, &mut distances)?;
    /// recorder.submit()?;
    /// assert_eq!(distances.download()?, array![[25.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub fn row_distances(
        &mut self,
        x: &Matrix<f32>,
        y: &Matrix<f32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = x.shape();
        self.same_engine("row_distances", &[x.engine(), y.engine(), distances.engine()])?;
        expect_shape("row_distances", "y", y.shape(), (n, d))?;
        expect_shape("row_distances", "distances", distances.shape(), (n, 1))?;
        if self.gpu().is_none() {
            cpu::row_distances::row_distances(x.host(), y.host(), d, distances.host_mut());
            return Ok(());
        }
        for window in grid::row_windows(n, [x.shard_rows(), y.shard_rows(), distances.shard_rows()]) {
            let params = Params { n: window.len() as u32, d: d as u32 };
            let bindings =
                [x.slice(window.clone()), y.slice(window.clone()), distances.slice(window.clone())];
            let workgroups = (window.len() as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
