//! Host side of `reduce`: the sum, the least or the greatest of a column, and the squared norm of a matrix.

use crate::cpu;
use crate::cpu::reduce::BLOCK;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "reduce",
    source: &[super::GRID, include_str!("../../shaders/reduce.wgsl")],
    reads: &["values", "indices"],
    writes: &["reduced", "reduced_indices"],
    params: Params::FIELDS,
    variants: || vec![SUM, MIN, MAX, SQUARES],
};

const SUM: Variant = Variant::overriding(&[("OPERATION", 0.0)]);
const MIN: Variant = Variant::overriding(&[("OPERATION", 1.0)]);
const MAX: Variant = Variant::overriding(&[("OPERATION", 2.0)]);
const SQUARES: Variant = Variant::overriding(&[("OPERATION", 3.0)]);

shader_params!(Params { n: u32, first: u32, target_row: u32, has_indices: u32 });

impl Recorder<'_> {
    /// `sums[slot]` becomes the sum of `values`; the other rows of `sums` stay as they are, so that one matrix
    /// collects the objective of every iteration without a read-back.
    ///
    /// Shapes: `values` (n, 1), `sums` (s, 1). The sum of nothing is 0. Adds in a tree over blocks of 256, always the
    /// same one: the error is at most 8 ⌈log₂₅₆ n⌉ · 2⁻²⁴ of the sum of the magnitudes, and the bits depend on
    /// neither threads nor shards.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let distances = engine.upload(ndarray::array![[3.0_f32], [1.0], [2.0]].view())?;
    /// let mut objectives = engine.zeros(2, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.reduce_sum(&distances, &mut objectives, 1)?;
    /// recorder.submit()?;
    /// assert_eq!(objectives.download()?, ndarray::array![[0.0], [6.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit or `sums` has no row `slot`.
    pub fn reduce_sum(&mut self, values: &Matrix<f32>, sums: &mut Matrix<f32>, slot: usize) -> Result<()> {
        self.same_engine("reduce", &[values.engine(), sums.engine()])?;
        expect_shape("reduce", "values", values.shape(), (values.rows(), 1))?;
        expect_slot("sums", sums.shape(), slot)?;
        if self.gpu().is_none() {
            sums.host_mut()[slot] = cpu::reduce::sum(values.host());
            return Ok(());
        }
        if values.rows() <= BLOCK {
            return self.reduce_level(&SUM, values, None, sums, None, slot);
        }
        let mut partial = self.engine().uninitialized(values.rows().div_ceil(BLOCK), 1)?;
        self.block_sums(values, &mut partial)?;
        self.reduce_sum(&partial, sums, slot)
    }

    /// `sums[slot]` becomes the sum of the squares of all elements of `values`, its squared Frobenius norm; the other
    /// rows of `sums` stay as they are.
    ///
    /// Shapes: `values` (n, d), `sums` (s, 1). Adds as [`reduce_sum`](Self::reduce_sum) does: the error is at most
    /// (1 + 8 ⌈log₂₅₆ nd⌉) · 2⁻²⁴ of the sum, and the bits depend on neither threads nor shards.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let gradient = engine.upload(ndarray::array![[3.0_f32, 0.0], [0.0, 4.0]].view())?;
    /// let mut norms = engine.zeros(2, 1)?;
    /// let mut recorder = engine.recorder();
    /// recorder.reduce_squares(&gradient, &mut norms, 1)?;
    /// recorder.submit()?;
    /// assert_eq!(norms.download()?, ndarray::array![[0.0], [25.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit or `sums` has no row `slot`.
    pub fn reduce_squares(
        &mut self,
        values: &Matrix<f32>,
        sums: &mut Matrix<f32>,
        slot: usize,
    ) -> Result<()> {
        self.same_engine("reduce", &[values.engine(), sums.engine()])?;
        expect_slot("sums", sums.shape(), slot)?;
        if self.gpu().is_none() {
            sums.host_mut()[slot] = cpu::reduce::sum_squares(values.host());
            return Ok(());
        }
        let blocks = (values.rows() * values.cols()).div_ceil(BLOCK);
        if blocks <= 1 {
            return self.reduce_level(&SQUARES, values, None, sums, None, slot);
        }
        let mut partial = self.engine().uninitialized(blocks, 1)?;
        self.reduce_level(&SQUARES, values, None, &mut partial, None, 0)?;
        self.reduce_sum(&partial, sums, slot)
    }

    /// `least[slot]` becomes the least of `values` and `index[slot]` its row number, the lowest of equals; the other
    /// rows stay as they are.
    ///
    /// Shapes: `values` (n, 1) with n ≥ 1; `least` and `index` (s, 1). Numbers below the normal ones
    /// ([`f32::MIN_POSITIVE`]) may count as 0, as GPUs flush them.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let distances = engine.upload(ndarray::array![[3.0_f32], [1.0], [1.0]].view())?;
    /// let (mut least, mut index) = (engine.zeros(1, 1)?, engine.zeros(1, 1)?);
    /// let mut recorder = engine.recorder();
    /// recorder.reduce_min(&distances, &mut least, &mut index, 0)?;
    /// recorder.submit()?;
    /// assert_eq!((least.download()?[[0, 0]], index.download()?[[0, 0]]), (1.0, 1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, `values` is empty, or there is no row `slot`.
    pub fn reduce_min(
        &mut self,
        values: &Matrix<f32>,
        least: &mut Matrix<f32>,
        index: &mut Matrix<u32>,
        slot: usize,
    ) -> Result<()> {
        self.reduce_extreme(&MIN, cpu::reduce::min, values, (least, index), slot)
    }

    /// `greatest[slot]` becomes the greatest of `values` and `index[slot]` its row number, the lowest of equals:
    /// otherwise as [`Recorder::reduce_min`].
    ///
    /// # Errors
    /// As [`Recorder::reduce_min`].
    pub fn reduce_max(
        &mut self,
        values: &Matrix<f32>,
        greatest: &mut Matrix<f32>,
        index: &mut Matrix<u32>,
        slot: usize,
    ) -> Result<()> {
        self.reduce_extreme(&MAX, cpu::reduce::max, values, (greatest, index), slot)
    }

    /// `sums[b] = Σ values[256 b .. 256 (b + 1)]`: one level of the tree. Shapes: (n, 1) and (⌈n/256⌉, 1).
    pub(crate) fn block_sums(&mut self, values: &Matrix<f32>, sums: &mut Matrix<f32>) -> Result<()> {
        expect_shape("reduce", "sums", sums.shape(), (values.rows().div_ceil(BLOCK), 1))?;
        if self.gpu().is_some() {
            return self.reduce_level(&SUM, values, None, sums, None, 0);
        }
        cpu::reduce::block_sums(values.host(), sums.host_mut());
        Ok(())
    }

    fn reduce_extreme(
        &mut self,
        variant: &Variant,
        twin: fn(&[f32]) -> Option<(f32, u32)>,
        values: &Matrix<f32>,
        (best, index): (&mut Matrix<f32>, &mut Matrix<u32>),
        slot: usize,
    ) -> Result<()> {
        let n = values.rows();
        self.same_engine("reduce", &[values.engine(), best.engine(), index.engine()])?;
        expect_shape("reduce", "values", values.shape(), (n, 1))?;
        expect_slot("the result", best.shape(), slot)?;
        expect_shape("reduce", "index", index.shape(), best.shape())?;
        if n == 0 {
            return Err(Error::shape("reduce: no value is the least or greatest of none; values has 0 rows"));
        }
        if u32::try_from(n).is_err() {
            return Err(Error::shape(format!(
                "reduce: {n} rows are more than row numbers of 32 bits can tell"
            )));
        }
        if self.gpu().is_none() {
            if let Some((value, row)) = twin(values.host()) {
                best.host_mut()[slot] = value;
                index.host_mut()[slot] = row;
            }
            return Ok(());
        }
        let mut level: Option<(Matrix<f32>, Matrix<u32>)> = None;
        loop {
            let (values, indices) = level.as_ref().map_or((values, None), |(v, i)| (v, Some(i)));
            let blocks = values.rows().div_ceil(BLOCK);
            if blocks == 1 {
                return self.reduce_level(variant, values, indices, best, Some(index), slot);
            }
            let mut next = (self.engine().uninitialized(blocks, 1)?, self.engine().uninitialized(blocks, 1)?);
            self.reduce_level(variant, values, indices, &mut next.0, Some(&mut next.1), 0)?;
            level = Some(next);
        }
    }

    /// Reduces each block of the elements of `values`, row by row, to one row, from `target_row` on.
    fn reduce_level(
        &mut self,
        variant: &Variant,
        values: &Matrix<f32>,
        indices: Option<&Matrix<u32>>,
        reduced: &mut Matrix<f32>,
        reduced_indices: Option<&mut Matrix<u32>>,
        target_row: usize,
    ) -> Result<()> {
        let reduced = reduced.whole("the result of reduce")?;
        let reduced_indices = match reduced_indices {
            Some(indices) => indices.whole("the row numbers of reduce")?,
            // A sum writes none, but has to bind something.
            None => self.engine().uninitialized::<u32>(1, 1)?.slice(0..1),
        };
        let heights = [Some(values.shard_rows()), indices.map(Matrix::shard_rows)];
        let mut windows = grid::row_windows(values.rows(), heights.into_iter().flatten());
        if values.rows() == 0 {
            windows.push(0..0);
        }
        for window in windows {
            // Shards start at multiples of 256 rows, so a window starts with a whole block.
            let (first, n) = (window.start * values.cols(), window.len() * values.cols());
            let params = Params {
                n: n as u32,
                first: first as u32,
                target_row: (target_row + first / BLOCK) as u32,
                has_indices: u32::from(indices.is_some()),
            };
            let column = values.slice(window.clone());
            // Where there are no indices yet, none are read.
            let indices = indices.map_or_else(|| column.clone(), |indices| indices.slice(window.clone()));
            let bindings = [column, indices, reduced.clone(), reduced_indices.clone()];
            let blocks = n.div_ceil(BLOCK).max(1) as u64;
            self.dispatch(&SHADER, variant, &params, &bindings, blocks)?;
        }
        Ok(())
    }
}

fn expect_slot(argument: &str, shape: (usize, usize), slot: usize) -> Result<()> {
    expect_shape("reduce", argument, shape, (shape.0, 1))?;
    if slot < shape.0 {
        return Ok(());
    }
    Err(Error::shape(format!("reduce: slot {slot} of {argument}, which has {} rows", shape.0)))
}
