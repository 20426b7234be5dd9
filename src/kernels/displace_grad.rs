//! Host side of `displace_grad`: the derivative of `displace`.

use super::lanes;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "displace_grad",
    source: &[super::GRID, super::LENGTHS, include_str!("../../shaders/displace_grad.wgsl")],
    reads: &["residuals", "directions", "gradient"],
    writes: &["dx", "dquantized"],
    params: Params::FIELDS,
    variants: || lanes::SUMMING.to_vec(),
};

shader_params!(Params { n: u32, d: u32 });

impl Recorder<'_> {
    /// The derivative of [`displace`](Self::displace) by x and by x̂, its directions held fixed: with
    /// `v[i] = (gradient[i]·directions[i]) residuals[i] / ‖residuals[i]‖`, `dx[i] = gradient[i] + v[i]` and
    /// `dquantized[i] = −v[i]`. Where the residual is 0 (shorter than 2⁻⁵⁰), so is v.
    ///
    /// Shapes: `residuals` and `directions` as `displace` took and left them, `gradient` by what it displaced, `dx` and
    /// `dquantized`: all (n, d). [`segment_sum`](Self::segment_sum) gathers `dquantized` to codewords.
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let residuals = engine.upload(array![[3.0_f32, 4.0]].view())?;
    /// let directions = engine.upload(array![[0.0_f32, -1.0]].view())?;
    /// let gradient = engine.upload(array![[1.0_f32, -5.0]].view())?;
    /// let (mut dx, mut dquantized) = (engine.uninitialized(1, 2)?, engine.uninitialized(1, 2)?);
    /// let mut recorder = engine.recorder();
    /// recorder.displace_grad(&residuals, &directions, &gradient, &mut dx, &mut dquantized)?;
    /// recorder.submit()?;
    /// assert_eq!(dx.download()?, array![[4.0, -1.0]]);
    /// assert_eq!(dquantized.download()?, array![[-3.0, -4.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn displace_grad(
        &mut self,
        residuals: &Matrix<f32>,
        directions: &Matrix<f32>,
        gradient: &Matrix<f32>,
        dx: &mut Matrix<f32>,
        dquantized: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = residuals.shape();
        let engines =
            [residuals.engine(), directions.engine(), gradient.engine(), dx.engine(), dquantized.engine()];
        self.same_engine("displace_grad", &engines)?;
        expect_shape("displace_grad", "directions", directions.shape(), (n, d))?;
        expect_shape("displace_grad", "gradient", gradient.shape(), (n, d))?;
        expect_shape("displace_grad", "dx", dx.shape(), (n, d))?;
        expect_shape("displace_grad", "dquantized", dquantized.shape(), (n, d))?;
        if residuals.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            let forward =
                cpu::displace_grad::Displaced { residuals: residuals.host(), directions: directions.host() };
            cpu::displace_grad::displace_grad(
                forward,
                gradient.host(),
                d,
                dx.host_mut(),
                dquantized.host_mut(),
            );
            return Ok(());
        }
        let variant = lanes::summing(self.engine(), 2 * d + lanes::PARTS);
        let heights = [
            residuals.shard_rows(),
            directions.shard_rows(),
            gradient.shard_rows(),
            dx.shard_rows(),
            dquantized.shard_rows(),
        ];
        for window in grid::row_windows(n, heights) {
            let params = Params { n: window.len() as u32, d: d as u32 };
            let bindings = [
                residuals.slice(window.clone()),
                directions.slice(window.clone()),
                gradient.slice(window.clone()),
                dx.slice(window.clone()),
                dquantized.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(super::ROWS);
            self.dispatch(&SHADER, variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
