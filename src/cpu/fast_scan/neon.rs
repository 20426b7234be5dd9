//! A scan by NEON: a load that transposes a chunk, and look-ups in tables of 16 bytes.
//!
//! Sums are of 16 bits, which hold those of [`MOST_PARTS`](super::MOST_PARTS).

use std::arch::aarch64::{
    uint8x16_t, uint16x8_t, vaddw_high_u8, vaddw_u8, vandq_u8, vcleq_u16, vdupq_n_u8, vdupq_n_u16,
    vget_low_u8, vld1q_u8, vld4q_u8, vmaxvq_u16, vorrq_u16, vqtbl1q_u8, vshrq_n_u8, vst1q_u16,
};

use super::blocks::{BLOCK, Chunk};
use super::tables::Line;
use super::{Blocks, Target};

/// [`Way::some`](super::Way::some).
#[target_feature(enable = "neon")]
pub(super) fn scan(blocks: Blocks, targets: &mut [Target]) -> usize {
    for (block, (codes, &live)) in blocks.codes.chunks_exact(blocks.chunks()).zip(blocks.live).enumerate() {
        if targets.iter().any(|target| !target.kept.has_room()) {
            return block;
        }
        for target in &mut *targets {
            let Some(limit) = target.limit() else { continue };
            let sums = sums(codes, target.lines);
            let limit = limit.min(u32::from(u16::MAX)) as u16;
            if !any_is_not_above(sums, limit) {
                continue;
            }
            let mut all = [0; BLOCK];
            for (eight, sums) in all.as_chunks_mut().0.iter_mut().zip(sums) {
                store(eight, sums);
            }
            for (row, &sum) in all.iter().enumerate() {
                if sum <= limit && live >> row & 1 == 1 {
                    let number = blocks.first + (block * BLOCK + row) as u32;
                    target.kept.offer(target.start + u32::from(sum), number);
                }
            }
        }
    }
    blocks.live.len()
}

/// The sums of the rows, eight by eight.
#[inline]
#[target_feature(enable = "neon")]
fn sums(codes: &[Chunk], lines: &[Line]) -> [uint16x8_t; 4] {
    let mut sums = [vdupq_n_u16(0); 4];
    for (chunk, line) in codes.iter().zip(lines) {
        for (codes, table) in parts(chunk).into_iter().zip(line.0.as_chunks().0) {
            let table = load(table);
            let halves = [vandq_u8(codes, vdupq_n_u8(15)), vshrq_n_u8::<4>(codes)];
            for (half, codes) in halves.into_iter().enumerate() {
                let found = vqtbl1q_u8(table, codes);
                sums[2 * half] = vaddw_u8(sums[2 * half], vget_low_u8(found));
                sums[2 * half + 1] = vaddw_high_u8(sums[2 * half + 1], found);
            }
        }
    }
    sums
}

#[inline]
#[target_feature(enable = "neon")]
fn any_is_not_above(sums: [uint16x8_t; 4], limit: u16) -> bool {
    let [a, b, c, d] = sums.map(|sums| vcleq_u16(sums, vdupq_n_u16(limit)));
    vmaxvq_u16(vorrq_u16(vorrq_u16(a, b), vorrq_u16(c, d))) != 0
}

/// The four parts of a chunk, each of 16 rows.
#[inline]
#[target_feature(enable = "neon")]
fn parts(chunk: &Chunk) -> [uint8x16_t; 4] {
    // SAFETY: it reads 64 bytes, which the array has.
    let parts = unsafe { vld4q_u8(chunk.as_ptr()) };
    [parts.0, parts.1, parts.2, parts.3]
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: it reads 16 bytes, which the array has.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store(numbers: &mut [u16; 8], vector: uint16x8_t) {
    // SAFETY: it writes 16 bytes, which the array has.
    unsafe { vst1q_u16(numbers.as_mut_ptr(), vector) }
}
