//! Check of `gain_shape_encode`: codes are those of a plain search, to the last one, and distances are those in float64.

use ndarray::{Array2, array};

use super::{Check, oracle};
use crate::error::Result;
use crate::kernels::gain_shape_encode::Shape;
use crate::ops::gain_shape::{LENGTH_SHIFT, LONGEST, SMALLEST_SUM};

/// The mean magnitude of a normal number, which the grids of this check are for.
pub(super) const MEAN: f32 = 0.797_884_6;

/// `k` magnitudes up to 3, whole multiples of 1/512.
pub(super) fn magnitudes(k: usize) -> Array2<f32> {
    Array2::from_shape_fn((1, k), |(_, at)| ((at as f32 + 0.5) * 3.0 / k as f32 * 512.0).round() / 512.0)
}

pub(super) fn check(check: &mut Check) -> Result<()> {
    // The last is over 256 KiB.
    for (n, d, k) in
        [(1, 1, 1), (9, 3, 2), (33, 32, 1), (40, 33, 128), (70, 100, 8), (5, 1000, 4), (900, 77, 2)]
    {
        let mut x = check.normals(n, d, 0.3);
        // Rows of every magnitude, of zeros, below the smallest, and with a number far from the others.
        for (row, mut values) in x.outer_iter_mut().enumerate() {
            let power = [0, 20, -20, 60, -50][row % 5];
            values.mapv_inplace(|value| value * 2.0_f32.powi(power));
        }
        x.row_mut(n - 1).fill(0.0);
        x.row_mut(n / 2)[d / 2] *= 1e5;
        if n > 8 {
            x.row_mut(7).fill(0.5 * SMALLEST_SUM / d as f32);
        }
        let engine = check.engine();
        let (grid, mut codes) = (magnitudes(k), engine.uninitialized(n, d + 4)?);
        let shape = Shape::new(&engine, &grid, MEAN)?;
        let mut distances = engine.uninitialized(n, 1)?;
        let mut recorder = engine.recorder();
        recorder.gain_shape_encode(&engine.upload(x.view())?, &shape, &mut codes, &mut distances)?;
        recorder.submit()?;
        let case = format!("n {n}, d {d}, {k} magnitudes");
        let grid = grid.row(0).to_vec();
        let want: Vec<u32> = x.outer_iter().flat_map(|row| plainly(&row.to_vec(), &grid, MEAN)).collect();
        check.same(&case, codes.download()?, &want);
        // A difference is rounded once (the product is exact), its square once, and then there are d additions.
        let squares: Vec<f64> = want
            .chunks_exact(d + 4)
            .zip(x.outer_iter())
            .map(|(codes, row)| {
                let decoded = stands_for(codes, &grid);
                decoded.iter().zip(row).map(|(&y, &x)| (f64::from(x) - y).powi(2)).sum()
            })
            .collect();
        check.close(&case, distances.download()?, &squares, |row| {
            oracle::sum_bound(d + 3, squares[row]) + f64::from(f32::MIN_POSITIVE) * d as f64
        });
    }
    borders(check)
}

/// All of this is exact: a magnitude on a border is in the lower cell, and a row that is a shape has its own length.
fn borders(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    // Of magnitudes that sum to 4 the grid has a gain of 1, and the cells border at 0.5 and 2.
    let (x, grid) = (array![[0.5_f32, -0.5, 2.0, -1.0]], array![[0.25_f32, 0.75]]);
    let shape = Shape::new(&engine, &grid, 1.0)?;
    let (mut codes, mut distances) = (engine.uninitialized(1, 8)?, engine.uninitialized(1, 1)?);
    let mut recorder = engine.recorder();
    recorder.gain_shape_encode(&engine.upload(x.view())?, &shape, &mut codes, &mut distances)?;
    let mut wrong = engine.uninitialized(1, 7)?;
    let ended = recorder.gain_shape_encode(&engine.upload(x.view())?, &shape, &mut wrong, &mut distances);
    check.holds("too few codes", "an error", ended.is_err());
    recorder.submit()?;
    check.same("borders", codes.download()?, &plainly(&x.row(0).to_vec(), &[0.25, 0.75], 1.0));
    Ok(())
}

/// The numbers that codes stand for.
pub(super) fn stands_for(codes: &[u32], magnitudes: &[f32]) -> Vec<f64> {
    let (shape, length) = codes.split_at(codes.len() - 4);
    let length = length.iter().fold(0, |code, &four| code * 16 + four);
    let gain = f64::from(f32::from_bits(length << LENGTH_SHIFT));
    let k = magnitudes.len();
    let one = |&code: &u32| match code as usize {
        code if code < k => -gain * f64::from(magnitudes[k - 1 - code]),
        code => gain * f64::from(magnitudes[code - k]),
    };
    shape.iter().map(one).collect()
}

/// Sums in the order that all devices add in: every 32nd in a lane, then halves onto halves.
fn sum(values: impl IntoIterator<Item = f32>) -> f32 {
    let mut lanes = [0.0_f32; 32];
    values.into_iter().enumerate().for_each(|(at, value)| lanes[at % 32] += value);
    for half in [16, 8, 4, 2, 1] {
        (0..half).for_each(|lane| lanes[lane] += lanes[lane + half]);
    }
    lanes[0]
}

/// The codes of a row, found one after the other.
fn plainly(row: &[f32], magnitudes: &[f32], mean: f32) -> Vec<u32> {
    let total = sum(row.iter().map(|x| x.abs()));
    if total < SMALLEST_SUM {
        return vec![0; row.len() + 4];
    }
    let gain = total * (1.0 / (row.len() as f32 * mean));
    let cell = |x: &f32| {
        let above = |pair: &[f32]| x.abs() > 0.5 * (pair[0] + pair[1]) * gain;
        magnitudes.windows(2).filter(|pair| above(pair)).count()
    };
    let cells: Vec<usize> = row.iter().map(cell).collect();
    let rounded = |x: f32| f32::from_bits((x.abs().to_bits() + 0x1000) & !0x1fff);
    let p = sum(row.iter().zip(&cells).map(|(&x, &cell)| rounded(x) * magnitudes[cell]));
    let q = sum(cells.iter().map(|&cell| magnitudes[cell] * magnitudes[cell]));
    // The nearest length, in float64, where the product of 10 bits and 14 is exact.
    let q = f64::from(f32::from_bits((q.to_bits() + 0x200) & !0x3ff));
    let border = |code: u32| f64::from(f32::from_bits((code << LENGTH_SHIFT) + (1 << (LENGTH_SHIFT - 1))));
    let (mut low, mut high) = (0, LONGEST);
    while low < high {
        let middle = (low + high) / 2;
        if f64::from(p) < border(middle) * q { high = middle } else { low = middle + 1 }
    }
    let k = magnitudes.len();
    let code = |(x, cell): (&f32, usize)| if *x < 0.0 { k - 1 - cell } else { k + cell } as u32;
    row.iter().zip(cells).map(code).chain([12, 8, 4, 0].map(|shift| low >> shift & 15)).collect()
}
