//! CPU twin of `shaders/gain_shape_encode.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::widest::widest;
use crate::ops::gain_shape::{LENGTH_CODES, LENGTH_SHIFT, LONGEST, SMALLEST_SUM, STRETCHES};

/// Partial sums per row, as invocations of the shader.
const LANES: usize = 32;

/// The grid of a shape: magnitudes and the lower borders of their cells, both ascending, for rows whose magnitudes sum to
/// 1 / `unit`; and how many stretches of it are tried.
#[derive(Clone, Copy)]
pub(crate) struct Grid<'a> {
    pub borders: &'a [f32],
    pub magnitudes: &'a [f32],
    pub unit: f32,
    pub stretches: usize,
}

/// Writes the codes (n, d + 2) of the rows of `x` (n, d), and the squared distances (n) to what they stand for.
pub(crate) fn gain_shape_encode(x: &[f32], d: usize, grid: Grid, codes: &mut [u32], distances: &mut [f32]) {
    let arch = Arch::new();
    let rows = (4096 / d).max(1);
    let chunks = codes.par_chunks_mut(rows * (d + LENGTH_CODES)).zip(distances.par_chunks_mut(rows));
    let new = || (vec![0.0; d], vec![0.0; d]);
    chunks.zip(x.par_chunks(rows * d)).for_each_init(new, |(sizes, shape), ((codes, distances), x)| {
        widest(
            arch,
            #[inline(always)]
            || {
                let codes = codes.chunks_exact_mut(d + LENGTH_CODES);
                for ((codes, distance), row) in codes.zip(distances.iter_mut()).zip(x.chunks_exact(d)) {
                    *distance = encode_row(row, grid, sizes, shape, codes);
                }
            },
        );
    });
}

/// `sizes` and `shape` are room for as many numbers as the row has.
#[inline(always)]
fn encode_row(row: &[f32], grid: Grid, sizes: &mut [f32], shape: &mut [f32], codes: &mut [u32]) -> f32 {
    sizes.iter_mut().zip(row).for_each(|(size, x)| *size = x.abs());
    let sum = sum_of(sizes, sizes, |size, _| size);
    let (cells, length) = codes.split_at_mut(row.len());
    if sum < SMALLEST_SUM {
        cells.fill(0);
        length.fill(0);
        return sum_of(sizes, sizes, |size, _| size * size);
    }
    let (mut gain, mut product, mut square) = (0.0, 0.0, 0.0);
    for (i, stretch) in STRETCHES[..grid.stretches].iter().enumerate() {
        let tried = sum * grid.unit * stretch;
        nearest(sizes, grid, tried, shape);
        let p = sum_of(sizes, shape, |size, magnitude| eleven_bits(size) * magnitude);
        let q = sum_of(shape, shape, |magnitude, _| magnitude * magnitude);
        if i == 0 || (p * p) * square > (product * product) * q {
            (gain, product, square) = (tried, p, q);
        }
    }
    let code = length_code(product, square);
    (length[0], length[1]) = (code >> 8, code & 0xff);
    nearest(sizes, grid, gain, shape);
    cells.fill(grid.magnitudes.len() as u32);
    for border in &grid.borders[1..] {
        let border = border * gain;
        cells.iter_mut().zip(&*sizes).for_each(|(cell, &size)| *cell += u32::from(size > border));
    }
    // The cell below 0 as far from the middle.
    let last = 2 * grid.magnitudes.len() as u32 - 1;
    cells.iter_mut().zip(row).for_each(|(cell, &x)| *cell = if x < 0.0 { last - *cell } else { *cell });
    let length = f32::from_bits(code << LENGTH_SHIFT);
    sum_of(sizes, shape, |size, magnitude| {
        let off = size - length * magnitude;
        off * off
    })
}

/// Writes the magnitudes that stand for `sizes` on a grid that is scaled with `gain`. They are sums of differences, which are exact.
#[inline(always)]
fn nearest(sizes: &[f32], grid: Grid, gain: f32, shape: &mut [f32]) {
    shape.fill(grid.magnitudes[0]);
    for (border, pair) in grid.borders[1..].iter().zip(grid.magnitudes.windows(2)) {
        let (border, step) = (border * gain, pair[1] - pair[0]);
        for (magnitude, &size) in shape.iter_mut().zip(sizes) {
            *magnitude += if size > border { step } else { 0.0 };
        }
    }
}

/// The length code T of product / square: that of the nearest length, of two the longer.
#[inline(always)]
fn length_code(product: f32, square: f32) -> u32 {
    let square = f32::from_bits((square.to_bits() + (1 << 9)) & !0x3ff);
    let above = |code: u32| f32::from_bits((code << LENGTH_SHIFT) + (1 << (LENGTH_SHIFT - 1))) * square;
    let mut code = ((product / square).to_bits() + (1 << (LENGTH_SHIFT - 1))) >> LENGTH_SHIFT;
    if product < above(code - 1) {
        code -= 1;
    } else if product >= above(code) {
        code += 1;
    }
    code.min(LONGEST)
}

/// The number rounded to 11 bits.
#[inline(always)]
fn eleven_bits(x: f32) -> f32 {
    f32::from_bits((x.to_bits() + (1 << 12)) & !0x1fff)
}

/// The sum of the terms of two rows: those of every 32nd element in a lane, in order, and the lanes halves onto halves.
#[inline(always)]
fn sum_of(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((a, rest_of_a), (b, rest_of_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += term(a, b);
        }
    }
    for ((lane, &a), &b) in lanes.iter_mut().zip(rest_of_a).zip(rest_of_b) {
        *lane += term(a, b);
    }
    for half in [16, 8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}
