//! The CPU twin of `assign_exactly`: the third look of `assign`, at rows that scores and sums of differences leave undecided.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::assign_again::assign_again;
use super::distance::distance;
use super::prepare_codebook::PackedCodebook;
use super::tile::Rows;
use crate::certified::bounds::is_beyond;
use crate::certified::exact;
use crate::metrics::Metric;

/// Rows for which it does not pay to pack the codebook again.
const FEW: usize = 64;

/// The nearest codewords of the rows of `x` with these `numbers`.
pub(super) fn assign_exactly(x: Rows<'_>, numbers: &[usize], codebook: &PackedCodebook) -> Vec<u32> {
    let mut codes = vec![None; numbers.len()];
    if codebook.metric() == Metric::SquaredL2 {
        // Scores in f32 where those before were not.
        if codebook.lowest().has_half() {
            assign_again(x, numbers, codebook, &mut codes);
        }
        if codes.iter().filter(|code| code.is_none()).count() > FEW {
            assign_again(x, numbers, &codebook.by_differences(), &mut codes);
        }
    }
    let open = codes.par_iter_mut().zip(numbers).filter(|(code, _)| code.is_none());
    open.for_each_init(Vec::new, |distances, (code, &number)| {
        *code = Some(codebook.arch().dispatch(Scan { row: x.row(number), codebook, distances }));
    });
    codes.into_iter().flatten().collect()
}

/// Compares a row with every codeword: by the distance, and exactly those that it does not tell apart.
struct Scan<'a> {
    row: &'a [f32],
    codebook: &'a PackedCodebook,
    distances: &'a mut Vec<f32>,
}

impl WithSimd for Scan<'_> {
    type Output = u32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> u32 {
        let Self { row, codebook, distances } = self;
        let (metric, k) = (codebook.metric(), codebook.k() as u32);
        distances.clear();
        distances.extend((0..k).map(|j| match codebook.lowest().is_copy(j as usize) {
            true => f32::INFINITY,
            false => distance(simd, metric, row, codebook.codeword(j)),
        }));
        let least = distances.iter().copied().fold(f32::INFINITY, f32::min);
        // Sums of products of any sign say nothing of a share of the distance.
        let threshold =
            codebook.lowest().distance_bound().map_or(f32::INFINITY, |bound| bound.threshold(least));
        // A sum of infinite products is no number, and may be the least.
        let may_be =
            |j: u32| !codebook.lowest().is_copy(j as usize) && !is_beyond(distances[j as usize], threshold);
        let candidates = (0..k).filter(|&j| may_be(j));
        exact::nearest(metric, row, &candidates.collect::<Vec<u32>>(), |j| codebook.codeword(j))
    }
}
