//! How the tiled kernels cut their work.

use std::fmt;

use super::core::Core;

/// llvmpipe ends every loop of an invocation once its loops have made 65,535 iterations together, without a word;
/// the rest is room for the loops that are not counted where this is asked for.
pub(crate) const SOFTWARE_ITERATIONS: usize = 60_000;

/// How a workgroup of the tiled core cuts rows × codewords: sizes that the host lays out codebooks by and puts in front of
/// the shader.
///
/// A score is a sum over dimensions in order, and what else is summed over dimensions has as many parts in every staged tile,
/// so results are the same to the last bit in all of them.
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
    /// Rows and codewords that an invocation multiplies in registers: `ROW_SLOTS` and `CODEWORD_SLOTS`.
    pub slots: (usize, usize),
    /// Where rows and codewords wait for a step, which decides the text.
    pub core: Core,
}

impl Tile {
    /// 16 invocations of 16 rows each.
    pub const DIRECT: Self =
        Self { rows: 256, panel: 16, lanes: 1, depth: 1, slots: (8, 8), core: Core::Direct };

    /// For codebooks of any size: 128 × 128 by 256 invocations, which every device has.
    pub const STAGED: Self = Self::staged((8, 8), 16, 16);

    /// For codebooks of up to 64 codewords, of which a panel of [`STAGED`](Self::STAGED) would be half empty or more: 64 × 64
    /// by 64 invocations.
    pub const NARROW: Self = Self::staged((8, 8), 8, 8);

    /// Every tile there is. Those behind the first three are for a [measurement](super::tiles) to choose.
    pub const ALL: [Self; 7] = [
        Self::DIRECT,
        Self::STAGED,
        Self::NARROW,
        // 128 × 64 and 128 × 256, for cards with many registers.
        Self::staged((8, 8), 16, 8),
        Self::staged((8, 8), 16, 32),
        // 64 × 128 and 64 × 64, for those on which 64 sums in registers do not stay there.
        Self::staged((4, 8), 16, 16),
        Self::staged((4, 4), 16, 16),
    ];

    /// `groups` × `lanes` invocations. A step has as many quads of dimensions as leave each of them one quad of a row and one
    /// of a codeword to stage at most.
    const fn staged(slots: (usize, usize), groups: usize, lanes: usize) -> Self {
        let (of_rows, of_codewords) = (lanes / slots.0, groups / slots.1);
        Self {
            rows: (slots.0 * groups) as u64,
            panel: slots.1 * lanes,
            lanes,
            depth: if of_rows < of_codewords { of_rows } else { of_codewords },
            slots,
            core: Core::Staged,
        }
    }

    /// Whether the lanes of a workgroup can show one another values.
    pub fn is_staged(self) -> bool {
        self.core == Core::Staged
    }

    /// Invocations of a workgroup.
    pub fn invocations(self) -> usize {
        match self.core {
            Core::Direct => 16,
            Core::Staged => self.rows as usize / self.slots.0 * self.lanes,
        }
    }

    /// Workgroup memory in vectors of 16 bytes, `STAGE`: for what is staged in a step, and for the row values of all lanes.
    fn stage(self) -> usize {
        match self.core {
            Core::Direct => 0,
            Core::Staged => {
                let step = (self.rows as usize + self.panel) * self.depth;
                step.max(self.slots.0 / 4 * self.invocations())
            }
        }
    }

    /// Workgroup memory in bytes.
    pub fn workgroup_memory(self) -> usize {
        16 * self.stage()
    }

    /// Whether a device has as many invocations and as much workgroup memory.
    pub fn fits(self, limits: &wgpu::Limits) -> bool {
        let invocations =
            limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x);
        self.invocations() <= invocations as usize
            && self.workgroup_memory() <= limits.max_compute_workgroup_storage_size as usize
    }

    /// Codewords, padded to whole panels.
    pub fn padded_codewords(self, k: usize) -> usize {
        k.next_multiple_of(self.panel)
    }

    /// Dimensions, padded to whole steps.
    pub fn padded_dimensions(self, d: usize) -> usize {
        d.next_multiple_of(4 * self.depth)
    }

    /// Parts of sums over dimensions other than scores: `PARTS`.
    pub fn parts(self) -> usize {
        match self.core {
            Core::Direct => 1,
            Core::Staged => 16,
        }
    }

    /// The sizes as constants of the shader.
    pub fn constants(self) -> String {
        let Self { rows, panel, lanes, depth, slots, core: _ } = self;
        let sizes = [
            ("WORKGROUP_ROWS", rows as usize),
            ("PANEL", panel),
            ("LANES", lanes),
            ("DEPTH", depth),
            ("ROW_SLOTS", slots.0),
            ("CODEWORD_SLOTS", slots.1),
            ("PARTS", self.parts()),
            ("STAGE", self.stage()),
        ];
        sizes.map(|(name, size)| format!("const {name} = {size}u;\n")).concat()
    }
}

/// Rows × codewords of a workgroup, and of an invocation.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, panel, slots, .. } = self;
        match self.core {
            Core::Direct => f.write_str("direct"),
            Core::Staged => write!(f, "{rows}x{panel}/{}x{}", slots.0, slots.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_names_of_their_own() {
        assert_eq!(
            Tile::ALL.map(|tile| tile.to_string()),
            ["direct", "128x128/8x8", "64x64/8x8", "128x64/8x8", "128x256/8x8", "64x128/4x8", "64x64/4x4"]
        );
    }

    #[test]
    fn the_tiles_of_the_table_fit_every_device_and_larger_ones_do_not() {
        let least = wgpu::Limits::default();
        for tile in [Tile::DIRECT, Tile::STAGED, Tile::NARROW] {
            assert!(tile.fits(&least), "{tile}");
        }
        let large = Tile::ALL[4];
        assert_eq!((large.invocations(), large.workgroup_memory()), (512, 16 << 10));
        assert!(!large.fits(&least));
        let more = wgpu::Limits {
            max_compute_invocations_per_workgroup: 512,
            max_compute_workgroup_size_x: 512,
            ..least.clone()
        };
        assert!(large.fits(&more));
        assert!(!large.fits(&wgpu::Limits { max_compute_workgroup_storage_size: 16_000, ..more }));
    }
}
