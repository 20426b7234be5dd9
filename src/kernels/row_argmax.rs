//! Host side of `row_argmax`: where each row is greatest.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "row_argmax",
    source: &[super::GRID, include_str!("../../shaders/row_argmax.wgsl")],
    reads: &["values"],
    writes: &["indices"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, d: u32 });

impl Recorder<'_> {
    /// The column in which each row of `values` is greatest, of equal ones the first. With Gumbel noise on logits it is
    /// a draw from their softmax.
    ///
    /// Shapes: `values` (n, d) with d ≥ 1, `indices` (n, 1). Numbers below the normal ones may count as 0.
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let values = engine.upload(array![[1.0_f32, 3.0, 3.0], [-1.0, -2.0, -3.0]].view())?;
    /// let mut indices = engine.uninitialized(2, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.row_argmax(&values, &mut indices)?;
    /// recorder.submit()?;
    /// assert_eq!(indices.download()?, array![[1], [0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit or the rows have no elements.
    pub fn row_argmax(&mut self, values: &Matrix<f32>, indices: &mut Matrix<u32>) -> Result<()> {
        let (n, d) = values.shape();
        self.same_engine("row_argmax", &[values.engine(), indices.engine()])?;
        expect_shape("row_argmax", "indices", indices.shape(), (n, 1))?;
        if d == 0 {
            return Err(Error::shape("row_argmax: the rows have 0 elements, of which none is the greatest"));
        }
        if self.gpu().is_none() {
            cpu::row_argmax::row_argmax(values.host(), d, indices.host_mut());
            return Ok(());
        }
        for window in grid::row_windows(n, [values.shard_rows(), indices.shard_rows()]) {
            let params = Params { n: window.len() as u32, d: d as u32 };
            let bindings = [values.slice(window.clone()), indices.slice(window.clone())];
            let workgroups = (window.len() as u64).div_ceil(super::ROWS);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
