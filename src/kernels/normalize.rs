//! Host side of `normalize`: rows of unit length.

use super::lanes;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "normalize",
    source: &[super::GRID, super::LENGTHS, include_str!("../../shaders/normalize.wgsl")],
    reads: &["x"],
    writes: &["unit"],
    params: Params::FIELDS,
    variants: || lanes::SUMMING.to_vec(),
};

shader_params!(Params { n: u32, d: u32 });

impl Recorder<'_> {
    /// `unit[i] = x[i] / ‖x[i]‖`: rows of L2 length 1, for cosine similarities and spherical k-means. A row of zeros
    /// stays one.
    ///
    /// Shapes: `x` and `unit` (n, d). Rows are scaled first, so that no length over- or underflows. An element is
    /// within (⌈d/32⌉/2 + 8) · 2⁻²⁴ of the exact one, relative.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(ndarray::array![[3e30_f32, 4e30], [0.0, 0.0]].view())?;
    /// let mut unit = engine.zeros(2, 2)?;
    /// let mut recorder = engine.recorder();
    /// recorder.normalize(&x, &mut unit)?;
    /// recorder.submit()?;
    /// let unit = unit.download()?;
    /// assert!((unit[[0, 0]] - 0.6).abs() < 1e-6 && (unit[[0, 1]] - 0.8).abs() < 1e-6);
    /// assert_eq!(unit.row(1), ndarray::array![0.0, 0.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn normalize(&mut self, x: &Matrix<f32>, unit: &mut Matrix<f32>) -> Result<()> {
        self.same_engine("normalize", &[x.engine(), unit.engine()])?;
        expect_shape("normalize", "unit", unit.shape(), x.shape())?;
        if x.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::normalize::normalize(x.host(), x.cols(), unit.host_mut());
            return Ok(());
        }
        let variant = lanes::summing(self.engine(), 3 * x.cols() + 2 * lanes::PARTS);
        for window in grid::row_windows(x.rows(), [x.shard_rows(), unit.shard_rows()]) {
            let params = Params { n: window.len() as u32, d: x.cols() as u32 };
            let bindings = [x.slice(window.clone()), unit.slice(window.clone())];
            self.dispatch(&SHADER, variant, &params, &bindings, (window.len() as u64).div_ceil(super::ROWS))?;
        }
        Ok(())
    }
}
