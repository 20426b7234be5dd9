//! Which tiles a device can take, and which of them a codebook is packed for.

use super::core::Core;
use super::tile::{SOFTWARE_ITERATIONS, Tile};

/// Codebooks of up to so many codewords are packed for this tile where the device can take both.
const START: [(usize, Tile); 2] = [(64, Tile::NARROW), (usize::MAX, Tile::STAGED)];

/// The tiles of an engine; of the CPU backend none.
#[derive(Default)]
pub(crate) struct Tiles {
    offered: Vec<Tile>,
    software: bool,
}

impl Tiles {
    /// Those of a GPU that has workgroups large enough, of one core: registers alone on a software rasteriser, else staged,
    /// unless `core` is asked for.
    pub fn of_device(info: &wgpu::AdapterInfo, limits: &wgpu::Limits, core: Option<Core>) -> Self {
        let software = info.device_type == wgpu::DeviceType::Cpu;
        let core = core.unwrap_or(if software { Core::Direct } else { Core::Staged });
        let offered = Tile::ALL.into_iter().filter(|tile| tile.core == core && tile.fits(limits));
        Self { offered: offered.collect(), software }
    }

    /// This tile alone.
    pub fn only(&self, tile: Tile) -> Self {
        Self { offered: vec![tile], software: self.software }
    }

    /// Those that the device can take and [`of`](Self::of) takes for no codebook by itself.
    pub fn further(&self) -> impl Iterator<Item = Tile> {
        let starts = |tile: &Tile| START.iter().any(|(_, start)| start == tile);
        self.offered.iter().copied().filter(move |tile| self.offered.len() > 1 && !starts(tile))
    }

    /// The tile for a codebook of `k` codewords of `d` dimensions.
    pub fn of(&self, k: usize, d: usize) -> Tile {
        let start = START.into_iter().find(|(most, _)| k <= *most).expect("the last has no limit").1;
        match self.offered[..] {
            [Tile::DIRECT] if self.software && is_cut_short(k, d) => start,
            [only] => only,
            _ => start,
        }
    }
}

/// Whether a software driver would end the loops of the direct core too early.
fn is_cut_short(k: usize, d: usize) -> bool {
    k.div_ceil(Tile::DIRECT.panel) * (d.div_ceil(4) + 1) >= SOFTWARE_ITERATIONS
}
