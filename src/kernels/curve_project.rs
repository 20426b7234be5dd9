//! Host side of `curve_project`: the nearest point of a piecewise linear curve.

use ndarray::{Array2, ArrayView2, Axis};

use super::prepare_codebook::{Form, Panels};
use super::tile::{self, Params};
use super::tuner;
use crate::cpu;
use crate::cpu::curve_project::PackedCurve;
use crate::engine::shader::{Params as _, Shader};
use crate::engine::tile::Tile;
use crate::engine::{Engine, Matrix, Recorder, expect_shape, grid};
use crate::error::{Error, Result};
use crate::metrics::Metric;

pub(crate) static SHADER: Shader = Shader {
    stem: "curve_project",
    source: &[
        super::GRID,
        tile::REGISTERS,
        tile::EVERY_ROW,
        tile::METRIC,
        tile::SCORE,
        tile::DISTANCE,
        tile::LOWEST,
        include_str!("../../shaders/curve_project.wgsl"),
    ],
    reads: &["x", "codebook", "panels", "ends", "mean"],
    writes: &["segments", "positions", "distances"],
    params: Params::FIELDS,
    variants: tile::variants,
};

/// A piecewise linear curve on a device, ready to be projected on: from corner to corner of C (k, d), k ≥ 2, in order.
///
/// ```
/// use ndarray::array;
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let curve = wgvq::kernels::Polyline::new(&engine, array![[0.0_f32, 0.0], [2.0, 0.0], [2.0, 2.0]].view())?;
/// let x = engine.upload(array![[0.5_f32, 1.0], [3.0, 1.0], [3.0, -0.5]].view())?;
/// let (mut segments, mut positions) = (engine.zeros(3, 1)?, engine.zeros(3, 1)?);
/// let mut distances = engine.zeros(3, 1)?;
/// let mut recorder = engine.recorder();
/// recorder.curve_project(&x, &curve, &mut segments, &mut positions, &mut distances)?;
/// recorder.submit()?;
/// // A quarter of the first segment, half of the second, and the corner between them, two thirds turned to the second.
/// assert_eq!(segments.download()?, array![[0], [1], [1]]);
/// let positions = positions.download()?;
/// assert_eq!((positions[[0, 0]], positions[[1, 0]]), (0.25, 0.5));
/// assert!((positions[[2, 0]] + 1.0 / 3.0).abs() < 1e-6);
/// assert_eq!(distances.download()?, array![[1.0], [1.0], [1.25]]);
/// # Ok(())
/// # }
/// ```
pub struct Polyline {
    corners: Matrix<f32>,
    packed: Packed,
}

enum Packed {
    Cpu(PackedCurve),
    Gpu {
        panels: Panels,
        /// (padded k, 4): of each corner half its squared norm, and of the segment that ends there ½|D|² and 1/|D|².
        ends: Matrix<f32>,
    },
}

impl Polyline {
    /// Uploads the `corners` (k, d) and prepares them.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if there are fewer than two corners or no dimension, or the corners are over the
    /// device's binding limit; [`Input`](crate::ErrorKind::Input) for a value that is not finite.
    pub fn new(engine: &Engine, corners: ArrayView2<f32>) -> Result<Self> {
        let (k, d) = corners.dim();
        if k < 2 || d == 0 {
            return Err(Error::shape(format!(
                "a curve of {k} corners of {d} dimensions; it needs at least 2, of at least 1"
            )));
        }
        let on_device = engine.upload(corners)?;
        if !engine.is_gpu() {
            let packed = Packed::Cpu(PackedCurve::new(on_device.host(), d)?);
            return Ok(Self { corners: on_device, packed });
        }
        on_device.whole("the curve")?;
        let tile = tuner::tile_for(engine, k, d);
        let order = arrange(tile, k);
        let arranged = engine.upload(corners.select(Axis(0), &order).view())?;
        let mut ends = engine.upload(segment_ends(corners, &order).view())?;
        let mut recorder = engine.recorder();
        let panels = recorder.scratch_panels(&arranged, tile, Form::Centred)?;
        recorder.copy_columns(&panels.half_norms, 0..1, &mut ends, 0)?;
        recorder.submit()?;
        Ok(Self { corners: on_device, packed: Packed::Gpu { panels, ends } })
    }

    /// The corners, (k, d).
    pub fn corners(&self) -> &Matrix<f32> {
        &self.corners
    }

    /// How many segments there are: one fewer than corners.
    pub fn segments(&self) -> usize {
        self.corners.rows() - 1
    }
}

/// Which corner has each place of the panels: as many that follow one another as an invocation has codeword slots, where it
/// has them. Beyond the last corner there are copies of it, which the shader passes over.
fn arrange(tile: Tile, k: usize) -> Vec<usize> {
    let Tile { panel, lanes, slots: (_, slots), .. } = tile;
    let places = 0..tile.padded_codewords(k);
    let corner = |place: usize| {
        let (slot, lane) = (place % panel / lanes, place % lanes);
        let group = slot / slots;
        place / panel * panel + group * slots * lanes + slots * lane + slot % slots
    };
    places.map(|place| corner(place).min(k - 1)).collect()
}

/// (padded k, 4): room for half norms, ½|D|² and 1/|D|² (0 for 1/0) of the segment that ends at each corner, 0.
fn segment_ends(corners: ArrayView2<f32>, order: &[usize]) -> Array2<f32> {
    let mut ends = Array2::zeros((order.len(), 4));
    for (mut end, &corner) in ends.rows_mut().into_iter().zip(order) {
        if corner == 0 {
            continue;
        }
        let (from, to) = (corners.row(corner - 1), corners.row(corner));
        let square = from.iter().zip(to).map(|(from, to)| f64::from(to - from).powi(2)).sum::<f64>() as f32;
        end[1] = square / 2.0;
        end[2] = if square == 0.0 { 0.0 } else { 1.0 / square };
    }
    ends
}

impl Recorder<'_> {
    /// The nearest point of a piecewise linear curve to every vector: exactly, over all segments.
    ///
    /// On segment s, from corner s to s + 1, the point is `c_s + t (c_{s+1} − c_s)` with t = position clamped to 0..1. The
    /// `positions` say more: vectors that project to a corner, as whole cones of them do, are told apart by how far they
    /// have turned from the one segment (1 to 1.5) to the next (−0.5 to 0 of that one), and those beyond the ends of the
    /// curve by how far. So (segment, position) runs along the curve without a jump, from (0, −0.5) to (k − 2, 1.5).
    ///
    /// Distances and minimum are fused: no (n, k) matrix exists, and the products with the corners are all that it takes.
    /// Rounding is as in [`assign`](Self::assign); of equally near segments the lowest is taken. A segment of length zero
    /// is its corner.
    ///
    /// Shapes: `x` (n, d), `segments`, `positions` and `distances` (squared) (n, 1). [`Polyline`] has an example.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    pub fn curve_project(
        &mut self,
        x: &Matrix<f32>,
        curve: &Polyline,
        segments: &mut Matrix<u32>,
        positions: &mut Matrix<f32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let (k, d) = curve.corners.shape();
        let n = x.rows();
        let engines =
            [x.engine(), curve.corners.engine(), segments.engine(), positions.engine(), distances.engine()];
        self.same_engine("curve_project", &engines)?;
        expect_shape("curve_project", "x", x.shape(), (n, d))?;
        expect_shape("curve_project", "segments", segments.shape(), (n, 1))?;
        expect_shape("curve_project", "positions", positions.shape(), (n, 1))?;
        expect_shape("curve_project", "distances", distances.shape(), (n, 1))?;
        let (panels, ends) = match &curve.packed {
            Packed::Cpu(packed) => {
                let (segments, positions) = (segments.host_mut(), positions.host_mut());
                let distances = distances.host_mut();
                cpu::curve_project::curve_project(x.host(), packed, segments, positions, distances);
                return Ok(());
            }
            Packed::Gpu { panels, ends } => (panels, ends),
        };
        let variant = tile::variant(panels.tile, d, Metric::SquaredL2, "");
        let gpu = self.gpu().expect("panels are for shaders");
        let heights = [
            x.shard_rows(),
            segments.shard_rows(),
            positions.shard_rows(),
            distances.shard_rows(),
            tile::rows_per_dispatch(&gpu, k, d),
        ];
        for window in grid::row_windows(n, heights) {
            let params = Params { n: window.len() as u32, d: d as u32, k: k as u32 };
            let bindings = [
                x.slice(window.clone()),
                curve.corners.whole("the curve")?,
                panels.panels.whole("the packed curve")?,
                ends.whole("the curve's segments")?,
                panels.mean.whole("the mean")?,
                segments.slice(window.clone()),
                positions.slice(window.clone()),
                distances.slice(window.clone()),
            ];
            let workgroups = (window.len() as u64).div_ceil(panels.tile.rows);
            self.dispatch(&SHADER, &variant, &params, &bindings, workgroups)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_meets_corners_that_follow_one_another() {
        assert_eq!(arrange(Tile::DIRECT, 20)[..20], (0..20).collect::<Vec<_>>());
        for tile in Tile::ALL.into_iter().filter(|tile| tile.is_staged()) {
            let Tile { panel, lanes, slots: (_, slots), .. } = tile;
            let k = 2 * panel + 44;
            let places = arrange(tile, k);
            assert_eq!(places.len(), 3 * panel, "{tile}");
            for lane in 0..lanes {
                let own = (0..slots).map(|slot| places[panel + lane + lanes * slot]);
                assert!(own.eq((0..slots).map(|slot| panel + slots * lane + slot)), "{tile}");
            }
            let mut seen = places;
            seen.sort();
            seen.dedup();
            assert_eq!(seen, (0..k).collect::<Vec<_>>(), "{tile}");
        }
    }
}
