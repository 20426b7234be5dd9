//! Host side of `top_w`: the few nearest codewords of every vector.

use super::prepare_codebook::{Codebook, Form};
use super::tile::{self, Params};
use crate::cpu;
use crate::engine::shader::{Params as _, Shader};
use crate::engine::tile::Tile;
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "top_w",
    source: &[
        super::GRID,
        tile::REGISTERS,
        tile::EVERY_ROW,
        tile::METRIC,
        tile::SCORE,
        tile::DISTANCE,
        include_str!("../../shaders/top_w.wgsl"),
    ],
    reads: &["x", "codebook", "panels", "half_norms", "mean"],
    writes: &["codes", "distances"],
    params: Params::FIELDS,
    variants: || {
        let staged = Tile::ALL.into_iter().filter(|tile| tile.is_staged());
        let lengths = |tile| if tile == Tile::STAGED { &[1, 5, LARGEST_W][..] } else { &[5] };
        let lists = staged.flat_map(|tile| lengths(tile).iter().map(move |&w| (tile, constants(w))));
        lists.flat_map(|(tile, constants)| tile::variants_of(tile, &constants)).collect()
    },
};

/// The largest w: the sorted lists are private to an invocation, and longer ones spill on every GPU.
pub(crate) const LARGEST_W: usize = 128;

fn constants(w: usize) -> String {
    format!("const W: u32 = {w}u;")
}

impl Recorder<'_> {
    /// The `w` nearest codewords of every vector, nearest first; of equally near ones the lowest number first.
    ///
    /// Rounding is as in [`assign`](Self::assign): the order is that of the scores.
    ///
    /// Shapes: `x` (n, d), `codes` and `distances` (n, w), with 1 ≤ w ≤ min(k, 128).
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::metrics::Metric;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let codebook = wgvq::Codebook::new(&engine, array![[0.0_f32], [5.0], [1.0]].view(), Metric::SquaredL2)?;
    /// let x = engine.upload(array![[1.5_f32], [6.0]].view())?;
    /// let (mut codes, mut distances) = (engine.uninitialized(2, 2)?, engine.uninitialized(2, 2)?);
    /// let mut recorder = engine.recorder();
    /// recorder.top_w(&x, &codebook, &mut codes, &mut distances)?;
    /// recorder.submit()?;
    /// assert_eq!(codes.download()?, array![[2, 0], [1, 2]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit or the codebook is not prepared.
    pub fn top_w(
        &mut self,
        x: &Matrix<f32>,
        codebook: &Codebook,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d, k, w) = (x.rows(), codebook.d(), codebook.k(), codes.cols());
        let engines = [x.engine(), codebook.codewords().engine(), codes.engine(), distances.engine()];
        self.same_engine("top_w", &engines)?;
        codebook.check_prepared()?;
        expect_shape("top_w", "x", x.shape(), (n, d))?;
        expect_shape("top_w", "codes", codes.shape(), (n, w))?;
        expect_shape("top_w", "distances", distances.shape(), (n, w))?;
        if w == 0 || w > k.min(LARGEST_W) {
            let most = k.min(LARGEST_W);
            return Err(Error::shape(format!("top_w: w is {w}; with {k} codewords it can be 1 to {most}")));
        }
        let Some(gpu) = self.gpu() else {
            let packed = codebook.packed()?;
            return cpu::top_w::top_w(x.host(), packed, w, codes.host_mut(), distances.host_mut());
        };
        // The lanes of a workgroup keep one another's lists: there is no version without workgroup memory.
        let scratch;
        let panels = if codebook.panels().tile.is_staged() {
            codebook.panels()
        } else {
            scratch = self.scratch_panels(codebook.codewords(), Tile::STAGED, Form::of(codebook.metric()))?;
            &scratch
        };
        let tile = panels.tile;
        let variant = tile::variant(tile, d, codebook.metric(), &constants(w));
        let most = tile::rows_per_dispatch(&gpu, k, d);
        let heights = [x.shard_rows(), codes.shard_rows(), distances.shard_rows(), most];
        for window in grid::row_windows(n, heights) {
            let params = Params { n: window.len() as u32, d: d as u32, k: k as u32 };
            let bindings = [
                x.slice(window.clone()),
                codebook.codewords().whole("the codebook")?,
                panels.panels.whole("the packed codebook")?,
                panels.half_norms.whole("the norms")?,
                panels.mean.whole("the mean")?,
                codes.slice(window.clone()),
                distances.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(tile.rows);
            self.dispatch(&SHADER, &variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
