//! Host side of `soft_weights`: the softmax of every row.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "soft_weights",
    source: &[
        super::GRID,
        include_str!("../../shaders/shared/math.wgsl"),
        include_str!("../../shaders/soft_weights.wgsl"),
    ],
    reads: &["scores"],
    writes: &["weights", "log_sums"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, k: u32, scale: f32 });

impl Recorder<'_> {
    /// `weights[i] = softmax(scale · scores[i])`, and `log_sums[i] = log Σ_j exp(scale · scores[i, j])`.
    ///
    /// Shapes: `scores` and `weights` (n, k) with k ≥ 1, `log_sums` (n, 1). The largest score is taken off first, so that
    /// nothing overflows; a weight below e⁻⁸⁷ of the largest is 0. With a negative scale distances become weights, the
    /// nearest the largest (Eq. 3.4). A weight is within
    /// (k + 2 ln k + 20 + 2 |s| + 6 |t|) · 2⁻²⁴ of the exact one, relative, where s is its scaled score and t the largest of
    /// its row.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let distances = engine.upload(ndarray::array![[1.0_f32, 1.0, 1e9]].view())?;
    /// let (mut weights, mut log_sums) = (engine.zeros(1, 3)?, engine.zeros(1, 1)?);
    /// let mut recorder = engine.recorder();
    /// recorder.soft_weights(&distances, -2.0, &mut weights, &mut log_sums)?;
    /// recorder.submit()?;
    /// assert_eq!(weights.download()?, ndarray::array![[0.5, 0.5, 0.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit; [`Input`](crate::ErrorKind::Input) if the scale is not
    /// finite.
    pub fn soft_weights(
        &mut self,
        scores: &Matrix<f32>,
        scale: f32,
        weights: &mut Matrix<f32>,
        log_sums: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, k) = scores.shape();
        self.same_engine("soft_weights", &[scores.engine(), weights.engine(), log_sums.engine()])?;
        expect_shape("soft_weights", "weights", weights.shape(), (n, k))?;
        expect_shape("soft_weights", "log_sums", log_sums.shape(), (n, 1))?;
        if !scale.is_finite() {
            return Err(Error::input(format!("soft_weights: a scale of {scale}; it has to be finite")));
        }
        if k == 0 {
            return Err(Error::shape("soft_weights: rows of 0 scores; at least 1 is needed"));
        }
        if n == 0 {
            return Ok(());
        }
        if self.gpu().is_none() {
            let (weights, log_sums) = (weights.host_mut(), log_sums.host_mut());
            cpu::soft_weights::soft_weights(scores.host(), k, scale, weights, log_sums);
            return Ok(());
        }
        for window in grid::row_windows(n, [scores.shard_rows(), weights.shard_rows(), log_sums.shard_rows()])
        {
            let params = Params { n: window.len() as u32, k: k as u32, scale };
            let workgroups = window.len() as u64;
            let bindings =
                [scores.slice(window.clone()), weights.slice(window.clone()), log_sums.slice(window)];
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
