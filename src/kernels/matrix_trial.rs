//! Tries the matrix unit of a GPU before `assign` relies on it.
//!
//! The bound of scores in f16 is for units that add up as `certified/bounds.rs` says, and a driver may take a matrix for another
//! one. So sums that such a unit cuts off most, and sums of which most cancels, are held against the bound, and codes against
//! those with scores in f32, on a device that nothing else is on. A codebook in f16 is made on a unit that has passed, so that is where it happens: when the first
//! one is made.

use half::f16;
use ndarray::Array2;

use super::half_products::{BLOCK, DIMENSIONS};
use super::prepare_codebook::Codebook;
use crate::certified::bounds::half_sum_error;
use crate::engine::matrix_unit::HalfProducts;
use crate::engine::{Engine, Matrix};
use crate::error::{Error, Result};
use crate::metrics::Metric;
use crate::ops::Distribution;
use crate::rng::Rng;

/// How the products for a codebook of `k` codewords of `d` dimensions are computed in f16; `None` where scores are in f32. Tries
/// the unit if that was not done yet, on a device of its own: to compile matrices can lose a device.
///
/// # Errors
/// [`Device`](crate::ErrorKind::Device) if the unit was asked for and does not pass.
pub(crate) fn products_for(engine: &Engine, k: usize, d: usize) -> Result<Option<HalfProducts>> {
    let Some(unit) = engine.matrix_unit() else { return Ok(None) };
    unit.tried(k, d, || pass(&engine.apart()?, unit.products()))
}

/// Fails if the unit of a GPU does not do what the bound is for.
fn pass(engine: &Engine, products: HalfProducts) -> Result<()> {
    add_up(engine, products)?;
    for (shape, offset) in [((1000, 300, 96), 0.0), ((700, 500, 40), 8.0)] {
        same_codes(engine, products, shape, offset)?;
    }
    Ok(())
}

/// 32 rows, and as many codewords, of 16 dimensions; each takes the row or the codeword, and the dimension.
struct Operands {
    first: [fn(&mut Rng, usize) -> f32; 2],
    again: [fn(&mut Rng, usize) -> f32; 2],
    rounds: u32,
}

/// A number of f16 just below 2⁻¹¹, which leaves a product with 2⁻¹² just below the last digit of a sum from 1 to 2.
const JUST_BELOW: f32 = (1.0 - 1.0 / 2048.0) / 2048.0;

const SUMS: [Operands; 4] = [
    // 1 + 2⁻²³, and what is cut off of it.
    Operands {
        first: [
            |_, i| [1.0, 1.0 / 4096.0].get(i).copied().unwrap_or(0.0),
            |_, i| [1.0, 1.0 / 2048.0].get(i).copied().unwrap_or(0.0),
        ],
        again: [|_, _| 1.0 / 4096.0, |_, _| JUST_BELOW],
        rounds: 1000,
    },
    // The same below zero.
    Operands {
        first: [
            |_, i| [-1.0, -1.0 / 4096.0].get(i).copied().unwrap_or(0.0),
            |_, i| [1.0, 1.0 / 2048.0].get(i).copied().unwrap_or(0.0),
        ],
        again: [|_, _| -1.0 / 4096.0, |_, _| JUST_BELOW],
        rounds: 1000,
    },
    Operands {
        first: [|rng, _| rng.normal(), |rng, _| rng.normal()],
        again: [|rng, _| rng.normal(), |rng, _| rng.normal()],
        rounds: 40,
    },
    // Terms of very different sizes, half of them negative.
    Operands {
        first: [|rng, _| rng.normal() * 64.0, |rng, _| rng.normal() * 64.0],
        again: [
            |rng, i| rng.normal() * (0.25_f32).powi(i as i32 % 8),
            |rng, i| rng.normal() * (0.5_f32).powi(i as i32 % 8),
        ],
        rounds: 3,
    },
];

/// Holds sums against their bound.
fn add_up(engine: &Engine, products: HalfProducts) -> Result<()> {
    let mut rng = Rng::new(0xf16, 1);
    for (number, Operands { first, again, rounds }) in SUMS.into_iter().enumerate() {
        let [rows, codewords] = [0, 1].map(|side| {
            Array2::from_shape_fn((2 * BLOCK, DIMENSIONS), |(row, i)| {
                let value = if row < BLOCK { first[side] } else { again[side] };
                f16::from_f32(value(&mut rng, i))
            })
        });
        // More than one workgroup of blocks, which are all the same.
        let mut sums = engine.uninitialized(BLOCK * 9, BLOCK)?;
        let mut recorder = engine.recorder();
        let (own, others) = (upload(engine, &rows)?, upload(engine, &codewords)?);
        recorder.half_products(products, &own, &others, rounds, &mut sums)?;
        recorder.submit()?;
        judge(&rows, &codewords, rounds, &sums.download()?)
            .map_err(|wrong| Error::device(format!("sums of kind {number}: {wrong}")))?;
    }
    Ok(())
}

/// What is wrong with sums of products, if anything is.
fn judge(rows: &Array2<f16>, codewords: &Array2<f16>, rounds: u32, sums: &Array2<f32>) -> Result<(), String> {
    let dot = |at: usize, i: usize, j: usize, of: fn(f64) -> f64| -> f64 {
        let terms = rows.row(at + i).into_iter().zip(codewords.row(at + j));
        terms.map(|(&x, &c)| of(x.to_f64() * c.to_f64())).sum()
    };
    let share = half_sum_error(DIMENSIONS * (1 + rounds as usize));
    for ((row, j), &sum) in sums.indexed_iter() {
        let i = row % BLOCK;
        let both = |of| dot(0, i, j, of) + f64::from(rounds) * dot(BLOCK, i, j, of);
        let (exact, most) = (both(|term| term), share * both(f64::abs));
        let off = (f64::from(sum) - exact).abs();
        if off > most || off.is_nan() {
            return Err(format!("{sum:e} at {row}, {j} is off by {off:e}, and {most:e} is the bound"));
        }
    }
    Ok(())
}

/// (rows, words) of (rows, numbers).
fn upload(engine: &Engine, values: &Array2<f16>) -> Result<Matrix<u32>> {
    let words = Array2::from_shape_fn((values.nrows(), values.ncols() / 2), |(row, word)| {
        let [low, high] = [0, 1].map(|of_word| u32::from(values[[row, 2 * word + of_word]].to_bits()));
        low | high << 16
    });
    engine.upload(words.view())
}

/// Holds the codes of `n` normals about `offset`, to a codebook of normals about 0, against those with scores in f32.
fn same_codes(
    engine: &Engine,
    products: HalfProducts,
    (n, k, d): (usize, usize, usize),
    offset: f32,
) -> Result<()> {
    let codes = |engine: &Engine| -> Result<Array2<u32>> {
        let (mut x, mut codewords) = (engine.uninitialized(n, d)?, engine.uninitialized(k, d)?);
        let mut recorder = engine.recorder();
        recorder.random_fill(Distribution::Normal, 1, 0, &mut x)?;
        recorder.random_fill(Distribution::Normal, 2, 0, &mut codewords)?;
        recorder.submit()?;
        let x = engine.upload((x.download()? + offset).view())?;
        let mut codebook = Codebook::from_matrix(codewords, Metric::SquaredL2)?;
        let (mut codes, mut distances) = (engine.uninitialized(n, 1)?, engine.uninitialized(n, 1)?);
        let mut recorder = engine.recorder();
        recorder.prepare_codebook(&mut codebook)?;
        recorder.assign(&x, &codebook, &mut codes, &mut distances)?;
        recorder.submit()?;
        codes.download()
    };
    let (got, want) =
        (codes(&engine.with_half_products(Some(products)))?, codes(&engine.with_half_products(None))?);
    let differing = got.iter().zip(&want).filter(|(got, want)| got != want).count();
    match differing {
        0 => Ok(()),
        _ => Err(Error::device(format!(
            "{differing} of {n} codes differ from those of scores in f32 (d {d}, k {k})"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emulation_passes() {
        let Some(engine) = crate::test_gpu() else { return };
        pass(&engine, HalfProducts::Emulated).unwrap();
    }

    #[test]
    fn a_unit_that_keeps_fewer_digits_does_not_pass() {
        let [rows, codewords] = [1.0, JUST_BELOW].map(|again| {
            Array2::from_shape_fn((2 * BLOCK, DIMENSIONS), |(row, i)| {
                f16::from_f32(if row >= BLOCK { again } else { f32::from(u8::from(i == 0)) })
            })
        });
        // 1, and 32 times a number just below 2⁻¹¹, of which none is left where a digit is 2⁻¹⁰.
        let sums = |sum: f32| Array2::from_elem((BLOCK, BLOCK), sum);
        let exact = 1.0 + 32.0 * JUST_BELOW;
        assert!(judge(&rows, &codewords, 2, &sums(exact)).is_ok());
        assert!(judge(&rows, &codewords, 2, &sums(exact.next_up())).is_ok());
        assert!(judge(&rows, &codewords, 2, &sums(1.0)).unwrap_err().contains("off by"));
        assert!(judge(&rows, &codewords, 2, &sums(f32::NAN)).is_err());
    }
}
