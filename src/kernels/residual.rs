//! Host side of `residual`: what a codebook leaves of the vectors it encodes.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "residual",
    source: &[super::GRID, include_str!("../../shaders/residual.wgsl")],
    reads: &["x", "codebook", "codes"],
    writes: &["residuals"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, d: u32, k: u32 });

impl Recorder<'_> {
    /// `residuals[i] = x[i] − codebook[codes[i]]`: what the next stage of a residual quantizer encodes.
    ///
    /// Shapes: `x` (n, d), `codebook` (k, d), `codes` (n, 1), `residuals` (n, d). A code that is not below k
    /// leaves the vector itself as its residual.
    ///
    /// ```
    /// use ndarray::array;
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[1.5_f32], [4.0]].view())?;
    /// let codebook = engine.upload(array![[1.0_f32], [3.0]].view())?;
    /// let codes = engine.upload(array![[0_u32], [1]].view())?;
    /// let mut residuals = engine.zeros::<f32>(2, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.residual(&x, &codebook, &codes, &mut residuals)?;
    /// recorder.submit()?;
    /// assert_eq!(residuals.download()?, array![[0.5], [1.0]]);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, or if the codebook is over the device's
    /// binding limit.
    pub fn residual(
        &mut self,
        x: &Matrix<f32>,
        codebook: &Matrix<f32>,
        codes: &Matrix<u32>,
        residuals: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = x.shape();
        let k = codebook.rows();
        self.same_engine("residual", &[x.engine(), codebook.engine(), codes.engine(), residuals.engine()])?;
        expect_shape("residual", "codebook", codebook.shape(), (k, d))?;
        expect_shape("residual", "codes", codes.shape(), (n, 1))?;
        expect_shape("residual", "residuals", residuals.shape(), (n, d))?;
        if x.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::residual::residual(x.host(), codebook.host(), d, codes.host(), residuals.host_mut());
            return Ok(());
        }
        let codewords = codebook.whole("residual: codebook")?;
        let heights = [x.shard_rows(), codes.shard_rows(), residuals.shard_rows()];
        for window in grid::row_windows(n, heights) {
            let params = Params { n: window.len() as u32, d: d as u32, k: k as u32 };
            let bindings = [
                x.slice(window.clone()),
                codewords.clone(),
                codes.slice(window.clone()),
                residuals.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64 * d as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
