//! The nearest of few codewords of few dimensions: each lane has a row of its own.
//!
//! Tiles have a codeword in each lane, and at the end bring together what the lanes have found for a row. Where dimensions are few that
//! takes longer than all the sums; here there is nothing to bring together. The scores are those of tiles, and what they tell is the
//! same ([`LowestScores::threshold`](super::lowest_scores::LowestScores::threshold)).
//!
//! Where scores leave a few codewords to a row, those are compared ([`compare`]). Rows to which they leave many, and all rows where
//! codewords are few, are compared by differences in the order of [`distance`](super::distance::distance), so the least is the
//! distance that is reported. Where another one is within the rounding of the least ([`DistanceBound`]), the codewords that may be
//! the nearest are compared without rounding.

use pulp::{Simd, WithSimd};

use super::assign::compare;
use super::compare::lanes;
use super::distance::distance;
use super::prepare_codebook::PackedCodebook;
use super::tile::{CacheLine, Rows};
use super::two_least::FAR;
use crate::certified::bounds::{DistanceBound, is_beyond};
use crate::certified::exact;
use crate::metrics::Metric;

/// Dimensions of a codeword, at most: the order of [`distance`] is another one beyond.
const MOST_DIMENSIONS: usize = 16;

/// Numbers of a codebook, at most: with more of them tiles are the faster way.
const MOST_NUMBERS: usize = 1 << 13;

/// Numbers of a codebook, at most, for which scores would save less time than it takes to ask what they tell.
const FEW_NUMBERS: usize = 640;

/// Codewords that scores may leave to a row on average, so that these are compared one by one.
const A_FEW: usize = 6;

/// Codewords whose sums grow side by side: each waits for its last addition.
const TOGETHER: usize = 4;

/// The codewords of a small codebook.
pub(super) struct RowLanes {
    /// Dimensions, filled up with zeros to one of [those](Assign) that code is compiled for.
    d: usize,
    /// (distinct codewords, d): copies of earlier ones are nearest to nothing.
    codewords: Vec<f32>,
    /// The number of each in the codebook.
    numbers: Vec<u32>,
    bound: DistanceBound,
    scores: Option<Scores>,
}

/// What the scores of the codewords are from: those of [`PackedCodebook`].
struct Scores {
    /// The mean of the codebook, (1, d).
    mean: Vec<f32>,
    /// The codewords about it, filled up to a multiple of [`TOGETHER`].
    centred: Vec<f32>,
    /// Where the sum with each begins: far above for those that fill up.
    starts: Vec<f32>,
}

impl RowLanes {
    /// Of `codewords` (k, d) about their `mean`, whose scores begin at the `starts`; `None` where tiles are faster, or the metric is not
    /// the squared L2.
    pub fn new(metric: Metric, codewords: &[f32], d: usize, mean: &[f32], starts: &[f32]) -> Option<Self> {
        let k = codewords.len() / d;
        if metric != Metric::SquaredL2 || d > MOST_DIMENSIONS || k * d > MOST_NUMBERS {
            return None;
        }
        let compiled = match d {
            5..=6 => 6,
            7..=8 => 8,
            9..=12 => 12,
            13.. => 16,
            _ => d,
        };
        let numbers: Vec<u32> = (0..k as u32).filter(|&j| starts[j as usize] != FAR).collect();
        let filled = |value: &dyn Fn(usize, usize) -> f32| {
            let mut filled = vec![0.0; numbers.len() * compiled];
            for (filled, &j) in filled.chunks_exact_mut(compiled).zip(&numbers) {
                (0..d).for_each(|i| filled[i] = value(j as usize, i));
            }
            filled
        };
        let scores = (k * d > FEW_NUMBERS).then(|| {
            let count = numbers.len().next_multiple_of(TOGETHER);
            let mut centred = filled(&|j, i| codewords[j * d + i] - mean[i]);
            centred.resize(count * compiled, 0.0);
            let mut starts: Vec<f32> = numbers.iter().map(|&j| starts[j as usize]).collect();
            starts.resize(count, FAR);
            let filling = std::iter::repeat_n(0.0, compiled - d);
            Scores { mean: mean.iter().copied().chain(filling).collect(), centred, starts }
        });
        let codewords = filled(&|j, i| codewords[j * d + i]);
        Some(Self { d: compiled, codewords, numbers, bound: DistanceBound::new(d, metric.power()), scores })
    }

    /// Tells `found` of each of the `rows` its number, its nearest codeword and the distance; returns for how many rows the first look
    /// did not decide. `codebook` is the one that this is of.
    pub fn assign(
        &self,
        codebook: &PackedCodebook,
        rows: Rows<'_>,
        found: impl FnMut(usize, u32, f32),
    ) -> usize {
        codebook.arch().dispatch(Assign {
            lanes: self,
            codebook,
            rows,
            found,
            candidates: Default::default(),
        })
    }
}

struct Assign<'a, F> {
    lanes: &'a RowLanes,
    codebook: &'a PackedCodebook,
    rows: Rows<'a>,
    found: F,
    /// Of each lane the codewords that may be the nearest.
    candidates: [Vec<u32>; 16],
}

impl<F: FnMut(usize, u32, f32)> WithSimd for Assign<'_, F> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        match self.lanes.d {
            1 => self.run::<S, 1>(simd),
            2 => self.run::<S, 2>(simd),
            3 => self.run::<S, 3>(simd),
            4 => self.run::<S, 4>(simd),
            6 => self.run::<S, 6>(simd),
            8 => self.run::<S, 8>(simd),
            12 => self.run::<S, 12>(simd),
            _ => self.run::<S, 16>(simd),
        }
    }
}

impl<F: FnMut(usize, u32, f32)> Assign<'_, F> {
    #[inline(always)]
    fn run<S: Simd, const D: usize>(mut self, simd: S) -> usize {
        let mut again = 0;
        for first in (0..self.rows.len()).step_by(S::F32_LANES) {
            let count = (self.rows.len() - first).min(S::F32_LANES);
            let block = Block { first, x: columns::<S, D>(count, |lane| self.rows.row(first + lane)) };
            let all = u32::MAX >> (32 - count);
            again += match &self.lanes.scores {
                None => self.by_differences(simd, &block, all),
                Some(scores) => {
                    let (open, thresholds) = self.by_scores(simd, scores, &block, count);
                    if open != 0 && !self.by_a_few(simd, scores, &block, open, &thresholds) {
                        self.by_differences(simd, &block, open);
                    }
                    open.count_ones() as usize
                }
            };
        }
        again
    }

    /// Tells the nearest of each of the `count` rows of a block, but for the lanes that are returned, whose scores do not; and of those
    /// lanes what the score of the nearest can be, at most. Of the others that is −∞.
    #[inline(always)]
    fn by_scores<S: Simd, const D: usize>(
        &mut self,
        simd: S,
        scores: &Scores,
        block: &Block<S, D>,
        count: usize,
    ) -> (u32, CacheLine) {
        let negated = scores.negated(simd, block);
        let mut least = Least::new(simd);
        for at in 0..scores.starts.len() / TOGETHER {
            for (j, sum) in scores.sums(simd, at, &negated).into_iter().enumerate() {
                least.consider(simd, at * TOGETHER + j, sum);
            }
        }
        let found = least.found(simd);
        let codewords = self.lanes.codewords.as_chunks::<D>().0;
        // Where no score is a number the least may be of none.
        let nearest = |lane| found.nearest(lane).min(codewords.len() - 1);
        let columns = columns::<S, D>(S::F32_LANES, |lane| &codewords[nearest(lane)]);
        let apart = CacheLine::of(simd, squared_l2(simd, &block.x, |i| columns[i]));
        let lowest = self.codebook.lowest();
        let mut open = 0;
        let mut thresholds = CacheLine::splat(f32::NEG_INFINITY);
        for lane in 0..count {
            let (number, apart) = (self.lanes.numbers[nearest(lane)], apart.values()[lane]);
            let row = self.rows.row(block.first + lane);
            let threshold = lowest.threshold(row, found.least.values()[lane], number, apart);
            if is_beyond(found.second.values()[lane], threshold) {
                (self.found)(block.first + lane, number, apart);
            } else {
                open |= 1 << lane;
                thresholds.floats()[lane] = threshold;
            }
        }
        (open, thresholds)
    }

    /// Tells the nearest of each row of the lanes `open` of a block by those codewords whose scores are not above the row's threshold, if
    /// these are few; whether they are.
    #[inline(always)]
    fn by_a_few<S: Simd, const D: usize>(
        &mut self,
        simd: S,
        scores: &Scores,
        block: &Block<S, D>,
        open: u32,
        thresholds: &CacheLine,
    ) -> bool {
        // Beyond the range of scores they may be of nothing.
        if thresholds.values().iter().any(|&threshold| !is_beyond(FAR, threshold)) {
            return false;
        }
        let negated = scores.negated(simd, block);
        let within = S::as_simd_f32s(thresholds.values()).0[0];
        self.candidates.iter_mut().for_each(Vec::clear);
        let mut room = A_FEW * open.count_ones() as usize;
        for at in 0..scores.starts.len() / TOGETHER {
            for (j, sum) in scores.sums(simd, at, &negated).into_iter().enumerate() {
                let mut near = lanes(simd, simd.less_than_or_equal_f32s(sum, within));
                let Some(left) = room.checked_sub(near.count_ones() as usize) else { return false };
                room = left;
                while near != 0 {
                    let number = self.lanes.numbers[at * TOGETHER + j];
                    self.candidates[near.trailing_zeros() as usize].push(number);
                    near &= near - 1;
                }
            }
        }
        for lane in (0..S::F32_LANES).filter(|lane| open >> lane & 1 == 1) {
            let (at, candidates) = (block.first + lane, self.candidates[lane].iter().copied());
            let (number, apart) = compare(simd, self.codebook, self.rows.row(at), candidates);
            (self.found)(at, number, apart);
        }
        true
    }

    /// Tells the nearest of each row of the `lanes` of a block, and returns for how many distances did not decide.
    #[inline(always)]
    fn by_differences<S: Simd, const D: usize>(&mut self, simd: S, block: &Block<S, D>, lanes: u32) -> usize {
        let mut least = Least::new(simd);
        let codewords = self.lanes.codewords.as_chunks::<D>().0;
        for (j, codeword) in codewords.iter().enumerate() {
            least.consider(simd, j, squared_l2(simd, &block.x, |i| simd.splat_f32s(codeword[i])));
        }
        let found = least.found(simd);
        let (least, second, bound) = (found.least.values(), found.second.values(), self.lanes.bound);
        let mut open = 0;
        for lane in (0..S::F32_LANES).filter(|lane| lanes >> lane & 1 == 1) {
            if is_beyond(second[lane], bound.threshold(least[lane])) {
                let number = self.lanes.numbers[found.nearest(lane)];
                (self.found)(block.first + lane, number, least[lane]);
            } else {
                open |= 1 << lane;
            }
        }
        if open != 0 {
            self.exactly(simd, block, open, least);
        }
        open.count_ones() as usize
    }

    /// Compares without rounding the codewords that may be nearest to the rows of the lanes `open` of a block, whose least distances
    /// these are.
    #[inline(always)]
    fn exactly<S: Simd, const D: usize>(
        &mut self,
        simd: S,
        block: &Block<S, D>,
        open: u32,
        least: &[f32; 16],
    ) {
        let mut thresholds = CacheLine::splat(f32::NEG_INFINITY);
        let is_open = |lane: &usize| open >> lane & 1 == 1;
        for lane in (0..S::F32_LANES).filter(is_open) {
            thresholds.floats()[lane] = self.lanes.bound.threshold(least[lane]);
        }
        let thresholds = S::as_simd_f32s(thresholds.values()).0[0];
        self.candidates.iter_mut().for_each(Vec::clear);
        let codewords = self.lanes.codewords.as_chunks::<D>().0;
        for (codeword, &number) in codewords.iter().zip(&self.lanes.numbers) {
            let apart = squared_l2(simd, &block.x, |i| simd.splat_f32s(codeword[i]));
            let mut near = lanes(simd, simd.less_than_or_equal_f32s(apart, thresholds));
            while near != 0 {
                self.candidates[near.trailing_zeros() as usize].push(number);
                near &= near - 1;
            }
        }
        let metric = self.codebook.metric();
        for lane in (0..S::F32_LANES).filter(is_open) {
            let row = self.rows.row(block.first + lane);
            let nearest = exact::nearest(metric, row, &self.candidates[lane], |j| self.codebook.codeword(j));
            let apart = distance(simd, metric, row, self.codebook.codeword(nearest));
            (self.found)(block.first + lane, nearest, apart);
        }
    }
}

impl Scores {
    /// The rows of a block about the mean, negated.
    #[inline(always)]
    fn negated<S: Simd, const D: usize>(&self, simd: S, block: &Block<S, D>) -> [S::f32s; D] {
        let mut negated = block.x;
        for (x, &mean) in negated.iter_mut().zip(&self.mean) {
            *x = simd.sub_f32s(simd.splat_f32s(mean), *x);
        }
        negated
    }

    /// The scores of the rows of a block for codewords `at * TOGETHER` and those behind it.
    #[inline(always)]
    fn sums<S: Simd, const D: usize>(
        &self,
        simd: S,
        at: usize,
        negated: &[S::f32s; D],
    ) -> [S::f32s; TOGETHER] {
        let codewords = &self.centred.as_chunks::<D>().0.as_chunks::<TOGETHER>().0[at];
        let mut sums = [simd.splat_f32s(0.0); TOGETHER];
        for (sum, &start) in sums.iter_mut().zip(&self.starts.as_chunks::<TOGETHER>().0[at]) {
            *sum = simd.splat_f32s(start);
        }
        for i in 0..D {
            for j in 0..TOGETHER {
                sums[j] = simd.mul_add_e_f32s(negated[i], simd.splat_f32s(codewords[j][i]), sums[j]);
            }
        }
        sums
    }
}

/// Rows, one to a lane, from row `first` of a group on.
struct Block<S: Simd, const D: usize> {
    first: usize,
    x: [S::f32s; D],
}

/// The two least values of each lane, and which the least is.
struct Least<S: Simd> {
    least: S::f32s,
    second: S::f32s,
    nearest: S::u32s,
}

impl<S: Simd> Least<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        let none = simd.splat_f32s(f32::INFINITY);
        Self { least: none, second: none, nearest: simd.splat_u32s(0) }
    }

    /// Considers `value`, number `j`.
    #[inline(always)]
    fn consider(&mut self, simd: S, j: usize, value: S::f32s) {
        let is_less = simd.less_than_f32s(value, self.least);
        self.second = simd.min_f32s(self.second, simd.max_f32s(value, self.least));
        self.nearest = simd.select_u32s(is_less, simd.splat_u32s(j as u32), self.nearest);
        self.least = simd.min_f32s(value, self.least);
    }

    #[inline(always)]
    fn found(self, simd: S) -> Found {
        let [least, second] = [self.least, self.second].map(|values| CacheLine::of(simd, values));
        Found { least, second, nearest: CacheLine::of(simd, bytemuck::cast(self.nearest)) }
    }
}

/// The same, lane by lane.
struct Found {
    least: CacheLine,
    second: CacheLine,
    nearest: CacheLine,
}

impl Found {
    #[inline(always)]
    fn nearest(&self, lane: usize) -> usize {
        self.nearest.values()[lane].to_bits() as usize
    }
}

/// The dimensions of `count` vectors, one to a lane, with zeros where there is none.
#[inline(always)]
fn columns<'a, S: Simd, const D: usize>(count: usize, vector: impl Fn(usize) -> &'a [f32]) -> [S::f32s; D] {
    let mut columns = [CacheLine::splat(0.0); D];
    for lane in 0..count {
        for (column, &value) in columns.iter_mut().zip(vector(lane)) {
            column.floats()[lane] = value;
        }
    }
    columns.each_ref().map(|column| S::as_simd_f32s(column.values()).0[0])
}

/// ‖x − c‖² of each lane, by the tree of [`distance`]: what is not there would add zeros. `c` gives a dimension.
#[inline(always)]
fn squared_l2<S: Simd, const D: usize>(simd: S, x: &[S::f32s; D], c: impl Fn(usize) -> S::f32s) -> S::f32s {
    let mut sums = [simd.splat_f32s(0.0); D];
    for i in 0..D {
        let difference = simd.sub_f32s(x[i], c(i));
        sums[i] = simd.mul_f32s(difference, difference);
    }
    let mut half = MOST_DIMENSIONS / 2;
    while half > 0 {
        for i in 0..D.saturating_sub(half).min(half) {
            sums[i] = simd.add_f32s(sums[i], sums[i + half]);
        }
        half /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::assign::assign;
    use crate::cpu::oracle::{archs, bits, uniform};

    #[test]
    fn codes_and_distances_are_those_of_tiles_to_the_bit() {
        for d in 1..=MOST_DIMENSIONS {
            let few = FEW_NUMBERS / d;
            for (n, k) in
                [(1, 1), (15, 2), (17, 16), (40, few), (40, few + 1), (100, 300), (5, MOST_NUMBERS / d)]
            {
                let (x, mut c) = (uniform(d as u64, n * d), uniform(100 + k as u64, k * d));
                // A copy, which is never the nearest, and a row midway between two codewords.
                c.copy_within(..d, (k - 1) * d);
                let midway: Vec<f32> = (0..d).map(|i| 0.5 * (c[i] + c[k / 2 * d + i])).collect();
                let x = [x, midway].concat();
                for arch in archs() {
                    let codebook = |by_tiles| {
                        let packed =
                            PackedCodebook::for_arch(arch, Metric::SquaredL2, &c, d).unwrap().for_assign();
                        if by_tiles { packed.by_tiles() } else { packed }
                    };
                    assert!(codebook(false).lowest().row_lanes().is_some(), "{d} dimensions, {k} codewords");
                    let run = |by_tiles| {
                        let (mut codes, mut distances) = (vec![u32::MAX; n + 1], vec![f32::NAN; n + 1]);
                        assign(&x, &codebook(by_tiles), &mut codes, &mut distances).unwrap();
                        (codes, bits(&distances))
                    };
                    assert_eq!(run(false), run(true), "{arch:?} n {n} d {d} k {k}");
                }
            }
        }
    }

    #[test]
    fn what_is_large_or_compared_otherwise_is_left_to_tiles() {
        let of = |metric, k: usize, d: usize| {
            RowLanes::new(metric, &vec![0.0; k * d], d, &vec![0.0; d], &vec![0.0; k])
        };
        assert!(of(Metric::SquaredL2, MOST_NUMBERS / 8, 8).is_some());
        assert!(of(Metric::SquaredL2, MOST_NUMBERS / 8 + 1, 8).is_none());
        assert!(of(Metric::SquaredL2, 2, MOST_DIMENSIONS + 1).is_none());
        assert!(of(Metric::L1, 2, 2).is_none());
    }
}
