//! What the kernels on the register-tiled core (`shaders/shared/tile_*.wgsl`) have in common.

use std::borrow::Cow;

use crate::engine::Core;
use crate::engine::gpu::Gpu;
use crate::engine::shader::{Variant, shader_params};
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

/// llvmpipe ends every loop of an invocation once its loops have made 65,535 iterations together, without a word;
/// the rest is room for the loops that are not counted below.
pub(super) const SOFTWARE_ITERATIONS: usize = 60_000;

/// How a workgroup of the tiled core cuts rows × codewords: sizes that the host lays out codebooks by and puts in front of
/// the shader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    /// Rows of x per workgroup: `WORKGROUP_ROWS`.
    pub rows: u64,
    /// Codewords in a panel of the prepared codebook: `PANEL`.
    pub panel: usize,
    /// Invocations that share the same rows: `LANES`.
    pub lanes: usize,
    /// Quads of dimensions per step of the main loop: `DEPTH`.
    pub depth: usize,
    /// Where rows and codewords wait for a step, which decides the text.
    pub core: Core,
}

impl Tile {
    const DIRECT: Self = Self { rows: 256, panel: 16, lanes: 1, depth: 1, core: Core::Direct };

    /// For codebooks of any size: 256 invocations.
    pub const STAGED: Self = Self::staged(16);

    /// For codebooks of up to 64 codewords, of which a panel of [`STAGED`](Self::STAGED) would be half empty or more: 64
    /// invocations.
    const NARROW: Self = Self::staged(8);

    /// Every tile that [`of`](Self::of) may choose.
    pub const ALL: [Self; 3] = [Self::DIRECT, Self::STAGED, Self::NARROW];

    /// `lanes` × `lanes` invocations that hold 8 × 8 sums each, and stage one quad of a row and of a codeword each.
    const fn staged(lanes: usize) -> Self {
        Self { rows: 8 * lanes as u64, panel: 8 * lanes, lanes, depth: lanes / 8, core: Core::Staged }
    }

    /// The tile for a codebook of `k` codewords of `d` dimensions.
    pub fn of(gpu: &Gpu, k: usize, d: usize) -> Self {
        let iterations = k.div_ceil(Self::DIRECT.panel) * (d.div_ceil(4) + 1);
        let cut_short = gpu.is_software() && iterations >= SOFTWARE_ITERATIONS;
        let direct = match gpu.core {
            Some(core) => core == Core::Direct,
            None => gpu.is_software(),
        };
        match k {
            _ if direct && !cut_short => Self::DIRECT,
            _ if k <= Self::NARROW.panel => Self::NARROW,
            _ => Self::STAGED,
        }
    }

    /// Whether the lanes of a workgroup can show one another values.
    pub fn is_staged(self) -> bool {
        self.core == Core::Staged
    }

    /// Codewords, padded to whole panels.
    pub fn padded_codewords(self, k: usize) -> usize {
        k.next_multiple_of(self.panel)
    }

    /// Dimensions, padded to whole steps.
    pub fn padded_dimensions(self, d: usize) -> usize {
        d.next_multiple_of(4 * self.depth)
    }

    /// The sizes as constants of the shader.
    pub fn constants(self) -> String {
        let Self { rows, panel, lanes, depth, core: _ } = self;
        let stride = lanes;
        format!(
            "const WORKGROUP_ROWS = {rows}u;\nconst PANEL = {panel}u;\nconst LANES = {lanes}u;\nconst DEPTH = {depth}u;\nconst ROW_STRIDE = {stride}u;\n"
        )
    }

    /// The texts for vectors of `d` dimensions and a metric.
    fn pieces(self, d: usize, metric: Metric) -> Vec<&'static str> {
        let core = match self.core {
            Core::Direct => DIRECT,
            Core::Staged => STAGED,
        };
        let rows = if d.is_multiple_of(4) { ROWS_VEC4 } else { ROWS_SCALAR };
        let power = match metric {
            Metric::Power(2) => POWER_TWO,
            Metric::Power(power) if power > 2 => POWER_ANY,
            _ => POWER_ONE,
        };
        vec![core, rows, power]
    }
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
        pieces: tile.pieces(d, metric).into(),
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

/// The variants of one tile.
pub(super) fn variants_of(tile: Tile, constants: &str) -> Vec<Variant> {
    let kinds = METRICS.into_iter().flat_map(|metric| [(metric, 4), (metric, 3)]);
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
