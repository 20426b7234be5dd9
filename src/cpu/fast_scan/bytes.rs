//! A scan of codes of 8 bits: a row's sum is that of an entry of each part's table, in f32 and in the order of the parts.

use pulp::Arch;

use super::super::widest::widest;
use super::Kept;
use super::blocks::BLOCK;

/// Entries of a part's table.
const ENTRIES: usize = 256;

/// Rows whose sums do not wait for each other.
const ROWS: usize = 4;

/// A number whose order is that of the distances.
#[inline(always)]
pub(crate) fn key(distance: f32) -> u32 {
    // +0 for −0: equal distances have one key.
    let bits = (distance + 0.0).to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// The distance of a [`key`].
pub(crate) fn distance(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// Offers every live row of `codes` (rows, parts) with the key of its distance: `start` and its sum. `live` has a bit for each row
/// of a block, and the first row has the number `first`.
pub(crate) fn scan(
    codes: &[u8],
    tables: &[f32],
    start: f32,
    (live, first): (&[u32], u32),
    kept: &mut Kept,
    id: impl Fn(u32) -> u64,
) {
    let tables = tables.as_chunks::<ENTRIES>().0;
    let blocks = codes.chunks(BLOCK * tables.len()).zip(live).enumerate();
    for (block, (codes, &live)) in blocks.filter(|(_, (_, live))| **live != 0) {
        let mut sums = [0.0; BLOCK];
        widest(
            Arch::new(),
            #[inline(always)]
            || add_up(codes, tables, start, &mut sums),
        );
        if !kept.has_room() {
            kept.make_room(&id);
        }
        for (row, &sum) in sums.iter().enumerate().filter(|(row, _)| live >> row & 1 == 1) {
            kept.offer(key(sum), first + (block * BLOCK + row) as u32);
        }
    }
}

#[inline(always)]
fn add_up(codes: &[u8], tables: &[[f32; ENTRIES]], start: f32, sums: &mut [f32; BLOCK]) {
    let parts = tables.len();
    for (sums, codes) in sums.as_chunks_mut::<ROWS>().0.iter_mut().zip(codes.chunks(ROWS * parts)) {
        *sums = [start; ROWS];
        if codes.len() < ROWS * parts {
            for (sum, codes) in sums.iter_mut().zip(codes.chunks_exact(parts)) {
                *sum = codes
                    .iter()
                    .zip(tables)
                    .fold(start, |sum, (&code, table)| sum + table[usize::from(code)]);
            }
            continue;
        }
        let rows: [&[u8]; ROWS] = std::array::from_fn(|row| &codes[row * parts..][..parts]);
        for (part, table) in tables.iter().enumerate() {
            for (sum, codes) in sums.iter_mut().zip(rows) {
                *sum += table[usize::from(codes[part])];
            }
        }
    }
}
