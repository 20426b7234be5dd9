//! Host side of `displace`: errors of the right length in other directions.

use super::lanes;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "displace",
    source: &[super::GRID, super::LENGTHS, include_str!("../../shaders/displace.wgsl")],
    reads: &["x", "residuals"],
    writes: &["directions", "displaced"],
    params: Params::FIELDS,
    variants: || lanes::SUMMING.to_vec(),
};

shader_params!(Params { n: u32, d: u32 });

impl Recorder<'_> {
    /// Moves each vector as far as its quantization error is long, in a direction of the caller's:
    /// `directions[i] = directions[i] / ‖directions[i]‖`, then `displaced[i] = x[i] + ‖residuals[i]‖ directions[i]`.
    ///
    /// With `residuals` = x − x̂ and normal directions this is the noise substitution of NSVQ (Vali and Bäckström, 2022),
    /// whatever quantizer x̂ came from: for several codebooks the residuals are those of their sum.
    /// [`displace_grad`](Self::displace_grad) is its derivative.
    ///
    /// Shapes: `x`, `residuals`, `directions`, `displaced` (n, d). A direction or residual shorter than 2⁻⁵⁰ counts as 0
    /// and displaces nothing; squares have to stay in the range of `f32`.
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[1.0_f32, 1.0]].view())?;
    /// let residuals = engine.upload(array![[3.0_f32, 4.0]].view())?;
    /// let mut directions = engine.upload(array![[0.0_f32, -2.0]].view())?;
    /// let mut displaced = engine.uninitialized(1, 2)?;
    /// let mut recorder = engine.recorder();
    /// recorder.displace(&x, &residuals, &mut directions, &mut displaced)?;
    /// recorder.submit()?;
    /// assert_eq!(directions.download()?, array![[0.0, -1.0]]);
    /// assert_eq!(displaced.download()?, array![[1.0, -4.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn displace(
        &mut self,
        x: &Matrix<f32>,
        residuals: &Matrix<f32>,
        directions: &mut Matrix<f32>,
        displaced: &mut Matrix<f32>,
    ) -> Result<()> {
        let engines = [x.engine(), residuals.engine(), directions.engine(), displaced.engine()];
        self.same_engine("displace", &engines)?;
        expect_shape("displace", "residuals", residuals.shape(), x.shape())?;
        expect_shape("displace", "directions", directions.shape(), x.shape())?;
        expect_shape("displace", "displaced", displaced.shape(), x.shape())?;
        if x.is_empty() {
            return Ok(());
        }
        let (n, d) = x.shape();
        if self.gpu().is_none() {
            let (directions, displaced) = (directions.host_mut(), displaced.host_mut());
            cpu::displace::displace(x.host(), residuals.host(), d, directions, displaced);
            return Ok(());
        }
        let variant = lanes::summing(self.engine(), 2 * d + lanes::PARTS);
        let heights =
            [x.shard_rows(), residuals.shard_rows(), directions.shard_rows(), displaced.shard_rows()];
        for window in grid::row_windows(n, heights) {
            let params = Params { n: window.len() as u32, d: d as u32 };
            let bindings = [
                x.slice(window.clone()),
                residuals.slice(window.clone()),
                directions.slice(window.clone()),
                displaced.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(super::ROWS);
            self.dispatch(&SHADER, variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
