//! Host side of `activate_grad`: the derivative of `activate`.

use super::activate::VARIANTS;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;
use crate::ops::Activation;

pub(crate) static SHADER: Shader = Shader {
    stem: "activate_grad",
    source: &[
        super::GRID,
        include_str!("../../shaders/shared/math.wgsl"),
        super::ACTIVATIONS,
        include_str!("../../shaders/activate_grad.wgsl"),
    ],
    reads: &["x", "gradient"],
    writes: &["dx"],
    params: Params::FIELDS,
    variants: || VARIANTS.to_vec(),
};

shader_params!(Params { elements: u32 });

impl Recorder<'_> {
    /// `dx = gradient · f′(x)`, element by element: the derivative of [`activate`](Self::activate).
    ///
    /// Shapes: `x`, which `activate` took, `gradient` by what it made, and `dx`: all (n, d).
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::ops::Activation;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[-1.0_f32, 0.0, 2.0]].view())?;
    /// let gradient = engine.upload(array![[5.0_f32, 6.0, 7.0]].view())?;
    /// let mut dx = engine.uninitialized(1, 3)?;
    /// let mut recorder = engine.recorder();
    /// recorder.activate_grad(Activation::Relu, &x, &gradient, &mut dx)?;
    /// recorder.submit()?;
    /// assert_eq!(dx.download()?, array![[0.0, 0.0, 7.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn activate_grad(
        &mut self,
        activation: Activation,
        x: &Matrix<f32>,
        gradient: &Matrix<f32>,
        dx: &mut Matrix<f32>,
    ) -> Result<()> {
        self.same_engine("activate_grad", &[x.engine(), gradient.engine(), dx.engine()])?;
        expect_shape("activate_grad", "gradient", gradient.shape(), x.shape())?;
        expect_shape("activate_grad", "dx", dx.shape(), x.shape())?;
        if x.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::activate_grad::activate_grad(activation, x.host(), gradient.host(), dx.host_mut());
            return Ok(());
        }
        for window in grid::row_windows(x.rows(), [x.shard_rows(), gradient.shard_rows(), dx.shard_rows()]) {
            let elements = window.len() * x.cols();
            let params = Params { elements: elements as u32 };
            let bindings = [x.slice(window.clone()), gradient.slice(window.clone()), dx.slice(window)];
            let workgroups = (elements as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &VARIANTS[activation as usize], &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
