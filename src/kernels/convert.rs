//! Host side of `convert`: the elements of a matrix as another type.

use std::borrow::Cow;

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Convert, Element, Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "convert",
    source: &[super::GRID, include_str!("../../shaders/convert.wgsl")],
    reads: &["source"],
    writes: &["converted"],
    params: Params::FIELDS,
    variants: || (0..5).map(variant).collect(),
};

shader_params!(Params { elements: u32 });

impl Recorder<'_> {
    /// Writes every element of `source` to its place in `converted`, as the other type: `f32` to `f16` and back, `u32` to
    /// `u8` and back, `u8` to `f32`.
    ///
    /// To `f16` it takes the nearest number there is, of two the even one, and ±65,504 for what is beyond; to `u8` 255 for
    /// what is larger. The way to the larger type is exact.
    ///
    /// Shapes: `source` and `converted` (n, d).
    ///
    /// ```
    /// use wgvq::f16;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(ndarray::array![[1.0_f32, 0.1], [1e9, -2.5]].view())?;
    /// let mut half = engine.uninitialized::<f16>(2, 2)?;
    /// let mut back = engine.uninitialized(2, 2)?;
    /// let mut recorder = engine.recorder();
    /// recorder.convert(&x, &mut half)?;
    /// recorder.convert(&half, &mut back)?;
    /// recorder.submit()?;
    /// assert_eq!(back.download()?, ndarray::array![[1.0_f32, 0.099975586], [65504.0, -2.5]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn convert<A: Convert<B>, B: Element>(
        &mut self,
        source: &Matrix<A>,
        converted: &mut Matrix<B>,
    ) -> Result<()> {
        self.same_engine("convert", &[source.engine(), converted.engine()])?;
        expect_shape("convert", "converted", converted.shape(), source.shape())?;
        if source.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::convert::convert(source.host(), converted.host_mut(), A::convert);
            return Ok(());
        }
        let variant = variant(A::FORM);
        let per_word = 4 / size_of::<A>().min(size_of::<B>());
        for window in grid::row_windows(source.rows(), [source.shard_rows(), converted.shard_rows()]) {
            let elements = window.len() * source.cols();
            let params = Params { elements: elements as u32 };
            let bindings = [source.slice(window.clone()), converted.slice(window)];
            let workgroups = (elements.div_ceil(per_word) as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}

fn variant(form: u32) -> Variant {
    Variant { overrides: Cow::Owned(vec![("FORM", f64::from(form))]), ..Variant::DEFAULT }
}
