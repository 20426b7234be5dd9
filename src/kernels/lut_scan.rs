//! Host side of `lut_scan`: the scores of codes, from look-up tables.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Element, Matrix, Recorder, expect_shape, grid};
use crate::error::Result;
use crate::ops::LANES;

pub(crate) static SHADER: Shader = Shader {
    stem: "lut_scan",
    source: &[super::GRID, include_str!("../../shaders/lut_scan.wgsl")],
    reads: &["codes", "firsts", "tables", "starts"],
    writes: &["scores"],
    params: Params::FIELDS,
    variants: || vec![WORDS, BYTES],
};

const WORDS: Variant = Variant::overriding(&[("BYTES", 0.0)]);
const BYTES: Variant = Variant::overriding(&[("BYTES", 1.0)]);

shader_params!(Params { n: u32, m: u32, groups: u32, entries: u32 });

impl Recorder<'_> {
    /// Sums the scores of all codes for all queries: `starts[i]` and the m entries that code i names in the query's
    /// table.
    ///
    /// Shapes: `codes` (n, m) of `u32` or `u8`, each below the size of its codebook; `firsts` (m, 1), the entry of each codebook's first
    /// codeword; `tables` (groups·entries, 16) as [`lut_build`](Self::lut_build) fills them; `starts` (n, 1);
    /// `scores` (n, 16·groups), a column per query, those of the padding of the last group included. Errors of
    /// rounding are those of a sum of m + 1 terms, added in order.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub(crate) fn lut_scan<C: Element + Into<u32>>(
        &mut self,
        codes: &Matrix<C>,
        firsts: &Matrix<u32>,
        tables: &Matrix<f32>,
        starts: &Matrix<f32>,
        scores: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, m) = codes.shape();
        let groups = scores.cols() / LANES;
        let entries = tables.rows().checked_div(groups).unwrap_or(0);
        let engines = [codes.engine(), firsts.engine(), tables.engine(), starts.engine(), scores.engine()];
        self.same_engine("lut_scan", &engines)?;
        expect_shape("lut_scan", "firsts", firsts.shape(), (m, 1))?;
        expect_shape("lut_scan", "tables", tables.shape(), (groups * entries, LANES))?;
        expect_shape("lut_scan", "starts", starts.shape(), (n, 1))?;
        expect_shape("lut_scan", "scores", scores.shape(), (n, groups * LANES))?;
        if scores.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            let tables = (tables.host(), entries);
            cpu::lut_scan::lut_scan(codes.host(), firsts.host(), tables, starts.host(), scores.host_mut());
            return Ok(());
        }
        let variant = if size_of::<C>() == 1 { BYTES } else { WORDS };
        for window in grid::row_windows(n, [codes.shard_rows(), starts.shard_rows(), scores.shard_rows()]) {
            let params = Params {
                n: window.len() as u32,
                m: m as u32,
                groups: groups as u32,
                entries: entries as u32,
            };
            let bindings = [
                codes.slice(window.clone()),
                firsts.whole("the entries of the codebooks")?,
                tables.whole("the tables")?,
                starts.slice(window.clone()),
                scores.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(super::WORKGROUP) * groups as u64;
            self.dispatch(&SHADER, &variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
