//! All codebooks at once, by least squares.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::error::{Error, Result};

/// What is added to the diagonal, in vectors: it holds codewords in place that no vector tells anything about.
const RIDGE: f64 = 0.01;

/// Moves all codewords so that the squared errors of the vectors, given their codes, become least: the normal equations
/// BᵀB Δ = BᵀE of Babenko and Lempitsky (CVPR 2014), with a small ridge on the move Δ.
///
/// `codes` (n, m), `errors` (n, d): each vector less what its codes decode to. Of `ragged` codebooks the last codeword is
/// 0 and stays so.
///
/// # Errors
/// [`Input`](crate::ErrorKind::Input) if the equations cannot be solved, which takes errors that are not finite.
pub(crate) fn update(
    codebooks: &mut [Array2<f32>],
    codes: ArrayView2<u32>,
    errors: ArrayView2<f32>,
    ragged: bool,
) -> Result<()> {
    let sizes: Vec<usize> = codebooks.iter().map(Array2::nrows).collect();
    let offsets: Vec<usize> = (0..=sizes.len()).map(|j| sizes[..j].iter().sum()).collect();
    let total = offsets[sizes.len()];
    let d = errors.ncols();
    // Without an equation, and with the ridge, a codeword stays where it is.
    let moves = |j: usize, code: u32| !(ragged && code as usize == sizes[j] - 1);

    // BᵀB counts how often two codewords meet; only its lower half is read.
    let mut normal = Mat::<f64>::zeros(total, total);
    for codes in codes.outer_iter() {
        for (j, &code) in codes.iter().enumerate().filter(|&(j, &code)| moves(j, code)) {
            let row = offsets[j] + code as usize;
            for (i, &other) in codes.iter().take(j + 1).enumerate().filter(|&(i, &other)| moves(i, other)) {
                normal[(row, offsets[i] + other as usize)] += 1.0;
            }
        }
    }
    // BᵀE: the sum of the errors of each codeword's vectors.
    let sums: Vec<Array2<f64>> = (0..sizes.len())
        .into_par_iter()
        .map(|j| {
            let mut sums = Array2::<f64>::zeros((sizes[j], d));
            let rows = codes.column(j).into_iter().zip(errors.outer_iter());
            for (&code, error) in rows.filter(|&(&code, _)| moves(j, code)) {
                let mut sum = sums.row_mut(code as usize);
                sum.zip_mut_with(&error, |sum, &error| *sum += f64::from(error));
            }
            sums
        })
        .collect();
    let mut right = Mat::<f64>::zeros(total, d);
    for (sums, &offset) in sums.iter().zip(&offsets) {
        for ((code, column), &sum) in sums.indexed_iter() {
            right[(offset + code, column)] = sum;
        }
    }
    solve(normal, &mut right)?;
    for (codebook, &offset) in codebooks.iter_mut().zip(&offsets) {
        for ((code, column), value) in codebook.indexed_iter_mut() {
            *value += right[(offset + code, column)] as f32;
        }
    }
    Ok(())
}

/// Solves (`normal` + ridge) Δ = `right` for Δ, which takes the place of `right`; only the lower half of `normal` is read.
///
/// # Errors
/// [`Input`](crate::ErrorKind::Input) if it cannot be solved.
pub(crate) fn solve(mut normal: Mat<f64>, right: &mut Mat<f64>) -> Result<()> {
    for at in 0..normal.nrows() {
        normal[(at, at)] += RIDGE;
    }
    let solver = normal
        .llt(Side::Lower)
        .map_err(|_| Error::input("the least-squares step cannot be solved; are all values moderate?"))?;
    solver.solve_in_place(right);
    Ok(())
}
