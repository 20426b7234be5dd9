//! CPU twin of `shaders/hadamard.wgsl`, all rounds at once.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::ops::mixing::{BLOCK, NEGATED, Turn};

/// Turns the rows of `x` (n, d) by rounds of `moves` (rounds, d) there, or back; writes `turned` (n, d).
///
/// Rows lie side by side, one in each lane of a register, so that a coordinate of all of them is moved at once.
pub(crate) fn hadamard(x: &[f32], d: usize, moves: &[u32], turn: Turn, turned: &mut [f32]) {
    let arch = Arch::new();
    let lanes = arch.dispatch(Lanes);
    let new = || (vec![0.0; lanes * d], vec![0.0; lanes * d]);
    let rows = turned.par_chunks_mut(lanes * d).zip(x.par_chunks(lanes * d));
    rows.for_each_init(new, |(tile, other), (turned, x)| {
        arch.dispatch(Rows { x, d, moves, turn, tile, other, turned });
    });
}

/// Columns that are brought side by side together: their lines stay in the nearest cache.
const COLUMNS: usize = 16;

/// Rows side by side.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// As many rows as a register has lanes, or fewer, and room for them side by side.
struct Rows<'a> {
    x: &'a [f32],
    d: usize,
    moves: &'a [u32],
    turn: Turn,
    tile: &'a mut [f32],
    other: &'a mut [f32],
    turned: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, d, moves, turn, tile, other, turned } = self;
        // Lanes without a row keep what they have.
        for first in (0..d).step_by(COLUMNS) {
            let columns = COLUMNS.min(d - first);
            for (lane, row) in x.chunks_exact(d).enumerate() {
                let lanes = tile[first * S::F32_LANES..].chunks_exact_mut(S::F32_LANES);
                for (lanes, &value) in lanes.zip(&row[first..first + columns]) {
                    lanes[lane] = value;
                }
            }
        }
        let mut tile = S::as_mut_simd_f32s(tile).0;
        let mut other = S::as_mut_simd_f32s(other).0;
        let rounds = moves.len() / d;
        for done in 0..rounds {
            match turn {
                Turn::There => {
                    let moves = &moves[done * d..][..d];
                    for (to, &from) in other.iter_mut().zip(moves) {
                        *to = signed(simd, tile[(from & !NEGATED) as usize], from);
                    }
                    mix(simd, other);
                }
                Turn::Back => {
                    let moves = &moves[(rounds - 1 - done) * d..][..d];
                    mix(simd, tile);
                    for (&from, &to) in tile.iter().zip(moves) {
                        other[(to & !NEGATED) as usize] = signed(simd, from, to);
                    }
                }
            }
            std::mem::swap(&mut tile, &mut other);
        }
        let tile: &[f32] = bytemuck::cast_slice(tile);
        for first in (0..d).step_by(COLUMNS) {
            let columns = COLUMNS.min(d - first);
            for (lane, row) in turned.chunks_exact_mut(d).enumerate() {
                let lanes = tile[first * S::F32_LANES..].chunks_exact(S::F32_LANES);
                for (value, lanes) in row[first..first + columns].iter_mut().zip(lanes) {
                    *value = lanes[lane];
                }
            }
        }
    }
}

#[inline(always)]
fn signed<S: Simd>(simd: S, values: S::f32s, by: u32) -> S::f32s {
    simd.xor_f32s(values, simd.splat_f32s(f32::from_bits(by & NEGATED)))
}

/// Multiplies every block with Hadamard matrices, the largest that fit. Two stages of 4 × 4 at a time stay in registers, which changes
/// no addition.
#[inline(always)]
fn mix<S: Simd>(simd: S, tile: &mut [S::f32s]) {
    for block in tile.chunks_mut(BLOCK) {
        let mut width = 1;
        while 4 * width <= block.len() {
            let whole = block.len() / (16 * width) * (16 * width);
            let (whole, rest) = block.split_at_mut(whole);
            for group in whole.chunks_exact_mut(16 * width) {
                for at in 0..width {
                    sixteen(simd, &mut group[at..][..15 * width + 1], width);
                }
            }
            for group in rest.chunks_exact_mut(4 * width) {
                for at in 0..width {
                    let own = &mut group[at..][..3 * width + 1];
                    let turned = four(simd, own[0], own[width], own[2 * width], own[3 * width]);
                    (own[0], own[width], own[2 * width], own[3 * width]) =
                        (turned[0], turned[1], turned[2], turned[3]);
                }
            }
            width *= 16;
        }
    }
}

/// The stage of every `width`-th of 16 coordinates by four, and then the next stage.
#[inline(always)]
fn sixteen<S: Simd>(simd: S, own: &mut [S::f32s], width: usize) {
    let w = width;
    let a = four(simd, own[0], own[w], own[2 * w], own[3 * w]);
    let b = four(simd, own[4 * w], own[5 * w], own[6 * w], own[7 * w]);
    let c = four(simd, own[8 * w], own[9 * w], own[10 * w], own[11 * w]);
    let d = four(simd, own[12 * w], own[13 * w], own[14 * w], own[15 * w]);
    for i in 0..4 {
        let turned = four(simd, a[i], b[i], c[i], d[i]);
        for j in 0..4 {
            own[(4 * j + i) * w] = turned[j];
        }
    }
}

/// Four numbers times half of [1 1 1 1; 1 −1 1 −1; 1 1 −1 −1; 1 −1 −1 1].
#[inline(always)]
fn four<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s, d: S::f32s) -> [S::f32s; 4] {
    let half = simd.splat_f32s(0.5);
    let (sum, difference) = (simd.add_f32s(a, b), simd.sub_f32s(a, b));
    let (further_sum, further_difference) = (simd.add_f32s(c, d), simd.sub_f32s(c, d));
    [
        simd.mul_f32s(half, simd.add_f32s(sum, further_sum)),
        simd.mul_f32s(half, simd.add_f32s(difference, further_difference)),
        simd.mul_f32s(half, simd.sub_f32s(sum, further_sum)),
        simd.mul_f32s(half, simd.sub_f32s(difference, further_difference)),
    ]
}
