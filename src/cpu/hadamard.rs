//! CPU twin of `shaders/hadamard.wgsl`, all rounds at once.

use pulp::Arch;
use rayon::prelude::*;

use super::widest::widest;
use crate::ops::mixing::{BLOCK, NEGATED, Turn};

/// Rows that are turned side by side, one in each lane of a vector register.
const LANES: usize = 16;

/// A coordinate of some rows.
type Lanes = [f32; LANES];

/// Turns the rows of `x` (n, d) by rounds of `moves` (rounds, d) there, or back; writes `turned` (n, d).
pub(crate) fn hadamard(x: &[f32], d: usize, moves: &[u32], turn: Turn, turned: &mut [f32]) {
    let arch = Arch::new();
    let rows = LANES * d;
    let new = || (vec![[0.0; LANES]; d], vec![[0.0; LANES]; d]);
    turned.par_chunks_mut(rows).zip(x.par_chunks(rows)).for_each_init(new, |(tile, other), (turned, x)| {
        widest(
            arch,
            #[inline(always)]
            || match turn {
                Turn::There => there(x, d, moves, tile, other, turned),
                Turn::Back => back(x, d, moves, tile, other, turned),
            },
        );
    });
}

#[inline(always)]
fn there(
    x: &[f32],
    d: usize,
    moves: &[u32],
    tile: &mut Vec<Lanes>,
    other: &mut Vec<Lanes>,
    turned: &mut [f32],
) {
    read(x, d, tile);
    for moves in moves.chunks_exact(d) {
        for (to, &from) in other.iter_mut().zip(moves) {
            *to = signed(tile[(from & !NEGATED) as usize], from);
        }
        mix(other);
        std::mem::swap(tile, other);
    }
    write(tile, d, turned);
}

#[inline(always)]
fn back(
    x: &[f32],
    d: usize,
    moves: &[u32],
    tile: &mut Vec<Lanes>,
    other: &mut Vec<Lanes>,
    turned: &mut [f32],
) {
    read(x, d, tile);
    for moves in moves.chunks_exact(d).rev() {
        mix(tile);
        for (&from, &to) in tile.iter().zip(moves) {
            other[(to & !NEGATED) as usize] = signed(from, to);
        }
        std::mem::swap(tile, other);
    }
    write(tile, d, turned);
}

#[inline(always)]
fn signed(lanes: Lanes, by: u32) -> Lanes {
    lanes.map(|value| f32::from_bits(value.to_bits() ^ (by & NEGATED)))
}

/// Rows side by side; lanes without a row keep what they have.
#[inline(always)]
fn read(x: &[f32], d: usize, tile: &mut [Lanes]) {
    for (lane, row) in x.chunks_exact(d).enumerate() {
        tile.iter_mut().zip(row).for_each(|(lanes, &value)| lanes[lane] = value);
    }
}

#[inline(always)]
fn write(tile: &[Lanes], d: usize, turned: &mut [f32]) {
    for (lane, row) in turned.chunks_exact_mut(d).enumerate() {
        row.iter_mut().zip(tile).for_each(|(value, lanes)| *value = lanes[lane]);
    }
}

/// Multiplies every block with Hadamard matrices, the largest that fit, by stages of 4 × 4.
#[inline(always)]
fn mix(tile: &mut [Lanes]) {
    for block in tile.chunks_mut(BLOCK) {
        let mut width = 1;
        while 4 * width <= block.len() {
            for group in block.chunks_exact_mut(4 * width) {
                let (ab, cd) = group.split_at_mut(2 * width);
                let ((a, b), (c, d)) = (ab.split_at_mut(width), cd.split_at_mut(width));
                for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
                    for lane in 0..LANES {
                        let (sum, difference) = (a[lane] + b[lane], a[lane] - b[lane]);
                        let (further_sum, further_difference) = (c[lane] + d[lane], c[lane] - d[lane]);
                        a[lane] = 0.5 * (sum + further_sum);
                        b[lane] = 0.5 * (difference + further_difference);
                        c[lane] = 0.5 * (sum - further_sum);
                        d[lane] = 0.5 * (difference - further_difference);
                    }
                }
            }
            width *= 4;
        }
    }
}
