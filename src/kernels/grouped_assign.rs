//! Host side of `grouped_assign`: the nearest codeword of every vector in its group's codebook.

use super::lanes::Lanes;
use super::{grouped_assign_exactly, tile};
use crate::certified::bounds::DistanceBound;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Matrix, Recorder, RowList, expect_shape, grid};
use crate::error::{Error, Result};

pub(crate) static SHADER: Shader = Shader {
    stem: "grouped_assign",
    source: &[
        super::GRID,
        super::LEAST,
        tile::TRUSTED,
        tile::LEFT_ROWS,
        include_str!("../../shaders/grouped_assign.wgsl"),
    ],
    reads: &["x", "codewords", "groups"],
    writes: &["codes", "rows", "distances", "left"],
    params: Params::FIELDS,
    variants: || vec![Lanes::ALL.variant(&[])],
};

shader_params!(Params { n: u32, d: u32, k: u32, first: u32, factor: f32, underflow: f32 });

/// A codebook of `k` codewords for each of some groups, one after the other from row `first` of `codewords` on.
#[derive(Clone, Copy)]
pub(crate) struct Family<'a> {
    pub codewords: &'a Matrix<f32>,
    pub first: usize,
    pub k: usize,
}

impl Recorder<'_> {
    /// The nearest codeword of every vector in the codebook of the vector's group, by the values as they are and of equally
    /// near ones the lowest code; the row of `codewords` it is in, and its squared distance, which is within d + 3 roundings.
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
        let lanes = Lanes::choose(self.engine(), &gpu, k, |_| true, |lanes| k.div_ceil(lanes) * (d + 1) + 8);
        let lanes = lanes.ok_or_else(|| {
            Error::device(format!(
                "the nearest of {k} codewords of {d} dimensions are more than a software driver compares in one go; take --device cpu"
            ))
        })?;
        let variant = lanes.variant(&[]);
        let DistanceBound { factor, underflow } = DistanceBound::new(d, 2);
        let codewords = codewords.whole("grouped_assign: codewords")?;
        let heights = [
            x.shard_rows(),
            groups.shard_rows(),
            codes.shard_rows(),
            rows.shard_rows(),
            distances.shard_rows(),
            tile::rows_per_dispatch(&gpu, k, d).min(RowList::most_rows(&gpu)),
        ];
        for window in grid::row_windows(n, heights) {
            let left = self.row_list(window.len())?;
            let (n, d, k, first) = (window.len() as u32, d as u32, k as u32, first as u32);
            let params = Params { n, d, k, first, factor, underflow };
            let inputs = [x.slice(window.clone()), codewords.clone(), groups.slice(window.clone())];
            let outputs =
                [codes.slice(window.clone()), rows.slice(window.clone()), distances.slice(window.clone())];
            let bindings = [&inputs[..], &outputs, &[left.slab()]].concat();
            self.dispatch(&SHADER, &variant, &params, &bindings, lanes.workgroups(window.len()))?;
            let params = grouped_assign_exactly::Params { d, k, first, factor, underflow };
            let bindings = [&inputs[..], &[left.slab()], &outputs].concat();
            let shader = &grouped_assign_exactly::SHADER;
            self.dispatch_listed(shader, &grouped_assign_exactly::variant(), &params, &bindings, &left)?;
        }
        Ok(())
    }
}
