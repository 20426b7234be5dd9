//! Host side of `scalar_encode`: every element to the nearest of its column's levels.

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Engine, Matrix, Recorder, expect_shape, grid};
use crate::error::Result;

pub(crate) static SHADER: Shader = Shader {
    stem: "scalar_encode",
    source: &[super::GRID, include_str!("../../shaders/scalar_encode.wgsl")],
    reads: &["x", "table"],
    writes: &["codes"],
    params: Params::FIELDS,
    variants: || vec![UNIFORM.clone(), LISTED.clone()],
};

pub(super) static UNIFORM: Variant = Variant::overriding(&[("LISTED", 0.0)]);
pub(super) static LISTED: Variant = Variant::overriding(&[("LISTED", 1.0)]);

shader_params!(Params { n: u32, d: u32, k: u32, stride: u32 });

/// The levels of a scalar quantizer on a device: the same for all columns, or for each its own.
pub(crate) struct Levels {
    pub(super) table: Matrix<f32>,
    pub(super) d: usize,
    pub(super) k: usize,
    pub(super) variant: &'static Variant,
}

impl Levels {
    /// `k` levels from `low` on, `step` apart: both (1, 1) or (d, 1), every `low + (k − 1)·step` finite. A step that
    /// is not 0 is normal.
    pub fn uniform(
        engine: &Engine,
        d: usize,
        k: usize,
        low: ArrayView2<f32>,
        step: ArrayView2<f32>,
    ) -> Result<Self> {
        let highest = &low + &step.mapv(|step| step * (k - 1) as f32);
        let inverse = step.mapv(|step| if step == 0.0 { 0.0 } else { 1.0 / step });
        let table = concatenate(Axis(1), &[low, highest.view(), step, inverse.view()]).expect("equal rows");
        Ok(Self { table: engine.upload(table.view())?, d, k, variant: &UNIFORM })
    }

    /// Levels (1, k) or (d, k), each row in ascending order, equal ones last.
    pub fn listed(engine: &Engine, d: usize, levels: &Array2<f32>) -> Result<Self> {
        Ok(Self { table: engine.upload(levels.view())?, d, k: levels.ncols(), variant: &LISTED })
    }

    pub fn d(&self) -> usize {
        self.d
    }

    pub fn k(&self) -> usize {
        self.k
    }

    /// From the levels of one column to those of the next.
    pub(super) fn stride(&self) -> usize {
        if self.table.rows() == 1 { 0 } else { self.table.cols() }
    }

    pub(super) fn cpu(&self) -> cpu::scalar_encode::Levels<'_> {
        let (table, stride, k) = (self.table.host(), self.stride(), self.k);
        cpu::scalar_encode::Levels { table, stride, k, listed: *self.variant == LISTED }
    }
}

impl Recorder<'_> {
    /// `codes[i, j]` becomes the number of the level of column j that is nearest to `x[i, j]`, the lower of two that
    /// are equally near.
    ///
    /// Shapes: `x` and `codes` (n, d).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit, or the levels are over the device's binding limit.
    pub(crate) fn scalar_encode(
        &mut self,
        x: &Matrix<f32>,
        levels: &Levels,
        codes: &mut Matrix<u32>,
    ) -> Result<()> {
        let (n, d) = x.shape();
        self.same_engine("scalar_encode", &[x.engine(), levels.table.engine(), codes.engine()])?;
        expect_shape("scalar_encode", "x", x.shape(), (n, levels.d))?;
        expect_shape("scalar_encode", "codes", codes.shape(), (n, d))?;
        if x.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            cpu::scalar_encode::scalar_encode(x.host(), d, levels.cpu(), codes.host_mut());
            return Ok(());
        }
        let table = levels.table.whole("scalar_encode: levels")?;
        for window in grid::row_windows(n, [x.shard_rows(), codes.shard_rows()]) {
            let params = Params {
                n: window.len() as u32,
                d: d as u32,
                k: levels.k as u32,
                stride: levels.stride() as u32,
            };
            let bindings = [x.slice(window.clone()), table.clone(), codes.slice(window.clone())];
            let workgroups = (window.len() as u64 * d as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, levels.variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
