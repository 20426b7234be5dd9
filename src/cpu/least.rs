//! The least score of a row and the candidate that has it, lane by lane while the tiles come.

use pulp::Simd;

use super::tile::CacheLine;

/// The least score of each lane for one row, and which candidate has it.
#[derive(Clone, Copy)]
pub(super) struct Least {
    score: CacheLine,
    candidate: CacheLine,
}

const LANES: [u32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

impl Least {
    /// Before the first candidate.
    pub fn none() -> Self {
        Self { score: CacheLine::splat(f32::INFINITY), candidate: CacheLine::splat(0.0) }
    }

    /// Considers the `scores` of vectors of candidates that lie one behind the other, from number `first` on (which wraps
    /// around). Later calls have later candidates. A NaN is less than nothing.
    #[inline(always)]
    pub fn consider<S: Simd>(&mut self, simd: S, first: u32, scores: &[S::f32s]) {
        let lanes = S::as_simd_u32s(&LANES).0[0];
        let least = &mut S::as_mut_simd_f32s(self.score.floats()).0[0];
        let candidate = &mut S::as_mut_simd_u32s(self.candidate.integers()).0[0];
        for (v, &score) in scores.iter().enumerate() {
            let first = first.wrapping_add((v * S::F32_LANES) as u32);
            let candidates = simd.add_u32s(lanes, simd.splat_u32s(first));
            // Strictly less: of equal scores in a lane the first, which has the lower number, stays.
            let less = simd.less_than_f32s(score, *least);
            *least = simd.select_f32s(less, score, *least);
            *candidate = simd.select_u32s(less, candidates, *candidate);
        }
    }

    /// The candidate with the least score of all lanes, of equal ones the lowest.
    #[inline(always)]
    pub fn candidate<S: Simd>(mut self, simd: S) -> u32 {
        let scores = S::as_simd_f32s(self.score.floats()).0[0];
        let candidates = &mut S::as_mut_simd_u32s(self.candidate.integers()).0[0];
        let best = simd.equal_f32s(scores, simd.splat_f32s(simd.reduce_min_f32s(scores)));
        *candidates = simd.select_u32s(best, *candidates, simd.splat_u32s(u32::MAX));
        self.candidate.integers()[..S::F32_LANES].iter().fold(u32::MAX, |least, &own| least.min(own))
    }
}
