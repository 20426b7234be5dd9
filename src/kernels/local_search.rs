//! Host side of `local_search`: one round of iterated local search over additive codes.

use super::lanes::Lanes;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};
use crate::ops::MOST_CODEBOOKS;

pub(crate) static SHADER: Shader = Shader {
    stem: "local_search",
    source: &[super::GRID, super::LEAST, include_str!("../../shaders/local_search.wgsl")],
    reads: &["scores", "gram", "shifts"],
    writes: &["codes", "costs"],
    params: Params::FIELDS,
    variants: || vec![Lanes::ALL.variant(&[])],
};

shader_params!(Params { n: u32, m: u32, k: u32, sweeps: u32, first: u32 });

/// Codes that a workgroup has room for: `ROOM` in the shader.
const ROOM: usize = 512;

/// Passes over the codes in one round, at most: Martinez et al. take four.
const SWEEPS: usize = 4;

impl Recorder<'_> {
    /// Perturbs the codes, searches from there, and keeps what it finds where that is cheaper. With `first`, the codes
    /// have not been judged yet, and what it finds is kept in any case.
    ///
    /// Shapes: `scores` (n, m·k) as ½‖c‖² − x·c, `gram` (m·k, m·k), `shifts` (m, 1): what is added to each code modulo k;
    /// `codes` (n, m), each below k; `costs` (n, 1).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit; [`Device`](crate::ErrorKind::Device) if a software
    /// driver would cut the search short.
    pub(crate) fn local_search(
        &mut self,
        scores: &Matrix<f32>,
        gram: &Matrix<f32>,
        shifts: &Matrix<u32>,
        first: bool,
        codes: &mut Matrix<u32>,
        costs: &mut Matrix<f32>,
    ) -> Result<()> {
        let ((n, m), width) = (codes.shape(), scores.cols());
        let k = width / m.max(1);
        self.same_engine("local_search", &[scores.engine(), gram.engine(), shifts.engine(), codes.engine()])?;
        if m == 0 || m > MOST_CODEBOOKS || k * m != width {
            return Err(Error::shape(format!(
                "local_search: {width} scores of {m} codebooks; there can be {MOST_CODEBOOKS}, of one size"
            )));
        }
        expect_shape("local_search", "scores", scores.shape(), (n, width))?;
        expect_shape("local_search", "gram", gram.shape(), (width, width))?;
        expect_shape("local_search", "shifts", shifts.shape(), (m, 1))?;
        expect_shape("local_search", "costs", costs.shape(), (n, 1))?;
        let Some(gpu) = self.gpu() else {
            let search = cpu::local_search::Search {
                scores: scores.host(),
                gram: gram.host(),
                shifts: shifts.host(),
                k,
                sweeps: SWEEPS,
                first,
            };
            search.run(codes.host_mut(), costs.host_mut());
            return Ok(());
        };
        let iterations = |lanes: usize| SWEEPS * m * (k.div_ceil(lanes) * (m + 1) + 8) + m * m;
        let lanes = Lanes::choose(self.engine(), &gpu, k, |rows| rows * m <= ROOM, iterations);
        let lanes = lanes.ok_or_else(|| {
            Error::device(format!(
                "a local search over {m} codebooks of {k} is more than a software driver runs in one go; take --device cpu"
            ))
        })?;
        let variant = lanes.variant(&[]);
        for window in grid::row_windows(n, [scores.shard_rows(), codes.shard_rows(), costs.shard_rows()]) {
            let params = Params {
                n: window.len() as u32,
                m: m as u32,
                k: k as u32,
                sweeps: SWEEPS as u32,
                first: first.into(),
            };
            let bindings = [
                scores.slice(window.clone()),
                gram.whole("the table of inner products")?,
                shifts.whole("the shifts")?,
                codes.slice(window.clone()),
                costs.slice(window.clone()),
            ];
            self.dispatch(&SHADER, &variant, &params, &bindings, lanes.workgroups(window.len()))?;
        }
        Ok(())
    }
}
