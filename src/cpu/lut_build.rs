//! CPU twin of `shaders/lut_build.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::widest::widest;

use crate::ops::{LANES, Term};

/// Codewords whose sums run side by side: one sum after the other would wait for its own additions.
const ABREAST: usize = 4;

/// The shape of a group of queries and of the codebook's part in its table.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    pub d: usize,
    pub column: usize,
    pub width: usize,
    pub first: usize,
    pub entries: usize,
}

/// Writes the entries `first..first + k` of every table in `tables` (groups·entries, 16) for `queries` (n, d) and
/// `codewords` (k, width).
pub(crate) fn lut_build(queries: &[f32], codewords: &[f32], term: Term, group: Group, tables: &mut [f32]) {
    let arch = Arch::new();
    let Group { d, column, width, first, entries } = group;
    tables.par_chunks_mut(entries * LANES).zip(queries.par_chunks(LANES * d)).for_each_init(
        Vec::new,
        |transposed, (table, queries)| {
            transposed.clear();
            transposed.resize(width, [0.0; LANES]);
            for (lane, query) in queries.chunks_exact(d).enumerate() {
                for (values, &q) in transposed.iter_mut().zip(&query[column..]) {
                    values[lane] = q;
                }
            }
            let table = &mut table.as_chunks_mut::<LANES>().0[first..];
            widest(
                arch,
                #[inline(always)]
                || match term {
                    Term::SquaredDifference => {
                        fill(transposed, codewords, table, |sum, q, c| sum + (q - c) * (q - c))
                    }
                    Term::Product => {
                        fill(transposed, codewords, table, |sum, q, c| sum + q * c);
                        table[..codewords.len() / width]
                            .as_flattened_mut()
                            .iter_mut()
                            .for_each(|sum| *sum *= -2.0);
                    }
                },
            );
            // The lanes past the last query hold what a query of zeros would have.
            for entry in &mut table[..codewords.len() / width] {
                entry[queries.len() / d..].fill(0.0);
            }
        },
    );
}

/// `table[j] = Σ_i add(·, queries[i], codewords[j, i])` for all queries of a group.
#[inline(always)]
fn fill(
    queries: &[[f32; LANES]],
    codewords: &[f32],
    table: &mut [[f32; LANES]],
    add: impl Fn(f32, f32, f32) -> f32 + Copy,
) {
    let width = queries.len();
    let (fours, rest) = codewords.split_at(codewords.len() / (ABREAST * width) * ABREAST * width);
    let (table_fours, table_rest) = table.split_at_mut(fours.len() / width);
    for (codewords, sums) in fours.chunks_exact(ABREAST * width).zip(table_fours.as_chunks_mut::<ABREAST>().0)
    {
        *sums = sum_of(queries, codewords, add);
    }
    for (codeword, sum) in rest.chunks_exact(width).zip(table_rest) {
        [*sum] = sum_of(queries, codeword, add);
    }
}

#[inline(always)]
fn sum_of<const N: usize>(
    queries: &[[f32; LANES]],
    codewords: &[f32],
    add: impl Fn(f32, f32, f32) -> f32,
) -> [[f32; LANES]; N] {
    let mut sums = [[0.0; LANES]; N];
    for (i, q) in queries.iter().enumerate() {
        for (sum, codeword) in sums.iter_mut().zip(codewords.chunks_exact(queries.len())) {
            let c = codeword[i];
            for (sum, &q) in sum.iter_mut().zip(q) {
                *sum = add(*sum, q, c);
            }
        }
    }
    sums
}
