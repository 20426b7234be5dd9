//! The two least scores of every lane for a row, and the candidate of the least: what tells whether there is one nearest.
//!
//! While tiles come, the number of a score's vector takes the place of its lowest [`BITS`] bits, so that a minimum and a
//! maximum keep both scores and the candidate: no more work than to keep the least alone. What that moves a score by is part
//! of the bound that it is compared with. After [`SEGMENT`] vectors the numbers begin anew.

use pulp::Simd;

use super::tile::{CacheLine, GROUP};
use crate::certified::bounds::is_beyond;

/// Bits of a score that say which vector it is of.
const BITS: u32 = 7;

/// Vectors of scores until the numbers begin anew.
const SEGMENT: usize = 1 << BITS;

/// Those bits.
const NUMBER: u32 = SEGMENT as u32 - 1;

/// What those bits are of a score, at most.
const SHARE: f32 = SEGMENT as f32 * f32::EPSILON;

/// One lane of so many may have all its candidates compared: more of them take longer than another look at all.
const WHOLE: usize = 4;

/// The score of what is no candidate: no number takes its bits to infinity.
pub(super) const FAR: f32 = f32::MAX;

/// The least score before the first candidate: that of no candidate is not less, whatever its number.
const NONE: f32 = f32::from_bits(f32::MAX.to_bits() & !NUMBER);

/// The numbers of lanes.
pub(super) const LANES: [u32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The same as numbers that have a least one.
const LANE_NUMBERS: [f32; 16] = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];

/// The two least scores of each lane, of each row of a group.
pub(super) struct TwoLeast {
    segment: [Segment; GROUP],
    /// Those of the segments before, if there are several.
    before: Option<Box<[Folded; GROUP]>>,
}

/// The least scores of a segment, with their numbers.
#[derive(Clone, Copy)]
struct Segment {
    least: CacheLine,
    second: CacheLine,
}

#[derive(Clone, Copy)]
struct Folded {
    least: CacheLine,
    candidate: CacheLine,
    second: CacheLine,
}

impl Segment {
    fn none() -> Self {
        Self { least: CacheLine::splat(NONE), second: CacheLine::splat(NONE) }
    }
}

impl TwoLeast {
    /// Room for a group.
    pub fn new() -> Box<Self> {
        Box::new(Self { segment: [Segment::none(); GROUP], before: None })
    }

    /// Begins a group: before the first of `count` candidates, padding included, in vectors of so many `lanes`.
    pub fn begin(&mut self, count: usize, lanes: usize) {
        self.segment.fill(Segment::none());
        let none = CacheLine::splat(NONE);
        let folded = Folded { least: none, candidate: CacheLine::splat(0.0), second: none };
        match &mut self.before {
            Some(before) if count > SEGMENT * lanes => before.fill(folded),
            before => *before = (count > SEGMENT * lanes).then(|| Box::new([folded; GROUP])),
        }
    }

    /// Considers the `scores` of R rows, from row `row` of the group on: V vectors of candidates that lie one behind the other, from
    /// number `first` on, where those before have been considered. They are a part of a segment.
    #[inline(always)]
    pub fn consider<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        first: usize,
        scores: &[[S::f32s; V]; R],
    ) {
        let number = first / S::F32_LANES % SEGMENT;
        let kept = simd.splat_u32s(!NUMBER);
        for (segment, scores) in self.segment[row..][..R].iter_mut().zip(scores) {
            let mut least = S::as_simd_f32s(segment.least.values()).0[0];
            let mut second = S::as_simd_f32s(segment.second.values()).0[0];
            for (v, &score) in scores.iter().enumerate() {
                let bits = simd.and_u32s(bytemuck::cast(score), kept);
                let score = bytemuck::cast(simd.or_u32s(bits, simd.splat_u32s((number + v) as u32)));
                second = simd.min_f32s(simd.max_f32s(score, least), second);
                least = simd.min_f32s(score, least);
            }
            S::as_mut_simd_f32s(segment.least.floats()).0[0] = least;
            S::as_mut_simd_f32s(segment.second.floats()).0[0] = second;
        }
        if number + V == SEGMENT && self.before.is_some() {
            for r in 0..R {
                self.fold(simd, row + r, first / S::F32_LANES);
            }
        }
    }

    /// Takes the segment of vector `last` to those before.
    #[inline(always)]
    fn fold<S: Simd>(&mut self, simd: S, row: usize, last: usize) {
        let Some(before) = &mut self.before else { return };
        let segment = std::mem::replace(&mut self.segment[row], Segment::none());
        let least = S::as_simd_f32s(segment.least.values()).0[0];
        let second = S::as_simd_f32s(segment.second.values()).0[0];
        let Folded { least: own, candidate, second: others } = &mut before[row];
        let own = &mut S::as_mut_simd_f32s(own.floats()).0[0];
        let candidate = &mut S::as_mut_simd_u32s(candidate.integers()).0[0];
        let others = &mut S::as_mut_simd_f32s(others.floats()).0[0];
        let less = simd.less_than_f32s(least, *own);
        *candidate = simd.select_u32s(less, candidates(simd, least, last), *candidate);
        *others = simd.min_f32s(*others, simd.min_f32s(second, simd.max_f32s(least, *own)));
        *own = simd.min_f32s(least, *own);
    }

    /// What has been found for row `row`, after the last of `count` candidates, padding included.
    #[inline(always)]
    pub fn found<S: Simd>(&mut self, simd: S, row: usize, count: usize) -> Found {
        let Folded { least, mut candidate, second } = self.lanes(simd, row, count);
        let scores = S::as_simd_f32s(least.values()).0[0];
        let score = simd.reduce_min_f32s(scores);
        let own = S::as_simd_u32s(candidate.integers()).0[0];
        let is_least = simd.equal_f32s(scores, simd.splat_f32s(score));
        // Of lanes with the same score any will do: the other one is within every threshold. Where the least is no number, no
        // lane has it.
        let lane = S::as_simd_f32s(&LANE_NUMBERS).0[0];
        let lane = simd.reduce_min_f32s(simd.select_f32s(is_least, lane, simd.splat_f32s(f32::INFINITY)));
        let nearest = candidate.integers().get(lane as usize).copied().unwrap_or(0);
        let is_nearest = simd.equal_u32s(own, simd.splat_u32s(nearest));
        let others = simd.select_f32s(is_nearest, S::as_simd_f32s(second.values()).0[0], scores);
        Found { least: score, nearest, second: simd.reduce_min_f32s(others) }
    }

    /// The least scores of each lane, after the last of `count` candidates.
    #[inline(always)]
    fn lanes<S: Simd>(&mut self, simd: S, row: usize, count: usize) -> Folded {
        let last = count.saturating_sub(1) / S::F32_LANES;
        if self.before.is_some() {
            self.fold(simd, row, last);
        }
        if let Some(before) = &self.before {
            return before[row];
        }
        let Segment { least, second } = self.segment[row];
        let mut candidate = CacheLine::splat(0.0);
        let scores = S::as_simd_f32s(least.values()).0[0];
        S::as_mut_simd_u32s(candidate.integers()).0[0] = simd.select_u32s(
            simd.less_than_f32s(scores, simd.splat_f32s(NONE)),
            candidates(simd, scores, last),
            simd.splat_u32s(0),
        );
        Folded { least, candidate, second }
    }

    /// The candidates for row `row` that may have a score of `threshold` or less where `found` are the least: the first of a lane, or all
    /// of one whose second is within the threshold too. `None` if there are many such lanes.
    #[inline(always)]
    pub fn within<S: Simd>(
        &mut self,
        simd: S,
        row: usize,
        count: usize,
        found: &Found,
        threshold: f32,
    ) -> Option<Candidates> {
        let threshold = found.raised(threshold);
        let mut lanes = self.lanes(simd, row, count);
        // There is padding beyond all thresholds that are known.
        if !is_beyond(NONE, threshold) {
            return None;
        }
        let mut within = Candidates {
            firsts: [0; 16],
            count: 0,
            whole: 0,
            lanes: S::F32_LANES as u32,
            padded: count as u32,
        };
        for lane in 0..S::F32_LANES {
            if !is_beyond(lanes.second.values()[lane], threshold) {
                within.whole |= 1 << lane;
            } else if lanes.least.values()[lane] <= threshold {
                within.firsts[within.count] = lanes.candidate.integers()[lane];
                within.count += 1;
            }
        }
        (within.whole.count_ones() as usize <= S::F32_LANES / WHOLE).then_some(within)
    }
}

/// The candidates that scores of the segment of vector `last` are of.
#[inline(always)]
fn candidates<S: Simd>(simd: S, scores: S::f32s, last: usize) -> S::u32s {
    let number = simd.and_u32s(bytemuck::cast(scores), simd.splat_u32s(NUMBER));
    let vector = simd.add_u32s(number, simd.splat_u32s((last / SEGMENT * SEGMENT) as u32));
    let first = simd.mul_u32s(vector, simd.splat_u32s(S::F32_LANES as u32));
    simd.add_u32s(first, S::as_simd_u32s(&LANES).0[0])
}

/// The least score of a row.
pub(super) struct Found {
    /// The least score but for its lowest bits.
    pub least: f32,
    /// A candidate that has it.
    pub nearest: u32,
    /// The least score of all others.
    second: f32,
}

impl Found {
    /// Whether no candidate but the nearest has a score of `threshold` or less, a bound for scores with all their bits.
    #[inline(always)]
    pub fn is_alone_within(&self, threshold: f32) -> bool {
        self.second > self.raised(threshold)
    }

    /// A threshold for scores without their lowest bits: two of them are off, the least score's and the other one's.
    #[inline(always)]
    fn raised(&self, threshold: f32) -> f32 {
        threshold + 2.5 * SHARE * threshold.abs().max(self.least.abs()) + f32::MIN_POSITIVE
    }
}

/// Candidates that a threshold leaves.
pub(super) struct Candidates {
    /// The firsts of lanes, and how many there are.
    firsts: [u32; 16],
    count: usize,
    /// A bit for each lane of which all are candidates.
    whole: u32,
    /// How many lanes there are, and candidates in them, padding included.
    lanes: u32,
    padded: u32,
}

impl Candidates {
    /// Their numbers, in no order, with those of padding.
    #[inline(always)]
    pub fn numbers(&self) -> impl Iterator<Item = u32> + Clone {
        let whole = (0..self.lanes).filter(|lane| self.whole >> lane & 1 == 1);
        let of_whole = whole.flat_map(|lane| (lane..self.padded).step_by(self.lanes as usize));
        self.firsts[..self.count].iter().copied().chain(of_whole)
    }
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;
    use crate::cpu::oracle::{archs, uniform};

    /// The least of scores, and those within a threshold.
    struct Run<'a>(&'a [f32], f32);

    impl WithSimd for Run<'_> {
        type Output = (Found, Option<Vec<u32>>, usize);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let Self(scores, threshold) = self;
            let mut least = TwoLeast::new();
            least.begin(scores.len(), S::F32_LANES);
            for (number, scores) in scores.chunks_exact(2 * S::F32_LANES).enumerate() {
                let scores = S::as_simd_f32s(scores).0;
                least.consider(simd, 1, number * 2 * S::F32_LANES, &[[scores[0], scores[1]]]);
            }
            let found = least.found(simd, 1, scores.len());
            let within = least.within(simd, 1, scores.len(), &found, threshold);
            (found, within.map(|within| within.numbers().collect()), S::F32_LANES)
        }
    }

    #[test]
    fn the_least_is_found_and_whether_another_one_is_near() {
        // Less than a segment, and several of them.
        for (seed, len) in [(1, 32), (2, 4096), (3, 10_016)] {
            let mut scores = uniform(seed, len);
            let least = (0..len).min_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
            scores[least] = -2.0;
            for other in [0, 7, len / 2, len - 1].into_iter().filter(|&other| other != least) {
                let mut scores = scores.clone();
                scores[other] = -1.5;
                for arch in archs() {
                    let (found, within, lanes) = arch.dispatch(Run(&scores, -1.4));
                    assert_eq!(found.nearest, least as u32, "{arch:?}");
                    assert!((found.least + 2.0).abs() <= 2.0 * SHARE);
                    assert!(found.is_alone_within(-1.6) && !found.is_alone_within(-1.4));
                    let mut want = vec![least as u32, other as u32];
                    want.sort();
                    if least.abs_diff(other).is_multiple_of(lanes) {
                        want = (least % lanes..len).step_by(lanes).map(|number| number as u32).collect();
                        // Few lanes are as good as all.
                        if lanes < WHOLE {
                            assert!(within.is_none());
                            continue;
                        }
                    }
                    let mut within = within.unwrap();
                    within.sort();
                    assert_eq!(within, want, "{arch:?}");
                }
            }
        }
    }

    #[test]
    fn many_lanes_with_several_near_ones_are_not_listed() {
        for arch in archs() {
            let mut scores = vec![1.0; 128];
            let within = |scores: &[f32]| arch.dispatch(Run(scores, 0.5));
            let lanes = within(&scores).2;
            for (near, lane) in [0, 1, 2, 3, 4].into_iter().enumerate() {
                scores[lane] = 0.0;
                scores[3 * lanes + lane] = 0.25;
                let (_, found, _) = within(&scores);
                assert_eq!(
                    found.map(|found| found.len()),
                    (near < lanes / WHOLE).then_some((near + 1) * 128 / lanes)
                );
            }
        }
    }

    #[test]
    fn what_is_no_number_is_unknown() {
        for value in [f32::NAN, f32::INFINITY, f32::MAX] {
            for arch in archs() {
                let (found, within, _) = arch.dispatch(Run(&[value; 64], f32::INFINITY));
                assert!(!found.is_alone_within(f32::INFINITY) && within.is_none());
            }
        }
    }
}
