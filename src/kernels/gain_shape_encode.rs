//! Host side of `gain_shape_encode`: rows as a gain and a shape.

use ndarray::{Array2, Axis, concatenate};

use super::lanes;
use crate::cpu;
use crate::engine::shader::{Params as _, Shader, shader_params};
use crate::engine::{Engine, Matrix, Recorder, expect_shape, grid};
use crate::error::Result;
use crate::ops::gain_shape::LENGTH_CODES;

pub(crate) static SHADER: Shader = Shader {
    stem: "gain_shape_encode",
    source: &[super::GRID, super::LENGTHS, include_str!("../../shaders/gain_shape_encode.wgsl")],
    reads: &["x", "grid"],
    writes: &["codes", "distances"],
    params: Params::FIELDS,
    variants: || lanes::SUMMING.to_vec(),
};

shader_params!(Params { n: u32, d: u32, k: u32, unit: f32 });

/// The grid of a shape on a device: k magnitudes, which stand for a number of either sign each, and the borders of their cells.
pub(crate) struct Shape {
    /// (2, k): the lower borders, and the magnitudes.
    pub(super) grid: Matrix<f32>,
    /// The mean magnitude of the numbers that the grid is for.
    mean: f32,
}

impl Shape {
    /// `magnitudes` (1, k), for numbers of the mean magnitude `mean`: k is a power of two up to 128, the magnitudes ascend from above 0
    /// and are whole multiples of [`MAGNITUDE_STEP`](crate::ops::gain_shape::MAGNITUDE_STEP) below 8.
    pub fn new(engine: &Engine, magnitudes: &Array2<f32>, mean: f32) -> Result<Self> {
        let border = |k: usize| match k {
            0 => 0.0,
            _ => 0.5 * (magnitudes[[0, k - 1]] + magnitudes[[0, k]]),
        };
        let borders = Array2::from_shape_fn(magnitudes.dim(), |(_, k)| border(k));
        let grid = concatenate(Axis(0), &[borders.view(), magnitudes.view()]).expect("rows of one length");
        Ok(Self { grid: engine.upload(grid.view())?, mean })
    }

    /// Values of a code of the shape.
    pub fn code_size(&self) -> usize {
        2 * self.grid.cols()
    }
}

impl Recorder<'_> {
    /// `codes[i]` become those of a gain and a shape that are close to `x[i]`, and `distances[i]` the squared distance to what they
    /// stand for. Codes are the same on every device.
    ///
    /// Shapes: `x` (n, d), d up to 65,536; `codes` (n, d + 4), of which the first d are below twice the number of magnitudes and the last
    /// four below 16; `distances` (n, 1).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub(crate) fn gain_shape_encode(
        &mut self,
        x: &Matrix<f32>,
        shape: &Shape,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = x.shape();
        let engines = [x.engine(), shape.grid.engine(), codes.engine(), distances.engine()];
        self.same_engine("gain_shape_encode", &engines)?;
        expect_shape("gain_shape_encode", "codes", codes.shape(), (n, d + LENGTH_CODES))?;
        expect_shape("gain_shape_encode", "distances", distances.shape(), (n, 1))?;
        if x.is_empty() {
            return Ok(());
        }
        let k = shape.grid.cols();
        let unit = 1.0 / (d as f32 * shape.mean);
        if self.gpu().is_none() {
            let (borders, magnitudes) = shape.grid.host().split_at(k);
            let grid = cpu::gain_shape_encode::Grid { borders, magnitudes, unit };
            cpu::gain_shape_encode::gain_shape_encode(
                x.host(),
                d,
                grid,
                codes.host_mut(),
                distances.host_mut(),
            );
            return Ok(());
        }
        let table = shape.grid.whole("gain_shape_encode: grid")?;
        // To find a cell takes a search by halves, twice.
        let iterations = d * (3 + 2 * k.ilog2() as usize) + 3 * lanes::PARTS;
        let variant = lanes::summing(self.engine(), iterations);
        let heights = [x.shard_rows(), codes.shard_rows(), distances.shard_rows()];
        for window in grid::row_windows(n, heights) {
            let params = Params { n: window.len() as u32, d: d as u32, k: k as u32, unit };
            let bindings = [
                x.slice(window.clone()),
                table.clone(),
                codes.slice(window.clone()),
                distances.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(super::ROWS);
            self.dispatch(&SHADER, variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
