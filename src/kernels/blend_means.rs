//! Host side of `blend_means`: running means, for mini-batch k-means.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "blend_means",
    source: &[super::GRID, include_str!("../../shaders/blend_means.wgsl")],
    reads: &["means", "mass"],
    writes: &["centroids", "total"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { k: u32, d: u32 });

impl Recorder<'_> {
    /// Takes the means of another batch into running means: `total += mass`, then
    /// `centroids += mass / total · (means − centroids)`. With the means and mass of
    /// [`segment_mean`](Self::segment_mean) this is the step of mini-batch k-means (Sculley, "Web-scale
    /// k-means clustering", WWW 2010), a batch at a time: each centroid is the mean of all rows that it was
    /// ever given.
    ///
    /// Shapes: `means` and `centroids` (k, d), `mass` and `total` (k, 1). Where the mass is 0 nothing changes.
    ///
    /// ```
    /// use ndarray::array;
    /// let engine = wgvq::Engine::cpu();
    /// let means = engine.upload(array![[4.0_f32]].view())?;
    /// let mass = engine.upload(array![[1.0_f32]].view())?;
    /// let mut centroids = engine.zeros::<f32>(1, 1)?;
    /// let mut total = engine.upload(array![[3.0_f32]].view())?;
    /// let mut recorder = engine.recorder();
    /// recorder.blend_means(&means, &mass, &mut centroids, &mut total)?;
    /// recorder.submit()?;
    /// assert_eq!(centroids.download()?, array![[1.0]]);
    /// assert_eq!(total.download()?, array![[4.0]]);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub fn blend_means(
        &mut self,
        means: &Matrix<f32>,
        mass: &Matrix<f32>,
        centroids: &mut Matrix<f32>,
        total: &mut Matrix<f32>,
    ) -> Result<()> {
        let (k, d) = means.shape();
        self.same_engine(
            "blend_means",
            &[means.engine(), mass.engine(), centroids.engine(), total.engine()],
        )?;
        expect_shape("blend_means", "mass", mass.shape(), (k, 1))?;
        expect_shape("blend_means", "centroids", centroids.shape(), (k, d))?;
        expect_shape("blend_means", "total", total.shape(), (k, 1))?;
        if self.gpu().is_none() {
            let batch = cpu::blend_means::Batch { means: means.host(), mass: mass.host(), d };
            cpu::blend_means::blend_means(batch, centroids.host_mut(), total.host_mut());
            return Ok(());
        }
        let heights = [means.shard_rows(), mass.shard_rows(), centroids.shard_rows(), total.shard_rows()];
        for window in grid::row_windows(k, heights) {
            let params = Params { k: window.len() as u32, d: d as u32 };
            let bindings = [
                means.slice(window.clone()),
                mass.slice(window.clone()),
                centroids.slice(window.clone()),
                total.slice(window.clone()),
            ];
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, window.len() as u64)?;
        }
        Ok(())
    }
}
