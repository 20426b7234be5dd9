//! Host side of `distance_matrix`: every vector against every codeword.

use super::prepare_codebook::{Codebook, Form};
use super::tile::{self, Params};
use crate::cpu;
use crate::engine::shader::{Params as _, Shader};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;
use crate::metrics::Metric;

pub(crate) static SHADER: Shader = Shader {
    stem: "distance_matrix",
    source: &[
        super::GRID,
        tile::REGISTERS,
        tile::EVERY_ROW,
        tile::METRIC,
        include_str!("../../shaders/distance_matrix.wgsl"),
    ],
    reads: &["x", "panels"],
    writes: &["distances"],
    params: Params::FIELDS,
    variants: tile::variants,
};

impl Recorder<'_> {
    /// The distance of every vector to every codeword, by the codebook's metric.
    ///
    /// Differences are summed as they are: no distance is negative, and each is within about d roundings of
    /// the exact one. The inner product's is negative where the product is not.
    ///
    /// Shapes: `x` (n, d), `distances` (n, k).
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::metrics::Metric;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let codebook = wgvq::Codebook::new(&engine, array![[0.0_f32, 0.0], [3.0, 4.0]].view(), Metric::SquaredL2)?;
    /// let x = engine.upload(array![[0.0_f32, 1.0]].view())?;
    /// let mut distances = engine.uninitialized(1, 2)?;
    /// let mut recorder = engine.recorder();
    /// recorder.distance_matrix(&x, &codebook, &mut distances)?;
    /// recorder.submit()?;
    /// assert_eq!(distances.download()?, array![[1.0, 18.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub fn distance_matrix(
        &mut self,
        x: &Matrix<f32>,
        codebook: &Codebook,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d, k) = (x.rows(), codebook.d(), codebook.k());
        self.same_engine(
            "distance_matrix",
            &[x.engine(), codebook.codewords().engine(), distances.engine()],
        )?;
        expect_shape("distance_matrix", "x", x.shape(), (n, d))?;
        expect_shape("distance_matrix", "distances", distances.shape(), (n, k))?;
        let Some(gpu) = self.gpu() else {
            let codewords = codebook.codewords().host();
            return cpu::distance_matrix::distance_matrix(
                codebook.metric(),
                x.host(),
                codewords,
                d,
                distances.host_mut(),
            );
        };
        let tile = self.engine().tiles().of(k, d);
        let variant = tile::variant(tile, d, codebook.metric(), "");
        let form = if codebook.metric() == Metric::Cosine { Form::Unit } else { Form::Raw };
        let panels = self.scratch_panels(codebook.codewords(), tile, form)?;
        let heights = [x.shard_rows(), distances.shard_rows(), tile::rows_per_dispatch(&gpu, k, d)];
        for window in grid::row_windows(n, heights) {
            let params = Params { n: window.len() as u32, d: d as u32, k: k as u32 };
            let bindings = [
                x.slice(window.clone()),
                panels.panels.whole("the packed codebook")?,
                distances.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(tile.rows);
            self.dispatch(&SHADER, &variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
