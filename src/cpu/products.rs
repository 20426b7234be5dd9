//! The CPU twin of `products`: every row times every codeword.

use pulp::Arch;
use rayon::prelude::*;

use super::distance_matrix::Store;
use super::prepare_codebook::PackedCodebook;
use super::tile::{AsIs, GROUP, Panels, Product, Rows};

/// Writes x·cᵀ of the rows of `x` (n, d) and of `c` (k, d) to `out` (n, k), all row-major.
pub(crate) fn products(x: &[f32], c: &[f32], d: usize, out: &mut [f32]) {
    let k = c.len() / d;
    let panels = Panels::new(Arch::new(), k, d, |j, out| {
        out.copy_from_slice(&c[j * d..][..d]);
        0.0
    });
    x.par_chunks(GROUP * d).zip(out.par_chunks_mut(GROUP * k)).for_each_init(
        Vec::new,
        |scratch, (rows, out)| {
            let rows = Rows::whole(rows, d);
            panels.run(panels.starts(), Product, rows, AsIs, scratch, &mut Store::all(out, k))
        },
    );
}

/// Writes the scores of the codewords of `codebook` (k, d) for the rows of `x` (n, d) to `out` (n, k).
pub(crate) fn scores(x: &[f32], codebook: &PackedCodebook, out: &mut [f32]) {
    let (d, k) = (codebook.d(), codebook.k());
    x.par_chunks(GROUP * d)
        .zip(out.par_chunks_mut(GROUP * k))
        .for_each_init(Vec::new, |scratch, (rows, out)| {
            codebook.score(Rows::whole(rows, d), scratch, &mut Store::all(out, k))
        });
}
