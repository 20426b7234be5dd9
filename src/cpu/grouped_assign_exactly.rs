//! The CPU twin of `grouped_assign_exactly`: the second look of `grouped_assign`, at a vector whose distances do not tell the nearest
//! codeword.

use pulp::Simd;

use super::distance::distance;
use crate::certified::bounds::is_beyond;
use crate::certified::exact;
use crate::metrics::Metric;

/// The codeword of `k` nearest to `x`, which is one of those whose computed distance is `threshold` or less.
#[inline(always)]
pub(super) fn grouped_assign_exactly<'a, S: Simd>(
    simd: S,
    x: &[f32],
    k: u32,
    threshold: f32,
    codeword: impl Fn(u32) -> &'a [f32],
) -> u32 {
    let may_be = |code: &u32| !is_beyond(distance(simd, Metric::SquaredL2, x, codeword(*code)), threshold);
    let candidates: Vec<u32> = (0..k).filter(may_be).collect();
    exact::nearest(Metric::SquaredL2, x, &candidates, codeword)
}
