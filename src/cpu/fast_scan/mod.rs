//! Fast scan: sums of 4-bit tables for blocks of 32 codes, and of them the least.
//!
//! A table of 16 whole numbers of 8 bits is a register, and looking up many codes in it one instruction (André, Kermarrec and Le
//! Scouarnec, VLDB 2015). A row's sum is exact, so every [`Way`] finds the same, and so do blocks in any order.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod blocks;
pub(crate) mod bytes;
mod kept;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
pub(crate) mod refined;
pub(crate) mod tables;

#[cfg(test)]
mod tests;

use self::blocks::{BLOCK, Chunk};
pub(crate) use self::kept::Kept;
use self::tables::Line;

/// The most parts whose sums fit 16 bits, as some ways add them up.
pub(crate) const MOST_PARTS: usize = 256;

/// What a query looks for in a list.
pub(crate) struct Target<'a> {
    /// Its tables for this list, a line for each chunk of a block.
    pub lines: &'a [Line],
    /// What is added to every sum: the key of a candidate is both together.
    pub start: u32,
    pub kept: &'a mut Kept,
}

impl Target<'_> {
    /// The greatest sum whose key is not above the limit.
    #[inline(always)]
    fn limit(&self) -> Option<u32> {
        self.kept.limit().checked_sub(self.start)
    }
}

/// Blocks of a list, and which of their rows count.
#[derive(Clone, Copy)]
pub(crate) struct Blocks<'a> {
    /// The chunks of each block.
    pub codes: &'a [Chunk],
    /// Of each block, a bit for each row.
    pub live: &'a [u32],
    /// The number of the first row.
    pub first: u32,
}

impl<'a> Blocks<'a> {
    /// Chunks of a block.
    #[inline(always)]
    fn chunks(self) -> usize {
        self.codes.len() / self.live.len()
    }

    /// From a block on.
    fn after(self, block: usize) -> Self {
        Self {
            codes: &self.codes[block * self.chunks()..],
            live: &self.live[block..],
            first: self.first + (block * BLOCK) as u32,
        }
    }
}

/// Targets that are scanned for at once, at most.
pub(crate) const TOGETHER: usize = 4;

/// By which instructions a scan is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Plain,
}

impl Way {
    /// All that this processor has, the fastest first.
    pub fn all() -> impl Iterator<Item = Self> {
        [
            #[cfg(target_arch = "x86_64")]
            avx512::is_there().then_some(Self::Avx512),
            #[cfg(target_arch = "x86_64")]
            avx2::is_there().then_some(Self::Avx2),
            #[cfg(target_arch = "aarch64")]
            std::arch::is_aarch64_feature_detected!("neon").then_some(Self::Neon),
            Some(Self::Plain),
        ]
        .into_iter()
        .flatten()
    }

    pub fn fastest() -> Self {
        Self::all().next().unwrap_or(Self::Plain)
    }

    /// Takes blocks past 1 to [`TOGETHER`] targets until one of them has no room; returns how many blocks were taken, which
    /// is all of them or how many it takes until [`Kept::make_room`] has to be called.
    fn some(self, blocks: Blocks, targets: &mut [Target]) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a way is told of only where the processor has its instructions.
            Self::Avx512 => unsafe { avx512::scan(blocks, targets) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Self::Avx2 => unsafe { avx2::scan(blocks, targets) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Self::Neon => unsafe { neon::scan(blocks, targets) },
            Self::Plain => plain::scan(blocks, targets),
        }
    }
}

/// Offers every live row of `blocks` to every target: of up to [`TOGETHER`] of them.
pub(crate) fn scan(way: Way, blocks: Blocks, targets: &mut [Target], id: impl Fn(u32) -> u64) {
    let mut taken = 0;
    while taken < blocks.live.len() {
        for target in &mut *targets {
            if !target.kept.has_room() {
                target.kept.make_room(&id);
            }
        }
        taken += way.some(blocks.after(taken), targets);
    }
}
