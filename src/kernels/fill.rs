//! Host side of `fill`: the same number in every element.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "fill",
    source: &[super::GRID, include_str!("../../shaders/fill.wgsl")],
    reads: &[],
    writes: &["filled"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { elements: u32, value: f32 });

impl Recorder<'_> {
    /// Writes `value` to every element of `filled` (n, d), whatever was there.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let mut ones = engine.uninitialized(1, 2)?;
    /// let mut recorder = engine.recorder();
    /// recorder.fill(&mut ones, 1.0)?;
    /// recorder.submit()?;
    /// assert_eq!(ones.download()?, ndarray::array![[1.0, 1.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the value is NaN or infinite; [`Shape`](crate::ErrorKind::Shape) if the
    /// matrix is on another engine.
    pub fn fill(&mut self, filled: &mut Matrix<f32>, value: f32) -> Result<()> {
        self.same_engine("fill", &[filled.engine()])?;
        if !value.is_finite() {
            return Err(Error::input(format!("fill: a value of {value}; it has to be finite")));
        }
        if filled.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::fill::fill(filled.host_mut(), value);
            return Ok(());
        }
        for window in grid::row_windows(filled.rows(), [filled.shard_rows()]) {
            let elements = window.len() * filled.cols();
            let params = Params { elements: elements as u32, value };
            let workgroups = (elements as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &[filled.slice(window)], workgroups)?;
        }
        Ok(())
    }
}
