//! A scan by AVX-512 with the permutations of bytes (VBMI) and sums of four products (VNNI) that processors have since Ice Lake
//! and Zen 4.
//!
//! A permutation looks up 64 codes in the four tables of a line: the number of its table, which follows from its place, stands
//! above each code. A product with ones adds the four parts of each row to its 32-bit sum.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_dpbusd_epi32, _mm512_loadu_si512,
    _mm512_mask_cmple_epu32_mask, _mm512_maskz_compress_epi32, _mm512_or_si512, _mm512_permutexvar_epi8,
    _mm512_set1_epi8, _mm512_set1_epi32, _mm512_setr_epi32, _mm512_setzero_si512, _mm512_srli_epi32,
    _mm512_storeu_si512,
};

use super::blocks::{BLOCK, Chunk};
use super::kept::Kept;
use super::tables::Line;
use super::{Blocks, Target};

pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vnni")
}

/// [`Way::some`](super::Way::some).
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
pub(super) fn scan(blocks: Blocks, targets: &mut [Target]) -> usize {
    match targets {
        // The sum of a block waits for itself; two blocks, or two targets, do not wait for each other.
        [one] => scan_for::<1, 2>(blocks, [one]),
        [one, two] => scan_for::<2, 1>(blocks, [one, two]),
        [one, two, three] => scan_for::<3, 1>(blocks, [one, two, three]),
        [one, two, three, four] => scan_for::<4, 1>(blocks, [one, two, three, four]),
        _ => super::plain::scan(blocks, targets),
    }
}

/// Scans `B` blocks at a time for `T` targets.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn scan_for<const T: usize, const B: usize>(blocks: Blocks, mut targets: [&mut Target; T]) -> usize {
    let chunks = blocks.chunks();
    let lines: [&[Line]; T] = std::array::from_fn(|target| &targets[target].lines[..chunks]);
    for first in (0..blocks.live.len()).step_by(B) {
        if targets.iter().any(|target| !target.kept.has_room()) {
            return first;
        }
        // Past the last block it is met again, with no row that counts.
        let last = blocks.live.len() - 1;
        let codes: [&[Chunk]; B] =
            std::array::from_fn(|b| &blocks.codes[(first + b).min(last) * chunks..][..chunks]);
        let sums = sums(codes, lines);
        for (target, sums) in targets.iter_mut().zip(sums) {
            let Some(limit) = target.limit() else { continue };
            for (b, sums) in sums.into_iter().enumerate() {
                let live = blocks.live.get(first + b).copied().unwrap_or(0);
                keep(
                    target.kept,
                    sums,
                    limit,
                    target.start,
                    live,
                    blocks.first + ((first + b) * BLOCK) as u32,
                );
            }
        }
    }
    blocks.live.len()
}

/// The sums of both halves of each block, by each target's tables.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn sums<const T: usize, const B: usize>(codes: [&[Chunk]; B], lines: [&[Line]; T]) -> [[[__m512i; 2]; B]; T] {
    let (low, tables) = (_mm512_set1_epi8(15), _mm512_set1_epi32(0x3020_1000));
    let ones = _mm512_set1_epi8(1);
    let mut sums = [[[_mm512_setzero_si512(); 2]; B]; T];
    for chunk in 0..codes[0].len() {
        let lines: [__m512i; T] = std::array::from_fn(|target| load(&lines[target][chunk].0));
        for (b, codes) in codes.iter().enumerate() {
            let codes = load(&codes[chunk]);
            let halves = [codes, _mm512_srli_epi32::<4>(codes)];
            let places = halves.map(|codes| _mm512_or_si512(_mm512_and_si512(codes, low), tables));
            for (line, sums) in lines.iter().zip(&mut sums) {
                for (place, sum) in places.iter().zip(&mut sums[b]) {
                    *sum = _mm512_dpbusd_epi32(*sum, _mm512_permutexvar_epi8(*place, *line), ones);
                }
            }
        }
    }
    sums
}

/// Keeps the live rows of a block whose sums are not above the limit.
#[inline]
#[target_feature(enable = "avx512f")]
fn keep(kept: &mut Kept, sums: [__m512i; 2], limit: u32, start: u32, live: u32, first: u32) {
    let limit = _mm512_set1_epi32(limit as i32);
    let masks = [
        _mm512_mask_cmple_epu32_mask(live as u16, sums[0], limit),
        _mm512_mask_cmple_epu32_mask((live >> 16) as u16, sums[1], limit),
    ];
    if masks == [0, 0] {
        return;
    }
    let numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (half, (mask, sums)) in masks.into_iter().zip(sums).enumerate() {
        let keys = _mm512_add_epi32(sums, _mm512_set1_epi32(start as i32));
        let rows = _mm512_add_epi32(numbers, _mm512_set1_epi32((first + half as u32 * 16) as i32));
        let (next_keys, next_rows) = kept.next();
        store(next_keys, _mm512_maskz_compress_epi32(mask, keys));
        store(next_rows, _mm512_maskz_compress_epi32(mask, rows));
        kept.grow(mask.count_ones() as usize);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: it reads 64 bytes, which the array has.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(numbers: &mut [u32; 16], vector: __m512i) {
    // SAFETY: it writes 64 bytes, which the array has.
    unsafe { _mm512_storeu_si512(numbers.as_mut_ptr().cast(), vector) }
}
