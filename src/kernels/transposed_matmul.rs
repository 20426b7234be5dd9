//! Host side of `transposed_matmul`: products that sum over the rows of both matrices.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "transposed_matmul",
    source: &[super::GRID, include_str!("../../shaders/transposed_matmul.wgsl")],
    reads: &["a", "b"],
    writes: &["products"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, p: u32, q: u32, accumulate: u32 });

/// Rows and columns of the tile of a workgroup: the shader's `TILE`.
const TILE: usize = 64;

/// Rows of one dispatch: so many turns of a loop are fine with every driver.
const ROWS: usize = 1 << 14;

impl Recorder<'_> {
    /// The product `aᵀ · b`.
    ///
    /// Shapes: `a` (n, p), `b` (n, q), `products` (p, q). Each is within n + 2 roundings of Σ|a·b|. With no rows it is 0.
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let a = engine.upload(array![[1.0_f32], [2.0]].view())?;
    /// let b = engine.upload(array![[3.0_f32, 4.0], [0.0, 1.0]].view())?;
    /// let mut products = engine.uninitialized(1, 2)?;
    /// let mut recorder = engine.recorder();
    /// recorder.transposed_matmul(&a, &b, &mut products)?;
    /// recorder.submit()?;
    /// assert_eq!(products.download()?, array![[3.0, 6.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, or the products are over the device's binding limit.
    pub fn transposed_matmul(
        &mut self,
        a: &Matrix<f32>,
        b: &Matrix<f32>,
        products: &mut Matrix<f32>,
    ) -> Result<()> {
        let ((n, p), q) = (a.shape(), b.cols());
        self.same_engine("transposed_matmul", &[a.engine(), b.engine(), products.engine()])?;
        expect_shape("transposed_matmul", "b", b.shape(), (n, q))?;
        expect_shape("transposed_matmul", "products", products.shape(), (p, q))?;
        if products.is_empty() {
            return Ok(());
        }
        if n == 0 {
            return self.fill(products, 0.0);
        }
        if self.gpu().is_none() {
            cpu::transposed_matmul::transposed_matmul(a.host(), b.host(), p, q, products.host_mut());
            return Ok(());
        }
        let tiles = p.div_ceil(TILE) as u64 * q.div_ceil(TILE) as u64;
        for window in grid::row_windows(n, [a.shard_rows(), b.shard_rows(), ROWS]) {
            let params = Params {
                n: window.len() as u32,
                p: p as u32,
                q: q as u32,
                accumulate: u32::from(window.start > 0),
            };
            let bindings = [a.slice(window.clone()), b.slice(window), products.whole("the products")?];
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, tiles)?;
        }
        Ok(())
    }
}
