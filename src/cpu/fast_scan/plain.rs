//! A scan without instructions for it, which says what the others have to find.

use super::blocks::{BLOCK, PARTS};
use super::{Blocks, Target};

/// [`Way::some`](super::Way::some).
pub(super) fn scan(blocks: Blocks, targets: &mut [Target]) -> usize {
    for (block, (codes, &live)) in blocks.codes.chunks_exact(blocks.chunks()).zip(blocks.live).enumerate() {
        if targets.iter().any(|target| !target.kept.has_room()) {
            return block;
        }
        for target in &mut *targets {
            let mut sums = [target.start; BLOCK];
            for (chunk, line) in codes.iter().zip(target.lines) {
                let tables = line.0.as_chunks::<16>().0;
                for (row, codes) in chunk.as_chunks::<PARTS>().0.iter().enumerate() {
                    for (table, code) in tables.iter().zip(codes) {
                        sums[row] += u32::from(table[usize::from(code & 15)]);
                        sums[row + BLOCK / 2] += u32::from(table[usize::from(code >> 4)]);
                    }
                }
            }
            for (row, &sum) in sums.iter().enumerate().filter(|(row, _)| live >> row & 1 == 1) {
                target.kept.offer(sum, blocks.first + (block * BLOCK + row) as u32);
            }
        }
    }
    blocks.live.len()
}
