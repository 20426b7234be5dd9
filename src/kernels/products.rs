//! Host side of `products`: every vector times every codeword.

use super::prepare_codebook::{Codebook, Form, Panels};
use super::tile::{self, Params};
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;
use crate::metrics::Metric;

pub(crate) static SHADER: Shader = Shader {
    stem: "products",
    source: &[
        super::GRID,
        tile::REGISTERS,
        tile::EVERY_ROW,
        tile::METRIC,
        tile::SCORE,
        include_str!("../../shaders/products.wgsl"),
    ],
    reads: &["x", "panels", "half_norms", "mean"],
    writes: &["products"],
    params: Params::FIELDS,
    variants: || {
        let both = |tile: Variant| [0.0, 1.0].map(|scores| variant(tile.clone(), scores));
        tile::variants().into_iter().flat_map(both).collect()
    },
};

/// The variant that writes products (0) or scores (1).
fn variant(tile: Variant, scores: f64) -> Variant {
    let overrides: Vec<_> = tile.overrides.iter().copied().chain([("SCORES", scores)]).collect();
    Variant { overrides: overrides.into(), ..tile }
}

impl Recorder<'_> {
    /// The product `x · cᵀ`.
    ///
    /// Shapes: `x` (n, d), `c` (k, d), `products` (n, k). Each is within d + 2 roundings of Σ|x·c|.
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let x = engine.upload(array![[1.0_f32, 2.0]].view())?;
    /// let c = engine.upload(array![[3.0_f32, 4.0], [0.0, 1.0]].view())?;
    /// let mut products = engine.uninitialized(1, 2)?;
    /// let mut recorder = engine.recorder();
    /// recorder.matmul_transposed(&x, &c, &mut products)?;
    /// recorder.submit()?;
    /// assert_eq!(products.download()?, array![[11.0, 2.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub fn matmul_transposed(
        &mut self,
        x: &Matrix<f32>,
        c: &Matrix<f32>,
        products: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = x.shape();
        self.same_engine("matmul_transposed", &[x.engine(), c.engine(), products.engine()])?;
        expect_shape("matmul_transposed", "c", c.shape(), (c.rows(), d))?;
        expect_shape("matmul_transposed", "products", products.shape(), (n, c.rows()))?;
        if products.is_empty() || d == 0 {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::products::products(x.host(), c.host(), d, products.host_mut());
            return Ok(());
        }
        let tile = self.engine().tiles().of(c.rows(), d);
        let panels = self.scratch_panels(c, tile, Form::Raw)?;
        // Any metric that neither centres nor raises to powers.
        self.record_products(x, &panels, Metric::Cosine, 0.0, products)
    }

    /// The score of every codeword of a codebook for squared L2, by which its codewords are ranked for a vector:
    /// ½‖c'‖² − x'·c', on data centred about the codewords' mean.
    ///
    /// Shapes: `x` (n, d), `scores` (n, k).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit or the codebook is not prepared.
    pub(crate) fn scores(
        &mut self,
        x: &Matrix<f32>,
        codebook: &Codebook,
        scores: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d, k) = (x.rows(), codebook.d(), codebook.k());
        debug_assert_eq!(codebook.metric(), Metric::SquaredL2);
        self.same_engine("scores", &[x.engine(), codebook.codewords().engine(), scores.engine()])?;
        codebook.check_prepared()?;
        expect_shape("scores", "x", x.shape(), (n, d))?;
        expect_shape("scores", "scores", scores.shape(), (n, k))?;
        if self.gpu().is_none() {
            cpu::products::scores(x.host(), codebook.packed()?, scores.host_mut());
            return Ok(());
        }
        self.record_products(x, codebook.panels(), Metric::SquaredL2, 1.0, scores)
    }

    fn record_products(
        &mut self,
        x: &Matrix<f32>,
        panels: &Panels,
        metric: Metric,
        scores: f64,
        products: &mut Matrix<f32>,
    ) -> Result<()> {
        let (tile, (k, d)) = (panels.tile, panels.shape);
        let variant = variant(tile::variant(tile, d, metric, ""), scores);
        let gpu = self.gpu().expect("panels are for shaders");
        let heights = [x.shard_rows(), products.shard_rows(), tile::rows_per_dispatch(&gpu, k, d)];
        for window in grid::row_windows(x.rows(), heights) {
            let params = Params { n: window.len() as u32, d: d as u32, k: k as u32 };
            let bindings = [
                x.slice(window.clone()),
                panels.panels.whole("the packed codebook")?,
                panels.half_norms.whole("the norms")?,
                panels.mean.whole("the mean")?,
                products.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(tile.rows);
            self.dispatch(&SHADER, &variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
