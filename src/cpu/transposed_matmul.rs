//! CPU twin of `shaders/transposed_matmul.wgsl`: faer's matrix product on strips of the result.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Strips that the result is cut into, at most: threads take them in turn.
const STRIPS: usize = 16;

/// The fewest rows of a strip that a product is fast for.
const LEAST: usize = 8;

/// Writes aᵀ·b of `a` (n, p) and `b` (n, q) to `products` (p, q). The strips depend on p alone, so that threads change
/// nothing.
pub(crate) fn transposed_matmul(a: &[f32], b: &[f32], p: usize, q: usize, products: &mut [f32]) {
    let n = b.len() / q;
    let height = p.div_ceil(STRIPS).max(LEAST);
    products.par_chunks_mut(height * q).enumerate().for_each(|(strip, products)| {
        let rows = products.len() / q;
        let a = MatRef::from_row_major_slice(a, n, p).subcols(strip * height, rows);
        let b = MatRef::from_row_major_slice(b, n, q);
        let products = MatMut::from_row_major_slice_mut(products, rows, q);
        matmul(products, Accum::Replace, a.transpose(), b, 1.0, Par::Seq);
    });
}
