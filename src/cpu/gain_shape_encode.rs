//! CPU twin of `shaders/gain_shape_encode.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::ops::gain_shape::{LENGTH_CODES, LENGTH_SHIFT, LONGEST, SMALLEST_SUM, digits};

/// Partial sums per row, as invocations of the shader.
const LANES: usize = 32;

/// The grid of a shape: magnitudes and the lower borders of their cells, both ascending, for rows whose magnitudes sum to
/// 1 / `unit`.
#[derive(Clone, Copy)]
pub(crate) struct Grid<'a> {
    pub borders: &'a [f32],
    pub magnitudes: &'a [f32],
    pub unit: f32,
}

/// Writes the codes (n, d + 4) of the rows of `x` (n, d), and the squared distances (n) to what they stand for.
pub(crate) fn gain_shape_encode(x: &[f32], d: usize, grid: Grid, codes: &mut [u32], distances: &mut [f32]) {
    let arch = Arch::new();
    let rows = (4096 / d).max(1);
    let chunks = codes.par_chunks_mut(rows * (d + LENGTH_CODES)).zip(distances.par_chunks_mut(rows));
    let new = || Room::of(d, grid);
    chunks.zip(x.par_chunks(rows * d)).for_each_init(new, |room, ((codes, distances), x)| {
        arch.dispatch(Rows { x, d, grid, room, codes, distances });
    });
}

/// Room for a row, as many numbers as lanes take, of which those past the row stay 0; and for the borders as they are scaled to it.
struct Room {
    row: Vec<f32>,
    shape: Vec<f32>,
    cells: Vec<u32>,
    borders: Vec<f32>,
}

impl Room {
    fn of(d: usize, grid: Grid) -> Self {
        let d = d.next_multiple_of(LANES);
        Self {
            row: vec![0.0; d],
            shape: vec![0.0; d],
            cells: vec![0; d],
            borders: vec![0.0; grid.borders.len()],
        }
    }
}

struct Rows<'a> {
    x: &'a [f32],
    d: usize,
    grid: Grid<'a>,
    room: &'a mut Room,
    codes: &'a mut [u32],
    distances: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, d, grid, room, codes, distances } = self;
        let codes = codes.chunks_exact_mut(d + LENGTH_CODES);
        for ((codes, distance), row) in codes.zip(distances).zip(x.chunks_exact(d)) {
            *distance = match LANES / S::F32_LANES {
                2 => encode_row::<S, 2>(simd, row, grid, room, codes),
                4 => encode_row::<S, 4>(simd, row, grid, room, codes),
                8 => encode_row::<S, 8>(simd, row, grid, room, codes),
                _ => encode_row::<S, LANES>(simd, row, grid, room, codes),
            };
        }
    }
}

/// V registers have the lanes of a row.
#[inline(always)]
fn encode_row<S: Simd, const V: usize>(
    simd: S,
    x: &[f32],
    grid: Grid,
    room: &mut Room,
    codes: &mut [u32],
) -> f32 {
    let d = x.len();
    let Room { row, shape, cells, borders } = room;
    row[..d].copy_from_slice(x);
    let sum = sum_of::<S, V>(simd, row, row, |x, _| simd.abs_f32s(x));
    let (own, own_length) = codes.split_at_mut(d);
    if sum < SMALLEST_SUM {
        own.fill(0);
        own_length.fill(0);
        return sum_of::<S, V>(simd, row, row, |x, _| simd.mul_f32s(x, x));
    }
    nearest::<S, V>(simd, sum * grid.unit, grid, row, borders, shape, cells);
    own.copy_from_slice(&cells[..d]);
    shape[d..].fill(0.0);
    let product = sum_of::<S, V>(simd, row, shape, |x, magnitude| {
        simd.mul_f32s(eleven_bits(simd, simd.abs_f32s(x)), magnitude)
    });
    let square = sum_of::<S, V>(simd, shape, shape, |magnitude, _| simd.mul_f32s(magnitude, magnitude));
    let code = length_code(product, square);
    own_length.copy_from_slice(&digits(code));
    let length = simd.splat_f32s(f32::from_bits(code << LENGTH_SHIFT));
    sum_of::<S, V>(simd, row, shape, |x, magnitude| {
        let off = simd.sub_f32s(simd.abs_f32s(x), simd.mul_f32s(length, magnitude));
        simd.mul_f32s(off, off)
    })
}

/// Writes the codes of a row on the grid that is scaled with `gain`, and the magnitudes that they stand for: sums of differences, which
/// are exact.
#[inline(always)]
fn nearest<S: Simd, const V: usize>(
    simd: S,
    gain: f32,
    grid: Grid,
    row: &[f32],
    borders: &mut [f32],
    shape: &mut [f32],
    cells: &mut [u32],
) {
    for (scaled, border) in borders.iter_mut().zip(grid.borders) {
        *scaled = border * gain;
    }
    let k = grid.magnitudes.len();
    let (zero, none, one) = (simd.splat_f32s(0.0), simd.splat_u32s(0), simd.splat_u32s(1));
    let (first, last) = (simd.splat_u32s(k as u32), simd.splat_u32s(2 * k as u32 - 1));
    let rows = S::as_simd_f32s(row).0.as_chunks::<V>().0;
    let shapes = S::as_mut_simd_f32s(shape).0.as_chunks_mut::<V>().0;
    let cells = S::as_mut_simd_u32s(cells).0.as_chunks_mut::<V>().0;
    for ((row, shape), cells) in rows.iter().zip(shapes).zip(cells) {
        let (mut magnitudes, mut codes) = ([simd.splat_f32s(grid.magnitudes[0]); V], [first; V]);
        for (&border, pair) in borders[1..].iter().zip(grid.magnitudes.windows(2)) {
            let (border, step) = (simd.splat_f32s(border), simd.splat_f32s(pair[1] - pair[0]));
            for v in 0..V {
                let above = simd.less_than_f32s(border, simd.abs_f32s(row[v]));
                magnitudes[v] = simd.add_f32s(magnitudes[v], simd.select_f32s(above, step, zero));
                codes[v] = simd.add_u32s(codes[v], simd.select_u32s(above, one, none));
            }
        }
        for v in 0..V {
            // The code as far from the middle below 0.
            let below = simd.less_than_f32s(row[v], zero);
            cells[v] = simd.select_u32s(below, simd.sub_u32s(last, codes[v]), codes[v]);
        }
        *shape = magnitudes;
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

/// Numbers rounded to 11 bits.
#[inline(always)]
fn eleven_bits<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let bits = simd.add_u32s(simd.transmute_u32s_f32s(x), simd.splat_u32s(1 << 12));
    simd.transmute_f32s_u32s(simd.and_u32s(bits, simd.splat_u32s(!0x1fff)))
}

/// The sum of the terms of two rows of whole lanes: those of every 32nd element in a lane, in order, and the lanes halves onto halves.
#[inline(always)]
fn sum_of<S: Simd, const V: usize>(
    simd: S,
    a: &[f32],
    b: &[f32],
    term: impl Fn(S::f32s, S::f32s) -> S::f32s,
) -> f32 {
    let mut sums = [simd.splat_f32s(0.0); V];
    let (a, b) = (S::as_simd_f32s(a).0.as_chunks::<V>().0, S::as_simd_f32s(b).0.as_chunks::<V>().0);
    for (a, b) in a.iter().zip(b) {
        for v in 0..V {
            sums[v] = simd.add_f32s(sums[v], term(a[v], b[v]));
        }
    }
    let mut half = V / 2;
    while half > 0 {
        for v in 0..half {
            sums[v] = simd.add_f32s(sums[v], sums[v + half]);
        }
        half /= 2;
    }
    simd.reduce_sum_f32s(sums[0])
}
