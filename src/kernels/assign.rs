//! Host side of `assign`: the nearest codeword of every vector.

use std::ops::Range;

use super::prepare_codebook::Codebook;
use super::tile;
use crate::certified::bounds::ScoreBound;
use crate::cpu;
pub(crate) use crate::cpu::reassign::Kept;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, RowList, expect_shape, grid};
use crate::error::Result;
use crate::ops::Op;

pub(crate) static SHADER: Shader = Shader {
    stem: "assign",
    source: &[
        super::GRID,
        tile::REGISTERS,
        tile::EVERY_ROW,
        tile::METRIC,
        tile::SCORE,
        tile::DISTANCE,
        tile::LOWEST,
        tile::TRUSTED,
        tile::LEFT_ROWS,
        tile::NEAREST,
        include_str!("../../shaders/assign.wgsl"),
    ],
    reads: &["x", "codebook", "panels", "half_norms", "mean"],
    writes: &["codes", "distances", "left"],
    params: Params::FIELDS,
    variants: tile::variants,
};

shader_params!(Params { n: u32, d: u32, k: u32, codeword_share: f32, row_share: f32, constant: f32 });

/// The rows of a window of `x` that a look has left to the next one.
pub(super) struct LeftRows<'a> {
    pub x: &'a Matrix<f32>,
    pub window: Range<usize>,
    pub list: RowList,
}

impl Recorder<'_> {
    /// The nearest codeword of every vector, and how far it is (Eq. 2.1), by the codebook's metric; of equally
    /// near ones the lowest number.
    ///
    /// Distance and argmin are fused: no (n, k) matrix exists. Scores are computed in `f32`, and where rounding may hide which
    /// codeword is the nearest, the vector is looked at again: by squared L2 the code is that of the nearest codeword by the
    /// values as they are, on every device. By L1 and by inner products that holds on the CPU, where by the cosine and other
    /// powers codes are the nearest in `f64`; on a GPU, by these metrics, of two codewords closer than the rounding either may
    /// be taken. The distance is that of the one taken, in `f32`, from the original values. The result for a vector does not
    /// depend on the others.
    ///
    /// Shapes: `x` (n, d), `codes` and `distances` (n, 1). [`Codebook`] has an example.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit or the codebook is not prepared.
    pub fn assign(
        &mut self,
        x: &Matrix<f32>,
        codebook: &Codebook,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d, k) = (x.rows(), codebook.d(), codebook.k());
        let engines = [x.engine(), codebook.codewords().engine(), codes.engine(), distances.engine()];
        self.same_engine("assign", &engines)?;
        codebook.check_prepared()?;
        expect_shape("assign", "x", x.shape(), (n, d))?;
        expect_shape("assign", "codes", codes.shape(), (n, 1))?;
        expect_shape("assign", "distances", distances.shape(), (n, 1))?;
        let Some(gpu) = self.gpu() else {
            return cpu::assign::assign(x.host(), codebook.packed()?, codes.host_mut(), distances.host_mut());
        };
        if let Some(half) = codebook.half_panels() {
            return self.assign_half(x, codebook, &half, codes, distances);
        }
        let panels = codebook.panels();
        let tile = panels.tile;
        let variant = tile::variant(tile, d, codebook.metric(), "");
        let most = tile::rows_per_dispatch(&gpu, k, d).min(RowList::most_rows(&gpu));
        let bound = ScoreBound::squared_l2_on_gpu(d);
        let heights = [x.shard_rows(), codes.shard_rows(), distances.shard_rows(), most];
        for window in grid::row_windows(n, heights) {
            let workgroups = window.len().div_ceil(tile.rows as usize);
            let left = self.row_list(window.len())?;
            let params = Params {
                n: window.len() as u32,
                d: d as u32,
                k: k as u32,
                codeword_share: bound.codeword,
                row_share: bound.row,
                constant: bound.constant,
            };
            let bindings = [
                x.slice(window.clone()),
                codebook.codewords().whole("the codebook")?,
                panels.panels.whole("the packed codebook")?,
                panels.half_norms.whole("the norms")?,
                panels.mean.whole("the mean")?,
                codes.slice(window.clone()),
                distances.slice(window.clone()),
                left.slab(),
            ];
            self.dispatch(&SHADER, &variant, &params, &bindings, workgroups as u64)?;
            if let Some(raw) = codebook.raw_panels() {
                let left =
                    self.assign_again(LeftRows { x, window, list: left }, codebook, raw, codes, distances)?;
                self.assign_exactly(&left, codebook, codes, distances)?;
            }
        }
        Ok(())
    }

    /// [`assign`](Self::assign), where `codes` are of codewords that are likely to be near: those that were the nearest before
    /// the codewords moved. What it finds is the same, and on the CPU it finds it sooner; `kept` is for the same `x` each time.
    ///
    /// # Errors
    /// As [`assign`](Self::assign).
    pub(crate) fn reassign(
        &mut self,
        x: &Matrix<f32>,
        codebook: &Codebook,
        kept: &mut Kept,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let shapes = [codes.shape(), distances.shape(), x.shape()];
        if self.gpu().is_some() || shapes != [(x.rows(), 1), (x.rows(), 1), (x.rows(), codebook.d())] {
            return self.assign(x, codebook, codes, distances);
        }
        codebook.check_prepared()?;
        cpu::reassign::reassign(x.host(), codebook.packed()?, kept, codes.host_mut(), distances.host_mut())
    }

    /// [`assign`](Self::assign) of every part of the vectors to a codebook of its own: codebook j quantizes as many columns
    /// of `x` as it has dimensions, from `columns[j]` on. The distances are sums over the parts.
    ///
    /// Shapes: `x` (n, D), `codes` (n, m), `distances` (n, 1).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit or a codebook is not prepared.
    pub(crate) fn assign_parts(
        &mut self,
        x: &Matrix<f32>,
        columns: &[usize],
        codebooks: &[&Codebook],
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, m) = (x.rows(), codebooks.len());
        self.same_engine("assign_parts", &[x.engine(), codes.engine(), distances.engine()])?;
        let end = columns.iter().zip(codebooks).map(|(first, codebook)| first + codebook.d()).max();
        expect_shape("assign_parts", "x", x.shape(), (n, x.cols().max(end.unwrap_or(0))))?;
        expect_shape("assign_parts", "codes", codes.shape(), (n, m))?;
        expect_shape("assign_parts", "distances", distances.shape(), (n, 1))?;
        if self.gpu().is_none() {
            let packed = codebooks.iter().map(|codebook| codebook.packed()).collect::<Result<Vec<_>>>()?;
            let (stride, x) = (x.cols(), x.host());
            cpu::assign::assign_parts(x, stride, columns, &packed, codes.host_mut(), distances.host_mut());
            return Ok(());
        }
        let mut chosen = self.engine().uninitialized(n, 1)?;
        let mut further = self.engine().uninitialized(n, 1)?;
        for (j, (&first, codebook)) in columns.iter().zip(codebooks).enumerate() {
            let mut part = self.engine().uninitialized(n, codebook.d())?;
            self.copy_columns(x, first..first + codebook.d(), &mut part, 0)?;
            if j == 0 {
                self.assign(&part, codebook, &mut chosen, distances)?;
            } else {
                self.assign(&part, codebook, &mut chosen, &mut further)?;
                self.update(Op::Add, distances, &further)?;
            }
            self.copy_columns(&chosen, 0..1, codes, j)?;
        }
        Ok(())
    }
}
