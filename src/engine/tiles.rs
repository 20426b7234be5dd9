//! Which tiles a device can take, and which of them a codebook is packed for.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use super::core::Core;
use super::kept_tiles::{Class, KeptTiles};
use super::tile::{SOFTWARE_ITERATIONS, Tile};

/// Where nothing was measured, codebooks of up to so many codewords are packed for this tile.
const START: [(usize, Tile); 2] = [(64, Tile::NARROW), (usize::MAX, Tile::STAGED)];

/// The tiles of an engine; of the CPU backend none.
#[derive(Default)]
pub(crate) struct Tiles {
    offered: Vec<Tile>,
    software: bool,
    /// Those that were measured, where the engine tunes.
    measured: Option<Mutex<KeptTiles>>,
}

impl Tiles {
    /// Those of a GPU that has workgroups large enough, of one core: registers alone on a software rasteriser, else staged,
    /// unless `core` is asked for.
    pub fn of_device(info: &wgpu::AdapterInfo, limits: &wgpu::Limits, core: Option<Core>) -> Self {
        let software = info.device_type == wgpu::DeviceType::Cpu;
        let core = core.unwrap_or(if software { Core::Direct } else { Core::Staged });
        let offered = Tile::ALL.into_iter().filter(|tile| tile.core == core && tile.fits(limits));
        Self { offered: offered.collect(), software, measured: None }
    }

    /// This tile alone.
    pub fn only(&self, tile: Tile) -> Self {
        Self { offered: vec![tile], software: self.software, measured: None }
    }

    /// The same, as far as they are known without a measurement.
    pub fn unmeasured(&self) -> Self {
        Self { offered: self.offered.clone(), software: self.software, measured: None }
    }

    /// The same, of which the fastest are measured and kept in `folder`; as they are where there is nothing to choose.
    pub fn tuning(mut self, info: &wgpu::AdapterInfo, folder: Option<PathBuf>) -> Self {
        let open = || Mutex::new(KeptTiles::open(info, folder, &self.offered));
        self.measured = (self.offered.len() > 1).then(open);
        self
    }

    /// The core that they cut the work of; none on the CPU.
    pub fn core(&self) -> Option<Core> {
        self.offered.first().map(|tile| tile.core)
    }

    /// Those that the device can take and [`of`](Self::of) takes for no codebook by itself.
    pub fn further(&self) -> impl Iterator<Item = Tile> {
        let starts = |tile: &Tile| START.iter().any(|(_, start)| start == tile);
        self.offered.iter().copied().filter(move |tile| self.offered.len() > 1 && !starts(tile))
    }

    /// The tile for a codebook of `k` codewords of `d` dimensions, as far as is known.
    pub fn of(&self, k: usize, d: usize) -> Tile {
        let known = self.kept().and_then(|kept| kept.get(Class::of(k, d)));
        known.unwrap_or_else(|| self.start(k, d))
    }

    /// [`of`](Self::of), after `measure` if the engine tunes and nothing is known of the class: it gets the class and the tiles
    /// there are, and must not come here.
    pub fn measured(&self, k: usize, d: usize, measure: impl FnOnce(Class, &[Tile]) -> Option<Tile>) -> Tile {
        let Some(mut kept) = self.kept() else { return self.start(k, d) };
        let class = Class::of(k, d);
        if let Some(known) = kept.get(class) {
            return known;
        }
        // Whoever else needs the class waits meanwhile, and disturbs nothing.
        match measure(class, &self.offered) {
            Some(tile) => {
                kept.keep(class, tile);
                tile
            }
            None => self.start(k, d),
        }
    }

    fn kept(&self) -> Option<MutexGuard<'_, KeptTiles>> {
        Some(self.measured.as_ref()?.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// The tile where nothing was measured.
    fn start(&self, k: usize, d: usize) -> Tile {
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

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: wgpu::AdapterInfo =
        wgpu::AdapterInfo::new(wgpu::DeviceType::DiscreteGpu, wgpu::Backend::Vulkan);

    fn tiles(kind: wgpu::DeviceType, core: Option<Core>, invocations: u32) -> Tiles {
        let info = wgpu::AdapterInfo { device_type: kind, ..INFO };
        let limits = wgpu::Limits {
            max_compute_invocations_per_workgroup: invocations,
            max_compute_workgroup_size_x: invocations,
            ..Default::default()
        };
        Tiles::of_device(&info, &limits, core)
    }

    #[test]
    fn a_device_is_offered_what_it_can_take() {
        let gpu = |invocations| tiles(wgpu::DeviceType::DiscreteGpu, None, invocations);
        assert_eq!(gpu(1024).offered, Tile::ALL[1..]);
        let small = gpu(256);
        assert!(small.offered.len() == 5 && small.offered.iter().all(|tile| tile.invocations() <= 256));
        assert_eq!(small.further().count(), 3);
        assert_eq!((small.of(64, 9), small.of(65, 9)), (Tile::NARROW, Tile::STAGED));
    }

    #[test]
    fn a_software_driver_takes_the_direct_core_as_long_as_it_can() {
        let software = |core| tiles(wgpu::DeviceType::Cpu, core, 1024);
        let direct = software(None);
        assert_eq!((direct.of(10, 10), direct.of(1000, 768)), (Tile::DIRECT, Tile::DIRECT));
        assert_eq!(direct.of(100_000, 768), Tile::STAGED);
        assert_eq!(direct.further().count(), 0);
        assert_eq!(software(Some(Core::Staged)).of(10, 10), Tile::NARROW);
        // A GPU that is asked to has no such limit.
        let asked = tiles(wgpu::DeviceType::IntegratedGpu, Some(Core::Direct), 1024);
        assert_eq!(asked.of(100_000, 768), Tile::DIRECT);
    }

    #[test]
    fn a_class_is_measured_once_and_only_where_there_is_a_choice() {
        let fastest = Tile::ALL[3];
        let tuning = tiles(wgpu::DeviceType::DiscreteGpu, None, 256).tuning(&INFO, None);
        assert_eq!(tuning.of(100, 16), Tile::STAGED);
        let measure = |class: Class, tiles: &[Tile]| {
            assert_eq!((class, tiles.len()), (Class { k: 128, d: 16 }, 5));
            Some(fastest)
        };
        assert_eq!(tuning.measured(100, 16, measure), fastest);
        assert_eq!(tuning.measured(128, 10, |_, _| panic!("it is known")), fastest);
        assert_eq!((tuning.of(100, 16), tuning.of(100, 17)), (fastest, Tile::STAGED));
        assert_eq!(tuning.measured(100, 17, |_, _| None), Tile::STAGED);

        let unmeasured = |tiles: Tiles| tiles.measured(100, 16, |_, _| panic!("nothing is to be measured"));
        assert_eq!(unmeasured(tiles(wgpu::DeviceType::DiscreteGpu, None, 256)), Tile::STAGED);
        assert_eq!(unmeasured(tiles(wgpu::DeviceType::Cpu, None, 256).tuning(&INFO, None)), Tile::DIRECT);
    }
}
