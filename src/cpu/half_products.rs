//! CPU twin of `shaders/half_products.wgsl`.

use half::f16;
use rayon::prelude::*;

/// Vectors of 8 words, which are 16 numbers of f16.
const WORDS: usize = 8;

/// Columns of the sums, and rows of a block of them.
const BLOCK: usize = 32;

/// Writes `first_i·first_j + rounds·(again_i·again_j)` to the blocks of `sums`; `rows` and `codewords` are 32 vectors for `first`
/// and 32 for `again`.
pub(crate) fn half_products(rows: &[u32], codewords: &[u32], rounds: u32, sums: &mut [f32]) {
    let [rows, codewords] = [rows, codewords].map(|words| words.as_chunks::<WORDS>().0);
    sums.par_chunks_mut(BLOCK).enumerate().for_each(|(row, sums)| {
        let i = row % BLOCK;
        for (j, sum) in sums.iter_mut().enumerate() {
            *sum = add_products(0.0, &rows[i], &codewords[j]);
            for _ in 0..rounds {
                *sum = add_products(*sum, &rows[BLOCK + i], &codewords[BLOCK + j]);
            }
        }
    });
}

/// The sum of 16 products and what is there already.
fn add_products(sum: f32, row: &[u32; WORDS], codeword: &[u32; WORDS]) -> f32 {
    row.iter().zip(codeword).fold(sum, |sum, (&row, &codeword)| {
        let [x, c] = [row, codeword].map(numbers);
        c[1].mul_add(x[1], c[0].mul_add(x[0], sum))
    })
}

/// The two numbers of a word.
pub(super) fn numbers(word: u32) -> [f32; 2] {
    [word as u16, (word >> 16) as u16].map(|bits| f16::from_bits(bits).to_f32())
}
