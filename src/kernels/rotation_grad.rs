//! Host side of `rotation_grad`: gradients carried along the rotation of a vector onto its codeword.

use super::lanes;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "rotation_grad",
    source: &[super::GRID, super::LENGTHS, include_str!("../../shaders/rotation_grad.wgsl")],
    reads: &["x", "quantized", "gradient"],
    writes: &["dx"],
    params: Params::FIELDS,
    variants: || lanes::SUMMING.to_vec(),
};

shader_params!(Params { n: u32, d: u32 });

impl Recorder<'_> {
    /// The derivative by x of `q = sg[(‖q‖/‖x‖) R] x`, where R rotates x onto q by two reflections: the rotation trick of
    /// Fifty et al. ("Restructuring vector quantization with the rotation trick", 2024). With e = x/‖x‖, f = q/‖q‖ and
    /// s = e + f, `dx[i] = (‖q‖/‖x‖) (g − 2 s (s·g)/‖s‖² + 2 e (f·g))` for the gradient g by q.
    ///
    /// Shapes: `x`, `quantized` (the q), `gradient` and `dx` (n, d). Where x is 0 (shorter than 2⁻⁵⁰) dx is g, where q is
    /// 0 it is 0, and where they point opposite ways to within 2⁻¹² the term with s is left out. Squares have to stay
    /// in the range of `f32`.
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[1.0_f32, 0.0]].view())?;
    /// let quantized = engine.upload(array![[0.0_f32, 2.0]].view())?;
    /// let gradient = engine.upload(array![[0.0_f32, 1.0]].view())?;
    /// let mut dx = engine.uninitialized(1, 2)?;
    /// let mut recorder = engine.recorder();
    /// recorder.rotation_grad(&x, &quantized, &gradient, &mut dx)?;
    /// recorder.submit()?;
    /// // What pointed along the codeword points along the vector.
    /// let dx = dx.download()?;
    /// assert!((dx[[0, 0]] - 2.0).abs() < 1e-6 && dx[[0, 1]].abs() < 1e-6);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn rotation_grad(
        &mut self,
        x: &Matrix<f32>,
        quantized: &Matrix<f32>,
        gradient: &Matrix<f32>,
        dx: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = x.shape();
        let engines = [x.engine(), quantized.engine(), gradient.engine(), dx.engine()];
        self.same_engine("rotation_grad", &engines)?;
        expect_shape("rotation_grad", "quantized", quantized.shape(), (n, d))?;
        expect_shape("rotation_grad", "gradient", gradient.shape(), (n, d))?;
        expect_shape("rotation_grad", "dx", dx.shape(), (n, d))?;
        if x.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            let (x, quantized, gradient) = (x.host(), quantized.host(), gradient.host());
            cpu::rotation_grad::rotation_grad(x, quantized, gradient, d, dx.host_mut());
            return Ok(());
        }
        let variant = lanes::summing(self.engine(), 3 * d + 2 * lanes::PARTS);
        let heights = [x.shard_rows(), quantized.shard_rows(), gradient.shard_rows(), dx.shard_rows()];
        for window in grid::row_windows(n, heights) {
            let params = Params { n: window.len() as u32, d: d as u32 };
            let bindings = [
                x.slice(window.clone()),
                quantized.slice(window.clone()),
                gradient.slice(window.clone()),
                dx.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(super::ROWS);
            self.dispatch(&SHADER, variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
