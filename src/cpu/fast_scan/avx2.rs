//! A scan by AVX2: look-ups in tables of 16 bytes, one in each half of a register.
//!
//! The 64 bytes of a chunk are transposed first, so that a half has one part of 16 rows. Sums are of 16 bits, which hold those of
//! [`MOST_PARTS`](super::MOST_PARTS).

use std::arch::x86_64::{
    __m256i, _mm256_add_epi16, _mm256_and_si256, _mm256_cmpeq_epi16, _mm256_loadu_si256,
    _mm256_movemask_epi8, _mm256_packs_epi16, _mm256_permute2x128_si256, _mm256_permute4x64_epi64,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_slli_epi16, _mm256_srli_epi16, _mm256_storeu_si256, _mm256_sub_epi16, _mm256_subs_epu16,
    _mm256_unpackhi_epi16, _mm256_unpackhi_epi32, _mm256_unpacklo_epi16, _mm256_unpacklo_epi32,
};

use super::blocks::{BLOCK, Chunk};
use super::tables::Line;
use super::{Blocks, Target};

pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx2")
}

/// The middle two quarters of a register change places: what is in pairs of its halves comes to lie in one half.
const HALVES: i32 = 0b11_01_10_00;

/// [`Way::some`](super::Way::some).
#[target_feature(enable = "avx2")]
pub(super) fn scan(blocks: Blocks, targets: &mut [Target]) -> usize {
    for (block, (codes, &live)) in blocks.codes.chunks_exact(blocks.chunks()).zip(blocks.live).enumerate() {
        if targets.iter().any(|target| !target.kept.has_room()) {
            return block;
        }
        for target in &mut *targets {
            let Some(limit) = target.limit() else { continue };
            let sums = sums(codes, target.lines);
            let mut rows = live & not_above(sums, limit.min(u32::from(u16::MAX)) as u16);
            if rows == 0 {
                continue;
            }
            let mut all = [0; BLOCK];
            for (sixteen, sums) in all.as_chunks_mut().0.iter_mut().zip(sums) {
                store(sixteen, sums);
            }
            while rows != 0 {
                let row = rows.trailing_zeros();
                let key = target.start + u32::from(all[row as usize]);
                target.kept.offer(key, blocks.first + (block * BLOCK) as u32 + row);
                rows &= rows - 1;
            }
        }
    }
    blocks.live.len()
}

/// The sums of rows 0 to 15 and 16 to 31.
#[inline]
#[target_feature(enable = "avx2")]
fn sums(codes: &[Chunk], lines: &[Line]) -> [__m256i; 2] {
    let low = _mm256_set1_epi8(15);
    // For each half of the block, sums of bytes at even and odd places, which carry into each other, and of those at odd places.
    let mut both = [_mm256_setzero_si256(); 2];
    let mut odd = [_mm256_setzero_si256(); 2];
    for (chunk, line) in codes.iter().zip(lines) {
        let tables = line.0.as_chunks::<32>().0;
        for (codes, tables) in transposed(chunk).into_iter().zip(tables) {
            let tables = load(tables);
            let halves = [codes, _mm256_srli_epi16::<4>(codes)];
            for (half, codes) in halves.into_iter().enumerate() {
                let found = _mm256_shuffle_epi8(tables, _mm256_and_si256(codes, low));
                both[half] = _mm256_add_epi16(both[half], found);
                odd[half] = _mm256_add_epi16(odd[half], _mm256_srli_epi16::<8>(found));
            }
        }
    }
    let mut sums = [_mm256_setzero_si256(); 2];
    for (sums, (both, odd)) in sums.iter_mut().zip(both.into_iter().zip(odd)) {
        let even = _mm256_sub_epi16(both, _mm256_slli_epi16::<8>(odd));
        // In order in each half, which has other parts of the same rows.
        let (first, second) = (_mm256_unpacklo_epi16(even, odd), _mm256_unpackhi_epi16(even, odd));
        let swapped = _mm256_permute2x128_si256::<0x21>(first, second);
        let straight = _mm256_permute2x128_si256::<0x30>(first, second);
        // What was transposed has rows 8 to 11 before rows 4 to 7.
        *sums = _mm256_permute4x64_epi64::<HALVES>(_mm256_add_epi16(swapped, straight));
    }
    sums
}

/// The parts of 16 rows in the halves of two registers: parts 0 and 1, parts 2 and 3. The order of the rows is that of their
/// fours, 0, 2, 1, 3.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(chunk: &Chunk) -> [__m256i; 2] {
    let by_part = _mm256_setr_epi8(
        0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7,
        11, 15,
    );
    let (halves, _) = chunk.as_chunks();
    let [first, second] = [&halves[0], &halves[1]].map(|half| _mm256_shuffle_epi8(load(half), by_part));
    let pairs = [_mm256_unpacklo_epi32(first, second), _mm256_unpackhi_epi32(first, second)];
    pairs.map(|pair| _mm256_permute4x64_epi64::<HALVES>(pair))
}

/// A bit for each row whose sum is not above the limit.
#[inline]
#[target_feature(enable = "avx2")]
fn not_above(sums: [__m256i; 2], limit: u16) -> u32 {
    let limit = _mm256_set1_epi16(limit as i16);
    let [first, second] =
        sums.map(|sums| _mm256_cmpeq_epi16(_mm256_subs_epu16(sums, limit), _mm256_setzero_si256()));
    _mm256_movemask_epi8(_mm256_permute4x64_epi64::<HALVES>(_mm256_packs_epi16(first, second))) as u32
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: it reads 32 bytes, which the array has.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(numbers: &mut [u16; 16], vector: __m256i) {
    // SAFETY: it writes 32 bytes, which the array has.
    unsafe { _mm256_storeu_si256(numbers.as_mut_ptr().cast(), vector) }
}
