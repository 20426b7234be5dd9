//! Host side of `grouped_assign`: the nearest codeword of every vector in its group's codebook.

use super::tile;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "grouped_assign",
    source: &[super::GRID, super::LEAST, include_str!("../../shaders/grouped_assign.wgsl")],
    reads: &["x", "codewords", "groups"],
    writes: &["codes", "rows", "distances"],
    params: Params::FIELDS,
    variants: || vec![Variant::DEFAULT],
};

shader_params!(Params { n: u32, d: u32, k: u32, first: u32 });

/// A codebook of `k` codewords for each of some groups, one after the other from row `first` of `codewords` on.
#[derive(Clone, Copy)]
pub(crate) struct Family<'a> {
    pub codewords: &'a Matrix<f32>,
    pub first: usize,
    pub k: usize,
}

impl Recorder<'_> {
    /// The nearest codeword of every vector in the codebook of the vector's group, of equally near ones the lowest code;
    /// the row of `codewords` it is in, and its squared distance, which is within d + 3 roundings.
    ///
    /// Shapes: `x` (n, d), `groups`, `codes`, `rows` and `distances` (n, 1). Every group has to be in the family.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, or if the codewords are over the device's binding
    /// limit.
    pub(crate) fn grouped_assign(
        &mut self,
        x: &Matrix<f32>,
        family: Family,
        groups: &Matrix<u32>,
        codes: &mut Matrix<u32>,
        rows: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let ((n, d), Family { codewords, first, k }) = (x.shape(), family);
        let engines = [x.engine(), codewords.engine(), groups.engine(), codes.engine(), rows.engine()];
        self.same_engine("grouped_assign", &engines)?;
        self.same_engine("grouped_assign", &[distances.engine()])?;
        expect_shape("grouped_assign", "codewords", codewords.shape(), (codewords.rows(), d))?;
        for (name, shape) in [("groups", groups.shape()), ("codes", codes.shape()), ("rows", rows.shape())] {
            expect_shape("grouped_assign", name, shape, (n, 1))?;
        }
        expect_shape("grouped_assign", "distances", distances.shape(), (n, 1))?;
        if x.is_empty() {
            return Ok(());
        }
        let Some(gpu) = self.gpu() else {
            let family = cpu::grouped_assign::Family { codewords: codewords.host(), first, k, d };
            let chosen = cpu::grouped_assign::Chosen {
                codes: codes.host_mut(),
                rows: rows.host_mut(),
                distances: distances.host_mut(),
            };
            cpu::grouped_assign::grouped_assign(x.host(), family, groups.host(), chosen);
            return Ok(());
        };
        let codewords = codewords.whole("grouped_assign: codewords")?;
        let heights = [
            x.shard_rows(),
            groups.shard_rows(),
            codes.shard_rows(),
            rows.shard_rows(),
            distances.shard_rows(),
            tile::rows_per_dispatch(&gpu, k, d),
        ];
        for window in grid::row_windows(n, heights) {
            let params = Params { n: window.len() as u32, d: d as u32, k: k as u32, first: first as u32 };
            let bindings = [
                x.slice(window.clone()),
                codewords.clone(),
                groups.slice(window.clone()),
                codes.slice(window.clone()),
                rows.slice(window.clone()),
                distances.slice(window.clone()),
            ];
            self.dispatch(&SHADER, &Variant::DEFAULT, &params, &bindings, window.len() as u64)?;
        }
        Ok(())
    }
}
