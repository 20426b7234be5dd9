//! Check of `hadamard` against products with Hadamard matrices in float64, and of its inverse.

use ndarray::Array2;

use super::Check;
use super::oracle::U;
use crate::error::Result;
use crate::kernels::hadamard::Mixing;
use crate::ops::mixing::{BLOCK, NEGATED, Turn};

pub(super) fn check(check: &mut Check) -> Result<()> {
    // Dimensions with matrices of every size and with none; of the last the rows are over 256 KiB.
    for (n, d, rounds) in [
        (1, 1, 1),
        (5, 3, 2),
        (17, 7, 3),
        (33, 100, 1),
        (16, 256, 2),
        (40, 383, 3),
        (120, 515, 2),
        (900, 77, 2),
    ] {
        let case = format!("n {n}, d {d}, {rounds} rounds");
        let x = check.normals(n, d, 0.5);
        let moves = moves(check, rounds, d);
        let engine = check.engine();
        let mixing = Mixing::new(&engine, moves.view())?;
        let (mut turned, mut back) = (engine.uninitialized(n, d)?, engine.uninitialized(n, d)?);
        let mut recorder = engine.recorder();
        recorder.hadamard(&engine.upload(x.view())?, &mixing, Turn::There, &mut turned)?;
        recorder.hadamard(&turned, &mixing, Turn::Back, &mut back)?;
        recorder.submit()?;
        let turned = turned.download()?;
        let want: Vec<f64> = x.outer_iter().flat_map(|row| plainly(&row.to_vec(), &moves)).collect();
        // A stage adds twice, and what its roundings are of has the length of the row at most: 2 u of it in all coordinates together, or
        // 2√4 u with the rounding of what comes in. There are 4 stages in a round.
        let lengths: Vec<f64> =
            x.outer_iter().map(|row| row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()).collect();
        let bound = |times: usize| {
            let lengths = &lengths;
            move |at: usize| 4.0 * 4.0 * (times * rounds) as f64 * U * lengths[at / d]
        };
        check.close(&format!("{case}, there"), turned.iter().copied(), &want, bound(1));
        let x: Vec<f64> = x.iter().map(|&value| f64::from(value)).collect();
        check.close(&format!("{case}, back"), back.download()?, &x, bound(2));
        // Devices agree to the bit, so these are additions in the order of the shader.
        let bits: Vec<f32> = exactly(&engine_rows(&x, d), &moves);
        check.same_bits(&format!("{case}, bits"), turned, &bits);
    }
    let engine = check.engine();
    let mixing = Mixing::new(&engine, Array2::from_shape_fn((2, 3), |(_, at)| at as u32).view())?;
    let mut recorder = engine.recorder();
    let mut none = engine.zeros(0, 3)?;
    let ended = recorder.hadamard(&engine.zeros(0, 3)?, &mixing, Turn::There, &mut none);
    check.holds("no rows", "nothing to do", ended.is_ok());
    let ended = recorder.hadamard(&engine.zeros(0, 4)?, &mixing, Turn::There, &mut none);
    check.holds("another dimension", "an error", ended.is_err());
    recorder.submit()
}

/// Permutations with signs, (rounds, d).
fn moves(check: &mut Check, rounds: usize, d: usize) -> Array2<u32> {
    let mut moves = Array2::zeros((rounds, d));
    for mut round in moves.outer_iter_mut() {
        let mut order: Vec<u32> = (0..d as u32).collect();
        check.rng().shuffle(&mut order);
        for (to, at) in round.iter_mut().zip(order) {
            *to = at | if check.rng().below(2) == 1 { NEGATED } else { 0 };
        }
    }
    moves
}

/// The sizes of the matrices of a row.
fn sizes(d: usize) -> Vec<usize> {
    let (mut left, mut size, mut sizes) = (d, BLOCK, Vec::new());
    while left > 0 {
        while size > left {
            size /= 4;
        }
        sizes.push(size);
        left -= size;
    }
    sizes
}

fn moved<T: Copy + std::ops::Neg<Output = T>>(row: &[T], moves: &[u32]) -> Vec<T> {
    let one = |&from: &u32| {
        let value = row[(from & !NEGATED) as usize];
        if from & NEGATED == 0 { value } else { -value }
    };
    moves.iter().map(one).collect()
}

/// A row turned in float64: entry (i, j) of a matrix of s is 1/√s, negative where i and j have an odd number of bits in common.
fn plainly(row: &[f32], moves: &Array2<u32>) -> Vec<f64> {
    let mut row: Vec<f64> = row.iter().map(|&value| f64::from(value)).collect();
    for round in moves.outer_iter() {
        let from = moved(&row, &round.to_vec());
        let mut first = 0;
        for size in sizes(row.len()) {
            for i in 0..size {
                let sign = |j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
                let sum: f64 = (0..size).map(|j| sign(j) * from[first + j]).sum();
                row[first + i] = sum / (size as f64).sqrt();
            }
            first += size;
        }
    }
    row
}

fn engine_rows(x: &[f64], d: usize) -> Vec<Vec<f32>> {
    x.chunks_exact(d).map(|row| row.iter().map(|&value| value as f32).collect()).collect()
}

/// Rows turned in f32, one addition after the other as the shader has them.
fn exactly(rows: &[Vec<f32>], moves: &Array2<u32>) -> Vec<f32> {
    let mut all = Vec::new();
    for row in rows {
        let mut row = row.clone();
        for round in moves.outer_iter() {
            row = moved(&row, &round.to_vec());
            let mut first = 0;
            for size in sizes(row.len()) {
                let own = &mut row[first..first + size];
                let mut width = 1;
                while width < size {
                    for at in (0..size).filter(|at| at / width % 4 == 0) {
                        let [a, b, c, d] = [0, 1, 2, 3].map(|step| own[at + step * width]);
                        own[at] = 0.5 * ((a + b) + (c + d));
                        own[at + width] = 0.5 * ((a - b) + (c - d));
                        own[at + 2 * width] = 0.5 * ((a + b) - (c + d));
                        own[at + 3 * width] = 0.5 * ((a - b) - (c - d));
                    }
                    width *= 4;
                }
                first += size;
            }
        }
        all.extend(row);
    }
    all
}
