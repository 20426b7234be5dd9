//! Host side of `activate`: what the units of a network make of their inputs.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;
use crate::ops::Activation;

pub(crate) static SHADER: Shader = Shader {
    stem: "activate",
    source: &[
        super::GRID,
        include_str!("../../shaders/shared/math.wgsl"),
        super::ACTIVATIONS,
        include_str!("../../shaders/activate.wgsl"),
    ],
    reads: &["x"],
    writes: &["y"],
    params: Params::FIELDS,
    variants: || VARIANTS.to_vec(),
};

shader_params!(Params { elements: u32 });

/// One per [`Activation`], in their order.
pub(super) static VARIANTS: [Variant; 4] = [
    Variant::overriding(&[("FUNCTION", 0.0)]),
    Variant::overriding(&[("FUNCTION", 1.0)]),
    Variant::overriding(&[("FUNCTION", 2.0)]),
    Variant::overriding(&[("FUNCTION", 3.0)]),
];

impl Recorder<'_> {
    /// `y = f(x)`, element by element. [`activate_grad`](Self::activate_grad) is its derivative.
    ///
    /// Shapes: `x` and `y` (n, d). Within (6 |z| + 16) · 2⁻²⁴ of the exact value, of itself; for the hyperbolic tangent
    /// within 16 · 2⁻²⁴ of 1.
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::ops::Activation;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[-1.0_f32, 0.0, 2.0]].view())?;
    /// let mut y = engine.uninitialized(1, 3)?;
    /// let mut recorder = engine.recorder();
    /// recorder.activate(Activation::Relu, &x, &mut y)?;
    /// recorder.submit()?;
    /// assert_eq!(y.download()?, array![[0.0, 0.0, 2.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn activate(&mut self, activation: Activation, x: &Matrix<f32>, y: &mut Matrix<f32>) -> Result<()> {
        self.same_engine("activate", &[x.engine(), y.engine()])?;
        expect_shape("activate", "y", y.shape(), x.shape())?;
        if x.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::activate::activate(activation, x.host(), y.host_mut());
            return Ok(());
        }
        for window in grid::row_windows(x.rows(), [x.shard_rows(), y.shard_rows()]) {
            let elements = window.len() * x.cols();
            let params = Params { elements: elements as u32 };
            let bindings = [x.slice(window.clone()), y.slice(window)];
            let workgroups = (elements as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &VARIANTS[activation as usize], &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
