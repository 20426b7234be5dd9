//! CPU twin of `shaders/assign_half.wgsl`.

use rayon::prelude::*;

use super::half_products::numbers;
use super::to_half::FAR;

/// A codeword with this half norm is farther than the one found, if the row's half norm and l are below these.
const FARTHER: f32 = (1_u128 << 98) as f32;
const NEAR_ROW: f32 = (1_u128 << 94) as f32;
const NEAR: f32 = (1_u128 << 96) as f32;

/// Vectors as `to_half` has them: words of two numbers, and four numbers of each.
#[derive(Clone, Copy)]
pub(crate) struct Vectors<'a> {
    pub halves: &'a [u32],
    pub numbers: &'a [f32],
}

impl<'a> Vectors<'a> {
    fn rows(self) -> impl IndexedParallelIterator<Item = (&'a [u32], &'a [f32; 4])> {
        let numbers = self.numbers.as_chunks::<4>().0;
        self.halves.par_chunks_exact(self.halves.len() / numbers.len().max(1)).zip(numbers)
    }
}

/// For each of the `rows` the codeword of the least score, or `None` where another may be as near.
pub(crate) fn assign_half(rows: Vectors<'_>, codewords: Vectors<'_>) -> Vec<Option<u32>> {
    let codewords: Vec<_> = codewords.rows().collect();
    rows.rows().map(|row| nearest(row, &codewords)).collect()
}

fn nearest((row, of_row): (&[u32], &[f32; 4]), codewords: &[(&[u32], &[f32; 4])]) -> Option<u32> {
    let [back, half_norm, part, _] = *of_row;
    let (mut least, mut second, mut code) = (FAR, FAR, 0);
    for (j, (codeword, [scale, half_norm, part, _])) in codewords.iter().enumerate() {
        let l = match *half_norm < FARTHER {
            true => (half_norm - part) - back * (scale * product(row, codeword)),
            false => FAR,
        };
        second = second.min(least.max(l));
        if l < least {
            (least, code) = (l, j);
        }
    }
    let apart = 2.0 * (codewords[code].1[2] + part);
    let threshold = least + (apart + f32::EPSILON * (least.abs() + apart));
    (second > threshold && least < NEAR && half_norm < NEAR_ROW).then_some(code as u32)
}

fn product(row: &[u32], codeword: &[u32]) -> f32 {
    row.iter().zip(codeword).fold(0.0, |sum, (&row, &codeword)| {
        let [x, c] = [row, codeword].map(numbers);
        c[1].mul_add(x[1], c[0].mul_add(x[0], sum))
    })
}
