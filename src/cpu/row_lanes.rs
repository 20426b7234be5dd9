//! The nearest of few codewords of few dimensions: each lane has a row of its own.
//!
//! Tiles have a codeword in each lane, and at the end bring together what the lanes have found for a row. Where codewords are few that
//! takes longer than all the sums; here there is nothing to bring together. Distances are computed by their definition and in the
//! order of [`distance`], so the least is the one that is reported. Where another one is within the rounding of the least
//! ([`DistanceBound`]), the codewords that may be the nearest are compared without rounding.

use pulp::{Simd, WithSimd};

use super::distance::distance;
use super::prepare_codebook::PackedCodebook;
use super::tile::{CacheLine, Rows};
use crate::certified::bounds::{DistanceBound, is_beyond};
use crate::certified::exact;
use crate::metrics::Metric;

/// Dimensions of a codeword, at most: the order of [`distance`] is another one beyond.
const MOST_DIMENSIONS: usize = 16;

/// Numbers of a codebook, at most: with more of them tiles are the faster way.
const MOST_NUMBERS: usize = 1 << 11;

/// The codewords of a small codebook.
pub(super) struct RowLanes {
    /// Dimensions, filled up with zeros to one of [those](Compare) that code is compiled for.
    d: usize,
    /// (distinct codewords, d): copies of earlier ones are nearest to nothing.
    codewords: Vec<f32>,
    /// The number of each in the codebook.
    numbers: Vec<u32>,
    bound: DistanceBound,
}

impl RowLanes {
    /// Of `codewords` (k, d), of which `is_copy` tells the copies; `None` where tiles are faster, or the metric is not the squared L2.
    pub fn new(metric: Metric, codewords: &[f32], d: usize, is_copy: impl Fn(usize) -> bool) -> Option<Self> {
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
        let numbers: Vec<u32> = (0..k).filter(|&j| !is_copy(j)).map(|j| j as u32).collect();
        let mut filled = vec![0.0; numbers.len() * compiled];
        for (filled, &j) in filled.chunks_exact_mut(compiled).zip(&numbers) {
            filled[..d].copy_from_slice(&codewords[j as usize * d..][..d]);
        }
        Some(Self { d: compiled, codewords: filled, numbers, bound: DistanceBound::new(d, metric.power()) })
    }

    /// Tells `found` of each of the `rows` its number, its nearest codeword and the distance; returns for how many rows the distances
    /// did not decide. `codebook` is the one that this is of.
    pub fn assign(
        &self,
        codebook: &PackedCodebook,
        rows: Rows<'_>,
        found: impl FnMut(usize, u32, f32),
    ) -> usize {
        codebook.arch().dispatch(Assign { lanes: self, codebook, rows, found })
    }
}

struct Assign<'a, F> {
    lanes: &'a RowLanes,
    codebook: &'a PackedCodebook,
    rows: Rows<'a>,
    found: F,
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
        let (codewords, _) = self.lanes.codewords.as_chunks::<D>();
        let mut again = 0;
        for first in (0..self.rows.len()).step_by(S::F32_LANES) {
            let count = (self.rows.len() - first).min(S::F32_LANES);
            let x = columns::<S, D>(self.rows, first, count);
            let mut least = simd.splat_f32s(f32::INFINITY);
            let (mut second, mut nearest) = (least, simd.splat_u32s(0));
            for (j, codeword) in codewords.iter().enumerate() {
                let apart = squared_l2(simd, &x, codeword);
                let is_nearer = simd.less_than_f32s(apart, least);
                second = simd.min_f32s(second, simd.max_f32s(apart, least));
                nearest = simd.select_u32s(is_nearer, simd.splat_u32s(j as u32), nearest);
                least = simd.min_f32s(apart, least);
            }
            let (mut least, mut second) = (CacheLine::of(simd, least), CacheLine::of(simd, second));
            let mut nearest = CacheLine::of(simd, bytemuck::cast(nearest));
            let (least, second, nearest) = (least.floats(), second.floats(), nearest.integers());
            let bound = self.lanes.bound;
            let is_open = |lane: usize| !is_beyond(second[lane], bound.threshold(least[lane]));
            let open = (0..count).fold(0_u32, |open, lane| open | u32::from(is_open(lane)) << lane);
            for lane in 0..count {
                if open >> lane & 1 == 0 {
                    (self.found)(first + lane, self.lanes.numbers[nearest[lane] as usize], least[lane]);
                }
            }
            if open != 0 {
                again += open.count_ones() as usize;
                self.decide(simd, &x, first, open, least);
            }
        }
        again
    }

    /// Compares without rounding the codewords that may be nearest to the rows of the lanes `open`, from row `first` on, whose least
    /// distances are these.
    #[inline(always)]
    fn decide<S: Simd, const D: usize>(
        &mut self,
        simd: S,
        x: &[S::f32s; D],
        first: usize,
        open: u32,
        least: &[f32; 16],
    ) {
        let lanes: Vec<usize> = (0..S::F32_LANES).filter(|lane| open >> lane & 1 == 1).collect();
        let mut candidates = vec![Vec::new(); lanes.len()];
        let codewords = self.lanes.codewords.as_chunks::<D>().0;
        for (codeword, &number) in codewords.iter().zip(&self.lanes.numbers) {
            let mut apart = CacheLine::of(simd, squared_l2(simd, x, codeword));
            for (&lane, candidates) in lanes.iter().zip(&mut candidates) {
                if apart.floats()[lane] <= self.lanes.bound.threshold(least[lane]) {
                    candidates.push(number);
                }
            }
        }
        let metric = self.codebook.metric();
        for (lane, candidates) in lanes.into_iter().zip(candidates) {
            let row = self.rows.row(first + lane);
            let nearest = exact::nearest(metric, row, &candidates, |j| self.codebook.codeword(j));
            let apart = distance(simd, metric, row, self.codebook.codeword(nearest));
            (self.found)(first + lane, nearest, apart);
        }
    }
}

/// The dimensions of `count` rows from row `first` on, a row to a lane, with zeros where there is none.
#[inline(always)]
fn columns<S: Simd, const D: usize>(rows: Rows<'_>, first: usize, count: usize) -> [S::f32s; D] {
    let mut columns = [CacheLine::splat(0.0); D];
    for lane in 0..count {
        let row = rows.row(first + lane);
        for (column, &value) in columns.iter_mut().zip(row) {
            column.floats()[lane] = value;
        }
    }
    columns.each_ref().map(|column| S::as_simd_f32s(column.values()).0[0])
}

/// ‖x − c‖² of each lane, by the tree of [`distance`]: what is not there would add zeros.
#[inline(always)]
fn squared_l2<S: Simd, const D: usize>(simd: S, x: &[S::f32s; D], codeword: &[f32; D]) -> S::f32s {
    let mut sums = [simd.splat_f32s(0.0); D];
    for i in 0..D {
        let difference = simd.sub_f32s(x[i], simd.splat_f32s(codeword[i]));
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
            for (n, k) in [(1, 1), (15, 2), (17, 16), (100, 33), (40, MOST_NUMBERS / d)] {
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
        let of = |metric, k: usize, d: usize| RowLanes::new(metric, &vec![0.0; k * d], d, |j| j > 0);
        assert!(of(Metric::SquaredL2, 256, 8).is_some());
        assert!(of(Metric::SquaredL2, 256, 9).is_none());
        assert!(of(Metric::SquaredL2, 2, MOST_DIMENSIONS + 1).is_none());
        assert!(of(Metric::L1, 2, 2).is_none());
    }
}
