//! Host side of `soft_slopes`: the gradient through soft weights, limited.

use super::lanes;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "soft_slopes",
    source: &[super::GRID, super::LENGTHS, include_str!("../../shaders/soft_slopes.wgsl")],
    reads: &["weights", "distances", "gradient"],
    writes: &["slopes"],
    params: Params::FIELDS,
    variants: || lanes::SUMMING.to_vec(),
};

shader_params!(Params { n: u32, d: u32, k: u32, sharpness: f32 });

impl Recorder<'_> {
    /// Turns the products `p_ij = g_i·c_j` in `slopes` into how the scores of a softmax pass a gradient g on, times 2s:
    /// `2 s e_ij` with `e_ij = w_ij (p_ij − Σ_l w_il p_il)`.
    ///
    /// Row by row that is made smaller where it has to be, so that `2 s e_ij (x_i − c_j)`, what a row gives to the
    /// codewords through their weights, is together at most as long as `w_ij g_i`, what it gives to them as parts of the
    /// weighted sum. Without that it grows with the sharpness s, and a codebook walks away from its vectors.
    ///
    /// Shapes: `weights` w, squared `distances` ‖x_i − c_j‖² and `slopes` (n, k), `gradient` g (n, d).
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// // x = 0 between codewords at −1 and 1, with the gradient 1.
    /// let weights = engine.upload(array![[0.5_f32, 0.5]].view())?;
    /// let distances = engine.upload(array![[1.0_f32, 1.0]].view())?;
    /// let gradient = engine.upload(array![[1.0_f32]].view())?;
    /// let mut slopes = engine.upload(array![[-1.0_f32, 1.0]].view())?;
    /// let mut recorder = engine.recorder();
    /// recorder.soft_slopes(&weights, &distances, &gradient, 100.0, &mut slopes)?;
    /// recorder.submit()?;
    /// // 2s e = ∓100 would be 141 long; the direct part is √½ long.
    /// assert_eq!(slopes.download()?, array![[-0.5, 0.5]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit; [`Input`](crate::ErrorKind::Input) unless the sharpness is
    /// a finite number of 0 or more.
    pub fn soft_slopes(
        &mut self,
        weights: &Matrix<f32>,
        distances: &Matrix<f32>,
        gradient: &Matrix<f32>,
        sharpness: f32,
        slopes: &mut Matrix<f32>,
    ) -> Result<()> {
        let ((n, k), d) = (weights.shape(), gradient.cols());
        let engines = [weights.engine(), distances.engine(), gradient.engine(), slopes.engine()];
        self.same_engine("soft_slopes", &engines)?;
        expect_shape("soft_slopes", "distances", distances.shape(), (n, k))?;
        expect_shape("soft_slopes", "gradient", gradient.shape(), (n, d))?;
        expect_shape("soft_slopes", "slopes", slopes.shape(), (n, k))?;
        if !(sharpness.is_finite() && sharpness >= 0.0) {
            return Err(Error::input(format!(
                "soft_slopes: a sharpness of {sharpness}; it has to be finite and 0 or more"
            )));
        }
        if slopes.is_empty() || d == 0 {
            return Ok(());
        }
        if self.gpu().is_none() {
            let shape = (d, k);
            let (weights, distances, gradient) = (weights.host(), distances.host(), gradient.host());
            cpu::soft_slopes::soft_slopes(weights, distances, gradient, shape, sharpness, slopes.host_mut());
            return Ok(());
        }
        let variant = lanes::summing(self.engine(), 3 * k + d + 2 * lanes::PARTS);
        let heights =
            [weights.shard_rows(), distances.shard_rows(), gradient.shard_rows(), slopes.shard_rows()];
        for window in grid::row_windows(n, heights) {
            let params = Params { n: window.len() as u32, d: d as u32, k: k as u32, sharpness };
            let bindings = [
                weights.slice(window.clone()),
                distances.slice(window.clone()),
                gradient.slice(window.clone()),
                slopes.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(super::ROWS);
            self.dispatch(&SHADER, variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
