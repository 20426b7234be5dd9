//! The CPU twin of `assign_again`: the second look of `assign`, by other scores.

use pulp::Simd;
use rayon::prelude::*;

use super::assign::settle;
use super::prepare_codebook::PackedCodebook;
use super::tile::{CacheLine, Epilogue, GROUP, Rows};
use super::two_least::TwoLeast;

/// Scores by `codebook` those rows of `x`, of these `numbers`, that have no code yet.
pub(super) fn assign_again(
    x: Rows<'_>,
    numbers: &[usize],
    codebook: &PackedCodebook,
    codes: &mut [Option<u32>],
) {
    let mut open: Vec<_> = numbers.iter().zip(codes).filter(|(_, code)| code.is_none()).collect();
    open.par_chunks_mut(GROUP).for_each_init(
        || (Vec::new(), Vec::new(), TwoLeast::new()),
        |(values, scratch, least): &mut (Vec<f32>, Vec<CacheLine>, Box<TwoLeast>), open| {
            values.clear();
            open.iter().for_each(|&(&number, _)| values.extend_from_slice(x.row(number)));
            let rows = Rows::whole(values, codebook.d());
            let lowest = codebook.lowest();
            lowest.begin(least);
            let mut undecided = Undecided { codebook, rows, open, least };
            codebook.score_from(lowest.starts(), rows, scratch, &mut undecided);
        },
    );
}

/// Keeps the least scores of every lane and their codewords, for each row.
struct Undecided<'a, 'b> {
    codebook: &'a PackedCodebook,
    rows: Rows<'a>,
    /// The rows' numbers and codes.
    open: &'a mut [(&'b usize, &'b mut Option<u32>)],
    least: &'a mut TwoLeast,
}

impl Epilogue for Undecided<'_, '_> {
    const UNROLLED: bool = true;

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        codeword: usize,
        sums: &[[S::f32s; V]; R],
    ) {
        self.least.consider(simd, row, codeword, sums);
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S) {
        for (r, (row, (_, code))) in self.rows.iter().zip(self.open.iter_mut()).enumerate() {
            let told = settle(simd, self.codebook, None, (r, row), self.least);
            **code = told.nearest().map(|(nearest, _)| nearest);
        }
    }
}
