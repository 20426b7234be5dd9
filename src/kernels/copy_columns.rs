//! Host side of `copy_columns`: columns of one matrix become columns of another.

use std::ops::Range;

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, Word, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "copy_columns",
    source: &[super::GRID, include_str!("../../shaders/copy_columns.wgsl")],
    reads: &["source_rows"],
    writes: &["target_rows"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, count: u32, source_cols: u32, from_col: u32, target_cols: u32, to_col: u32 });

impl Recorder<'_> {
    /// Copies the columns `columns` of `source` over as many of `target`, from column `to` on; the other columns of
    /// `target` stay.
    ///
    /// Shapes: `source` (n, a), `target` (n, b).
    ///
    /// ```
    /// use ndarray::array;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let source = engine.upload(array![[1_u32, 2, 3], [4, 5, 6]].view())?;
    /// let mut target = engine.zeros(2, 2)?;
    /// let mut recorder = engine.recorder();
    /// recorder.copy_columns(&source, 2..3, &mut target, 0)?;
    /// recorder.submit()?;
    /// assert_eq!(target.download()?, array![[3, 0], [6, 0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit or the columns reach past the end.
    pub fn copy_columns<T: Word>(
        &mut self,
        source: &Matrix<T>,
        columns: Range<usize>,
        target: &mut Matrix<T>,
        to: usize,
    ) -> Result<()> {
        self.same_engine("copy_columns", &[source.engine(), target.engine()])?;
        let count = columns.len();
        if source.rows() != target.rows()
            || columns.end > source.cols()
            || to.saturating_add(count) > target.cols()
        {
            return Err(Error::shape(format!(
                "copy_columns: columns {columns:?} of {} × {} do not fit {} × {} from column {to} on",
                source.rows(),
                source.cols(),
                target.rows(),
                target.cols()
            )));
        }
        if count == 0 || source.rows() == 0 {
            return Ok(());
        }
        if self.gpu().is_none() {
            let (from, cols) = (source.cols(), target.cols());
            cpu::copy_columns::copy_columns(source.host(), from, columns, target.host_mut(), cols, to);
            return Ok(());
        }
        for window in grid::row_windows(source.rows(), [source.shard_rows(), target.shard_rows()]) {
            let params = Params {
                n: window.len() as u32,
                count: count as u32,
                source_cols: source.cols() as u32,
                from_col: columns.start as u32,
                target_cols: target.cols() as u32,
                to_col: to as u32,
            };
            let bindings = [source.slice(window.clone()), target.slice(window.clone())];
            let workgroups = (window.len() as u64 * count as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
