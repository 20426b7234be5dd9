//! Scores of a group of codewords for the rows of a list: which codewords are to be compared, and the least distance of the others.

use std::ops::Range;

use pulp::Simd;

use super::compare::{Compare, Known, lanes};
use super::kept_bounds::KeptBounds;
use super::tile::{CacheLine, Epilogue, GROUP, NegatedAbout};
use super::two_least::{FAR, LANES};
use crate::certified::bounds::lengths;

/// What scoring needs to know of rows of a list, and padding.
pub(super) struct Listed {
    numbers: [usize; GROUP],
    /// The places of their own codewords,
    own: [usize; GROUP],
    /// the limits of their scores,
    limits: [f32; GROUP],
    /// and the least scores of others than their own.
    lowest: [CacheLine; GROUP],
    /// Scores of a tile.
    scores: Vec<CacheLine>,
}

impl Listed {
    pub const NONE: Self = Self {
        numbers: [0; GROUP],
        own: [0; GROUP],
        limits: [f32::NEG_INFINITY; GROUP],
        lowest: [CacheLine::splat(FAR); GROUP],
        scores: Vec::new(),
    };

    /// Begins with the rows of a `list`, whose codewords are `codes`.
    pub fn begin(&mut self, list: &[usize], kept: &KeptBounds, codes: &[u32], known: &Known) {
        self.limits.fill(f32::NEG_INFINITY);
        self.lowest.fill(CacheLine::splat(FAR));
        for (at, &r) in list.iter().enumerate() {
            self.numbers[at] = r;
            self.own[at] = kept.groups.place(codes[r]);
            self.limits[at] = known.limits()[r];
        }
    }
}

/// Scores a group of codewords for a list of rows.
pub(super) struct Scores<'a, 'b> {
    pub kept: &'a KeptBounds,
    pub compare: &'a mut Compare<'b>,
    pub list: &'a [usize],
    pub listed: &'a mut Listed,
    pub group: usize,
    /// The bounds of all rows, where those of the list are written.
    pub bounds: &'a mut [f32],
}

impl Scores<'_, '_> {
    /// Scores the codewords of these `places`.
    pub fn run(mut self, places: Range<usize>, lines: &mut Vec<CacheLine>) {
        let KeptBounds { panels, centre, .. } = self.kept;
        let some = places.start / panels.width()..places.end.div_ceil(panels.width());
        let rows = (self.compare.rows, self.list);
        panels.run_listed(some, rows, NegatedAbout(centre), lines, &mut self);
    }

    /// Has the codewords compared whose lanes are set in `within`: of each row, from `row` of the list on, of each vector from
    /// `place` on.
    #[inline(always)]
    fn push<S: Simd>(&mut self, simd: S, row: usize, place: usize, within: &[u32]) {
        let Listed { numbers, scores, .. } = &*self.listed;
        let vectors = self.kept.panels.width() / S::F32_LANES;
        for (at, (&within, scores)) in within.iter().zip(scores).enumerate() {
            let (row, place) = (row + at / vectors, place + at % vectors * S::F32_LANES);
            let order = self.kept.groups.order();
            self.compare.push(simd, numbers[row], within, scores, |lane| order[place + lane]);
        }
    }
}

impl Epilogue for Scores<'_, '_> {
    const UNROLLED: bool = true;

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        place: usize,
        sums: &[[S::f32s; V]; R],
    ) {
        let lane_numbers = S::as_simd_u32s(&LANES).0[0];
        let far = simd.splat_f32s(FAR);
        let Listed { own, limits, lowest, .. } = &mut *self.listed;
        let (own, limits, lowest) = (&own[row..][..R], &limits[row..][..R], &mut lowest[row..][..R]);
        let mut within = [[0; V]; R];
        // By numbers known beforehand alone, so that sums stay in registers.
        for r in 0..R {
            let limit = simd.splat_f32s(limits[r]);
            let mut least = S::as_simd_f32s(lowest[r].values()).0[0];
            for v in 0..V {
                let lane = own[r].wrapping_sub(place + v * S::F32_LANES) as u32;
                let is_own = simd.equal_u32s(lane_numbers, simd.splat_u32s(lane));
                let scores = simd.select_f32s(is_own, far, sums[r][v]);
                least = simd.min_f32s(least, scores);
                within[r][v] = lanes(simd, simd.less_than_or_equal_f32s(scores, limit));
            }
            S::as_mut_simd_f32s(lowest[r].floats()).0[0] = least;
        }
        if within.as_flattened().iter().any(|&within| within != 0) {
            self.listed.scores.clear();
            #[expect(clippy::needless_range_loop)]
            for r in 0..R {
                for v in 0..V {
                    self.listed.scores.push(CacheLine::of(simd, sums[r][v]));
                }
            }
            self.push(simd, row, place, within.as_flattened());
        }
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S) {
        let KeptBounds { square, stride, .. } = *self.kept;
        for (&r, lowest) in self.list.iter().zip(&self.listed.lowest) {
            let score = simd.reduce_min_f32s(S::as_simd_f32s(lowest.values()).0[0]);
            let known = &*self.compare.known;
            let least = square.least_distance(score, known.squares()[r], known.parts()[r]);
            // There may be none but its own and copies.
            self.bounds[r * stride + self.group] = if score < FAR { lengths::root(least) } else { f32::MAX };
        }
    }
}
