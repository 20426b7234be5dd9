//! How many invocations share a row: in the kernels that look for the least of its values (`shaders/shared/least.wgsl`), and in those
//! that sum over it (`shaders/shared/lengths.wgsl`).

use crate::engine::gpu::Gpu;
use crate::engine::shader::Variant;
use crate::engine::tile::SOFTWARE_ITERATIONS;
use crate::engine::{Core, Engine};

/// Invocations of a workgroup: `THREADS` in the shared text.
pub(super) const THREADS: usize = 64;

/// Lanes that a GPU reads with at a time, at least: fewer would leave most of what memory brings unused.
const FEWEST: usize = 8;

/// Lanes that share a row, a power of two up to [`THREADS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lanes(usize);

impl Lanes {
    /// All invocations of a workgroup for one row.
    pub const ALL: Self = Self(THREADS);

    /// As many as suit `values` values of a row, so that `fits` holds of the rows of a workgroup, and an invocation does not
    /// iterate more often than a software driver runs; `iterations` counts how often by the lanes. `None` if all are too few.
    ///
    /// On a GPU there are about as many as values. A software rasteriser runs invocations one after the other and pays for
    /// each barrier, so on its core a row has one lane, which needs none.
    pub fn choose(
        engine: &Engine,
        gpu: &Gpu,
        values: usize,
        fits: impl Fn(usize) -> bool,
        iterations: impl Fn(usize) -> usize,
    ) -> Option<Self> {
        let direct = engine.tiles().core() == Some(Core::Direct);
        let fewest = if direct { 1 } else { values.next_power_of_two().clamp(FEWEST, THREADS) };
        let ends = |lanes: usize| !gpu.is_software() || iterations(lanes) <= SOFTWARE_ITERATIONS;
        let powers = (fewest.ilog2()..=THREADS.ilog2()).map(|power| 1 << power);
        let mut suited = powers.filter(|&lanes| (lanes == THREADS || fits(THREADS / lanes)) && ends(lanes));
        suited.next().map(Self)
    }

    /// The shader with so many lanes for each row, and these overrides.
    pub fn variant(self, overrides: &[(&'static str, f64)]) -> Variant {
        let lanes = [("LANES", self.0 as f64)];
        Variant { overrides: [&lanes, overrides].concat().into(), ..Variant::DEFAULT }
    }

    /// How many workgroups so many rows take.
    pub fn workgroups(self, rows: usize) -> u64 {
        (rows as u64).div_ceil((THREADS / self.0) as u64)
    }
}

/// The variants of the kernels that sum over rows: 32 invocations share a row, or it has one.
pub(super) static SUMMING: [Variant; 2] = [Variant::DEFAULT, Variant::overriding(&[("LANES", 1.0)])];

/// Which of them to run, where an invocation that has a row to itself iterates so often. Sums are the same in both. A software
/// rasteriser pays for each barrier, so on its core a row has one invocation, unless that would iterate more often than its
/// driver runs.
pub(super) fn summing(engine: &Engine, iterations: usize) -> &'static Variant {
    let alone = engine.tiles().core() == Some(Core::Direct) && iterations <= SOFTWARE_ITERATIONS;
    &SUMMING[usize::from(alone)]
}

/// Iterations over the parts of a row, beside those over its values, that one sum takes.
pub(super) const PARTS: usize = 32 + 31 + 5;
