//! Host side of `curve_runs`: which run of a curve each position is in.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "curve_runs",
    source: &[super::GRID, include_str!("../../shaders/curve_runs.wgsl")],
    reads: &["segments", "positions", "borders"],
    writes: &["runs"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, borders: u32 });

impl Recorder<'_> {
    /// The number of `borders` (b, 2), each a segment and a position on it, ascending, that are at or before what
    /// [`curve_project`](Self::curve_project) found.
    ///
    /// Shapes: `segments`, `positions` and `runs` (n, 1).
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let segments = engine.upload(array![[0_u32], [1], [1]].view())?;
    /// let positions = engine.upload(array![[0.9_f32], [0.2], [0.5]].view())?;
    /// let borders = engine.upload(array![[0.0_f32, 0.5], [1.0, 0.5]].view())?;
    /// let mut runs = engine.zeros(3, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.curve_runs(&segments, &positions, &borders, &mut runs)?;
    /// recorder.submit()?;
    /// assert_eq!(runs.download()?, array![[1], [1], [2]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, or there is no border.
    pub fn curve_runs(
        &mut self,
        segments: &Matrix<u32>,
        positions: &Matrix<f32>,
        borders: &Matrix<f32>,
        runs: &mut Matrix<u32>,
    ) -> Result<()> {
        let n = segments.rows();
        let engines = [segments.engine(), positions.engine(), borders.engine(), runs.engine()];
        self.same_engine("curve_runs", &engines)?;
        expect_shape("curve_runs", "segments", segments.shape(), (n, 1))?;
        expect_shape("curve_runs", "positions", positions.shape(), (n, 1))?;
        expect_shape("curve_runs", "borders", borders.shape(), (borders.rows().max(1), 2))?;
        expect_shape("curve_runs", "runs", runs.shape(), (n, 1))?;
        if runs.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            let (positions, borders) = (positions.host(), borders.host());
            cpu::curve_runs::curve_runs(segments.host(), positions, borders, runs.host_mut());
            return Ok(());
        }
        let borders_bound = borders.whole("the borders")?;
        let heights = [segments.shard_rows(), positions.shard_rows(), runs.shard_rows()];
        for window in grid::row_windows(n, heights) {
            let params = Params { n: window.len() as u32, borders: borders.rows() as u32 };
            let bindings = [
                segments.slice(window.clone()),
                positions.slice(window.clone()),
                borders_bound.clone(),
                runs.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
