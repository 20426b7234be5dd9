//! Host side of `transpose`: rows become columns.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "transpose",
    source: &[super::GRID, include_str!("../../shaders/transpose.wgsl")],
    reads: &["x"],
    writes: &["turned"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, d: u32 });

/// Rows and columns of the tile of a workgroup: the shader's `TILE`.
const TILE: usize = 32;

impl Recorder<'_> {
    /// `turned[j, i] = x[i, j]`.
    ///
    /// Shapes: `x` (n, d), `turned` (d, n).
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[1.0_f32, 2.0, 3.0]].view())?;
    /// let mut turned = engine.uninitialized(3, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.transpose(&x, &mut turned)?;
    /// recorder.submit()?;
    /// assert_eq!(turned.download()?, array![[1.0], [2.0], [3.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, or a matrix is over the device's binding limit.
    pub fn transpose(&mut self, x: &Matrix<f32>, turned: &mut Matrix<f32>) -> Result<()> {
        let (n, d) = x.shape();
        self.same_engine("transpose", &[x.engine(), turned.engine()])?;
        expect_shape("transpose", "turned", turned.shape(), (d, n))?;
        if x.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::transpose::transpose(x.host(), n, d, turned.host_mut());
            return Ok(());
        }
        let params = Params { n: n as u32, d: d as u32 };
        let bindings = [x.whole("what is transposed")?, turned.whole("the transposed matrix")?];
        let tiles = n.div_ceil(TILE) as u64 * d.div_ceil(TILE) as u64;
        self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, tiles)
    }
}
