//! Host side of `lattice_round`: vectors to the nearest points of a lattice.

use crate::cpu;
use crate::engine::shader::{Params as _, Shader, Variant, shader_params};
use crate::engine::{Engine, Matrix, Recorder, expect_shape, grid};
use crate::error::Result;
use crate::lattice::{Grid, Lattice};

pub(crate) static SHADER: Shader = Shader {
    stem: "lattice_round",
    source: &[
        super::GRID,
        include_str!("../../shaders/shared/golay.wgsl"),
        include_str!("../../shaders/shared/lattice.wgsl"),
        include_str!("../../shaders/shared/leech24.wgsl"),
        include_str!("../../shaders/lattice_round.wgsl"),
    ],
    reads: &["x", "grid"],
    writes: &["codes", "nearest"],
    params: Params::FIELDS,
    variants: || VARIANTS.to_vec(),
};

/// One per lattice, by its number in `shaders/shared/lattice.wgsl`.
pub(super) static VARIANTS: [Variant; 5] = [
    Variant::overriding(&[("LATTICE", 0.0)]),
    Variant::overriding(&[("LATTICE", 1.0)]),
    Variant::overriding(&[("LATTICE", 2.0)]),
    Variant::overriding(&[("LATTICE", 3.0)]),
    Variant::overriding(&[("LATTICE", 4.0)]),
];

shader_params!(Params { n: u32, d: u32, columns: u32, dim: u32 });

/// A [`Grid`] on a device.
pub(crate) struct DeviceGrid {
    pub(super) table: Matrix<f32>,
    pub(super) lattice: Lattice,
    pub(super) d: usize,
}

impl DeviceGrid {
    pub fn new(engine: &Engine, grid: &Grid) -> Result<Self> {
        Ok(Self { table: engine.upload(grid.table.view())?, lattice: grid.lattice, d: grid.d })
    }

    /// Codes of a vector.
    pub fn columns(&self) -> usize {
        self.table.rows()
    }

    pub(super) fn variant(&self) -> &'static Variant {
        &VARIANTS[match self.lattice {
            Lattice::Z => 0,
            Lattice::A(_) => 1,
            Lattice::D(_) => 2,
            Lattice::E8 => 3,
            Lattice::Leech24 => 4,
        }]
    }
}

impl Recorder<'_> {
    /// The point of `grid` that is nearest to each vector, once the vector is clamped to the grid's box, and its codes.
    ///
    /// Shapes: `x` and `nearest` (n, d), `codes` (n, c) where c is d rounded up to a multiple of the lattice's
    /// dimension.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub(crate) fn lattice_round(
        &mut self,
        x: &Matrix<f32>,
        grid: &DeviceGrid,
        codes: &mut Matrix<u32>,
        nearest: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d, columns) = (x.rows(), grid.d, grid.columns());
        let engines = [x.engine(), grid.table.engine(), codes.engine(), nearest.engine()];
        self.same_engine("lattice_round", &engines)?;
        expect_shape("lattice_round", "x", x.shape(), (n, d))?;
        expect_shape("lattice_round", "codes", codes.shape(), (n, columns))?;
        expect_shape("lattice_round", "nearest", nearest.shape(), (n, d))?;
        if x.is_empty() {
            return Ok(());
        }
        if self.gpu().is_none() {
            let (table, nearest) = (grid.table.host(), nearest.host_mut());
            cpu::lattice_round::lattice_round(x.host(), d, grid.lattice, table, codes.host_mut(), nearest);
            return Ok(());
        }
        let table = grid.table.whole("lattice_round: grid")?;
        let dim = grid.lattice.dim();
        for window in grid::row_windows(n, [x.shard_rows(), codes.shard_rows(), nearest.shard_rows()]) {
            let params =
                Params { n: window.len() as u32, d: d as u32, columns: columns as u32, dim: dim as u32 };
            let bindings = [
                x.slice(window.clone()),
                table.clone(),
                codes.slice(window.clone()),
                nearest.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64 * (columns / dim) as u64).div_ceil(super::WORKGROUP);
            self.dispatch(&SHADER, grid.variant(), &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}
