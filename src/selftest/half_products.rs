//! Check of `half_products` against float64, within what a sum that is cut off can lose.

use half::f16;
use ndarray::Array2;

use super::Check;
use crate::certified::bounds::half_sum_error;
use crate::engine::matrix_unit::HalfProducts;
use crate::error::Result;
use crate::kernels::half_products::{BLOCK, DIMENSIONS};
use crate::kernels::matrix_trial::products_for;

pub(super) fn check(check: &mut Check) -> Result<()> {
    let unit = products_for(&check.engine(), usize::MAX, usize::MAX)?;
    for products in [Some(HalfProducts::Emulated), unit].into_iter().flatten() {
        for (blocks, rounds) in [(1, 0), (8, 1), (9, 20)] {
            compare(check, products, blocks, rounds)?;
        }
    }
    Ok(())
}

fn compare(check: &mut Check, products: HalfProducts, blocks: usize, rounds: u32) -> Result<()> {
    let engine = check.engine();
    let [rows, codewords] = [0, 1].map(|_| {
        let normals = check.normals(2 * BLOCK, DIMENSIONS, 0.0);
        normals.map(|&value| f16::from_f32(value))
    });
    let words = |values: &Array2<f16>| {
        let word = |row, at| u32::from(values[[row, at]].to_bits());
        Array2::from_shape_fn((2 * BLOCK, DIMENSIONS / 2), |(row, i)| {
            word(row, 2 * i) | word(row, 2 * i + 1) << 16
        })
    };
    let (own, others) = (engine.upload(words(&rows).view())?, engine.upload(words(&codewords).view())?);
    let mut sums = engine.uninitialized(blocks * BLOCK, BLOCK)?;
    let mut recorder = engine.recorder();
    recorder.half_products(products, &own, &others, rounds, &mut sums)?;
    recorder.submit()?;
    // The exact sum, and that of the magnitudes.
    let exact = |at: usize, of: fn(f64) -> f64| {
        let (i, j) = (at / BLOCK % BLOCK, at % BLOCK);
        let dot = |i: usize, j: usize| -> f64 {
            let terms = rows.row(i).into_iter().zip(codewords.row(j));
            terms.map(|(&x, &c)| of(x.to_f64() * c.to_f64())).sum()
        };
        dot(i, j) + f64::from(rounds) * dot(BLOCK + i, BLOCK + j)
    };
    let want: Vec<f64> = (0..blocks * BLOCK * BLOCK).map(|at| exact(at, |term| term)).collect();
    let share = half_sum_error(DIMENSIONS * (1 + rounds as usize));
    let case = format!("{products:?}, {blocks} blocks, {rounds} rounds");
    check.close(&case, sums.download()?, &want, |at| share * exact(at, f64::abs));
    Ok(())
}
