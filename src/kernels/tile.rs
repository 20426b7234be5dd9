//! What the kernels on the register-tiled core (`shaders/shared/tile_*.wgsl`) have in common.

use std::borrow::Cow;

use crate::engine::Core;
use crate::engine::gpu::Gpu;
use crate::engine::shader::{Variant, shader_params};
use crate::engine::tile::Tile;
use crate::metrics::Metric;

shader_params!(Params { n: u32, d: u32, k: u32 });

/// The texts every kernel on the core has.
pub(super) const REGISTERS: &str = include_str!("../../shaders/shared/tile_registers.wgsl");
pub(super) const METRIC: &str = include_str!("../../shaders/shared/tile_metric.wgsl");
pub(super) const SCORE: &str = include_str!("../../shaders/shared/tile_score.wgsl");
pub(super) const DISTANCE: &str = include_str!("../../shaders/shared/tile_distance.wgsl");
pub(super) const LOWEST: &str = include_str!("../../shaders/shared/tile_lowest.wgsl");

/// Which rows a kernel takes, and which it leaves to the next look.
pub(super) const EVERY_ROW: &str = include_str!("../../shaders/shared/every_row.wgsl");
pub(super) const LISTED_ROWS: &str = include_str!("../../shaders/shared/listed_rows.wgsl");
pub(super) const LEFT_ROWS: &str = include_str!("../../shaders/shared/left_rows.wgsl");

pub(super) const TRUSTED: &str = include_str!("../../shaders/shared/trusted.wgsl");
pub(super) const NEAREST: &str = include_str!("../../shaders/shared/tile_nearest.wgsl");

const DIRECT: &str = include_str!("../../shaders/shared/tile_direct.wgsl");
const STAGED: &str = include_str!("../../shaders/shared/tile_staged.wgsl");
const ROWS_VEC4: &str = include_str!("../../shaders/shared/tile_rows_vec4.wgsl");
const POWER_ONE: &str = include_str!("../../shaders/shared/power_one.wgsl");
const POWER_TWO: &str = include_str!("../../shaders/shared/power_two.wgsl");
const POWER_ANY: &str = include_str!("../../shaders/shared/power_any.wgsl");
const ROWS_SCALAR: &str = include_str!("../../shaders/shared/tile_rows_scalar.wgsl");

/// Multiply-adds of one dispatch at most: a fraction of a second, as a desktop's watchdog resets a GPU that has worked for
/// two seconds without an end. A discrete GPU does 10¹² multiply-adds a second and more, an integrated one 10¹¹.
const WORK_OF_DISCRETE: usize = 1 << 39;
const WORK_OF_OTHERS: usize = 1 << 36;

/// The rows that one dispatch takes at most, as a height for [`row_windows`](crate::engine::grid::row_windows): where a
/// window ends is a valid offset of a binding in every matrix.
pub(super) fn rows_per_dispatch(gpu: &Gpu, k: usize, d: usize) -> usize {
    let discrete = gpu.info.device_type == wgpu::DeviceType::DiscreteGpu;
    rows_within(if discrete { WORK_OF_DISCRETE } else { WORK_OF_OTHERS }, k, d)
}

fn rows_within(work: usize, k: usize, d: usize) -> usize {
    (work / k.saturating_mul(d).max(1) / 256).max(1) * 256
}

/// The text that reads vectors of `d` dimensions.
pub(super) fn rows_of(d: usize) -> &'static str {
    if d.is_multiple_of(4) { ROWS_VEC4 } else { ROWS_SCALAR }
}

/// The texts of a core for vectors of `d` dimensions and a metric.
fn pieces(core: Core, d: usize, metric: Metric) -> Vec<&'static str> {
    let core = match core {
        Core::Direct => DIRECT,
        Core::Staged => STAGED,
    };
    let power = match metric {
        Metric::Power(2) => POWER_TWO,
        Metric::Power(power) if power > 2 => POWER_ANY,
        _ => POWER_ONE,
    };
    vec![core, rows_of(d), power]
}

/// The variant for vectors of `d` dimensions; `constants` are the kernel's own.
pub(super) fn variant(tile: Tile, d: usize, metric: Metric, constants: &str) -> Variant {
    let (number, power) = match metric {
        Metric::SquaredL2 => (0.0, 1.0),
        Metric::Cosine => (1.0, 1.0),
        Metric::L1 => (2.0, 1.0),
        Metric::Power(m) => (2.0, f64::from(m)),
        Metric::InnerProduct => (3.0, 1.0),
    };
    Variant {
        prelude: (tile.constants() + constants).into(),
        pieces: pieces(tile.core, d, metric).into(),
        overrides: Cow::Owned(vec![("METRIC", number), ("POWER", power)]),
    }
}

/// One metric of every kind that [`variant`] tells apart.
const METRICS: [Metric; 5] =
    [Metric::SquaredL2, Metric::Cosine, Metric::L1, Metric::Power(3), Metric::InnerProduct];

/// One variant of every kind, for the contract test.
pub(super) fn variants() -> Vec<Variant> {
    Tile::ALL.into_iter().flat_map(|tile| variants_of(tile, "")).collect()
}

/// The variants of one tile: of the first one of a core by every metric, as what a metric changes is the same on all tiles.
pub(super) fn variants_of(tile: Tile, constants: &str) -> Vec<Variant> {
    let metrics = if [Tile::DIRECT, Tile::STAGED].contains(&tile) { &METRICS[..] } else { &METRICS[..1] };
    let kinds = metrics.iter().flat_map(|&metric| [(metric, 4), (metric, 3)]);
    kinds.map(|(metric, d)| variant(tile, d, metric, constants)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispatches_are_cut_at_whole_blocks_of_rows() {
        assert_eq!(rows_within(WORK_OF_OTHERS, 65_536, 128), 8192);
        assert_eq!(rows_within(WORK_OF_OTHERS, 1 << 20, 8192), 256);
        for (k, d) in [(1, 1), (0, 0), (1000, 384), (65_537, 769)] {
            let rows = rows_within(WORK_OF_DISCRETE, k, d);
            assert!(
                rows.is_multiple_of(256) && rows > 0 && rows * k * d <= WORK_OF_DISCRETE,
                "{k} × {d}: {rows}"
            );
        }
    }
}
