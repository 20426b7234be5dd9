//! The nearest so far of the codewords that were compared with each of some rows, by their differences.
//!
//! A search scores codewords by what is cheap, and has those compared whose scores are within a row's limit.

use pulp::{Simd, WithSimd};

use super::distance::distance;
use super::prefetch::prefetch;
use super::prepare_codebook::PackedCodebook;
use super::tile::{CacheLine, GROUP, Rows};
use crate::certified::bounds::{DistanceBound, LARGEST_SQUARE, SquareBound, is_beyond};
use crate::certified::exact;
use crate::metrics::Metric;

/// The nearest codeword so far of each of some rows.
pub(super) struct Known {
    distances: DistanceBound,
    square: SquareBound,
    /// Up to this score a codeword is compared; −∞ for rows whose values are beyond the range of scores, and padding.
    limits: Vec<f32>,
    /// Of each row its squared norm about the centre of the scores, and its part of their bound.
    squares: Vec<f32>,
    parts: Vec<f32>,
    /// The codeword, its distance, and the least distance of another one that was compared.
    nearest: Vec<u32>,
    least: Vec<f32>,
    second: Vec<f32>,
    /// All that were compared beside those that the search began with.
    compared: Vec<Compared>,
    /// Those that are to be compared next, while they come from memory, in a ring; and how many there were so far.
    waiting: [Waiting; WAITING],
    count: usize,
}

/// Codewords that wait at a time.
const WAITING: usize = 8;

/// A codeword that is to be compared with a row if its score is still within the limit.
#[derive(Clone, Copy, Default)]
struct Waiting {
    row: usize,
    codeword: u32,
    score: f32,
}

/// A codeword that was compared with a row.
struct Compared {
    row: u32,
    codeword: u32,
    distance: f32,
}

/// What a search took.
#[derive(Clone, Copy, Default)]
pub(super) struct Searched {
    /// Rows that had more than one codeword compared.
    pub again: usize,
    /// Codewords that were compared.
    pub compared: usize,
    /// Rows whose values are beyond the range of scores, which were not searched.
    pub left: usize,
}

impl Searched {
    /// What both took.
    pub fn and(self, other: Self) -> Self {
        Self {
            again: self.again + other.again,
            compared: self.compared + other.compared,
            left: self.left + other.left,
        }
    }
}

impl Known {
    /// For vectors of `d` dimensions.
    pub fn new(d: usize) -> Self {
        Self {
            distances: DistanceBound::new(d, 2),
            square: SquareBound::new(d),
            limits: Vec::new(),
            squares: Vec::new(),
            parts: Vec::new(),
            nearest: Vec::new(),
            least: Vec::new(),
            second: Vec::new(),
            compared: Vec::new(),
            waiting: [Waiting::default(); WAITING],
            count: 0,
        }
    }

    /// Begins with some rows, of these squared norms and parts, at the codewords that `codes` say. `distance` may know the
    /// distance of a row to its codeword.
    pub fn begin(
        &mut self,
        codebook: &PackedCodebook,
        rows: Rows<'_>,
        codes: &[u32],
        (squares, parts): (&[f32], &[f32]),
        distance: impl Fn(usize) -> Option<f32>,
    ) {
        let copy = |to: &mut Vec<f32>, from: &[f32]| {
            to.clear();
            to.extend_from_slice(from);
        };
        copy(&mut self.squares, squares);
        copy(&mut self.parts, parts);
        self.nearest.clear();
        self.nearest.extend_from_slice(codes);
        self.second.clear();
        self.second.resize(codes.len(), f32::INFINITY);
        self.compared.clear();
        self.count = 0;
        self.least.clear();
        codebook.arch().dispatch(Distances { codebook, rows, codes, distance, out: &mut self.least });
        self.limits.clear();
        for r in 0..codes.len() {
            let limit = self.limit(r);
            let is_within = is_beyond(LARGEST_SQUARE, limit.abs().max(self.squares[r]));
            self.limits.push(if is_within { limit } else { f32::NEG_INFINITY });
        }
        // Tiles are filled up.
        self.limits.resize(codes.len().next_multiple_of(GROUP), f32::NEG_INFINITY);
    }

    /// What the score of a codeword that is as near to row `r` as the nearest so far can be.
    #[inline(always)]
    fn limit(&self, r: usize) -> f32 {
        self.square.limit(self.distances.threshold(self.least[r]), self.squares[r], self.parts[r])
    }

    /// Up to these scores codewords are compared.
    pub fn limits(&self) -> &[f32] {
        &self.limits
    }

    /// The squared norms of the rows.
    pub fn squares(&self) -> &[f32] {
        &self.squares
    }

    /// The rows' parts of the bound.
    pub fn parts(&self) -> &[f32] {
        &self.parts
    }

    /// The distances to the nearest so far.
    pub fn least(&self) -> &[f32] {
        &self.least
    }

    /// Writes what was found, without rounding where several are as near as distances tell. Rows that were not searched get the
    /// code `left`.
    pub fn settle(
        &self,
        codebook: &PackedCodebook,
        rows: Rows<'_>,
        codes: &mut [u32],
        distances: &mut [f32],
        left: u32,
    ) -> Searched {
        let mut searched = Searched { compared: self.compared.len(), ..Searched::default() };
        for (r, (code, distance)) in codes.iter_mut().zip(distances).enumerate() {
            if self.limits[r] == f32::NEG_INFINITY {
                *code = left;
                searched.left += 1;
                continue;
            }
            let first = std::mem::replace(code, self.nearest[r]);
            *distance = self.least[r];
            searched.again += usize::from(self.second[r] < f32::INFINITY);
            let threshold = self.distances.threshold(self.least[r]);
            if self.second[r] > threshold {
                continue;
            }
            let near = |compared: &&Compared| compared.row as usize == r && compared.distance <= threshold;
            let near = self.compared.iter().filter(near).map(|compared| compared.codeword);
            let candidates: Vec<u32> = near.chain([first]).collect();
            *code = exact::nearest(codebook.metric(), rows.row(r), &candidates, |j| codebook.codeword(j));
            *distance = codebook.distance(rows.row(r), *code);
        }
        searched
    }
}

/// The distances of rows to their codewords.
struct Distances<'a, F> {
    codebook: &'a PackedCodebook,
    rows: Rows<'a>,
    codes: &'a [u32],
    distance: F,
    out: &'a mut Vec<f32>,
}

impl<F: Fn(usize) -> Option<f32>> WithSimd for Distances<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (r, (row, &code)) in self.rows.iter().zip(self.codes).enumerate() {
            let codeword = self.codebook.codeword(code);
            let known = (self.distance)(r);
            self.out.push(known.unwrap_or_else(
                #[inline(always)]
                || distance(simd, Metric::SquaredL2, row, codeword),
            ));
        }
    }
}

/// Compares codewords whose scores are within a row's limit.
pub(super) struct Compare<'a> {
    pub codebook: &'a PackedCodebook,
    pub rows: Rows<'a>,
    pub known: &'a mut Known,
}

impl Compare<'_> {
    /// Has the codewords compared with row `r` whose lanes are set in `within`: `codeword` says which one a lane is of, and `scores`
    /// what its score is.
    #[inline(always)]
    pub fn push<S: Simd>(
        &mut self,
        simd: S,
        r: usize,
        mut within: u32,
        scores: &CacheLine,
        codeword: impl Fn(usize) -> u32,
    ) {
        while within != 0 {
            let lane = within.trailing_zeros() as usize;
            within &= within - 1;
            let waiting = Waiting { row: r, codeword: codeword(lane), score: scores.values()[lane] };
            if waiting.codeword != self.known.nearest[r] {
                self.wait(simd, waiting);
            }
        }
    }

    /// Has a codeword wait in place of the one that waits longest, which is compared.
    #[inline(always)]
    fn wait<S: Simd>(&mut self, simd: S, waiting: Waiting) {
        prefetch(self.codebook.codeword(waiting.codeword));
        let place = self.known.count % WAITING;
        if self.known.count >= WAITING {
            self.compare(simd, self.known.waiting[place]);
        }
        self.known.waiting[place] = waiting;
        self.known.count += 1;
    }

    /// Compares those that still wait.
    #[inline(always)]
    pub fn finish<S: Simd>(&mut self, simd: S) {
        for number in self.known.count.saturating_sub(WAITING)..self.known.count {
            self.compare(simd, self.known.waiting[number % WAITING]);
        }
        self.known.count = 0;
    }

    /// Compares a codeword with a row if its score is within the limit.
    #[inline(always)]
    fn compare<S: Simd>(&mut self, simd: S, Waiting { row: r, codeword, score }: Waiting) {
        let known = &mut *self.known;
        if score > known.limits[r] || codeword == known.nearest[r] {
            return;
        }
        let row = self.rows.row(r);
        let distance = distance(simd, Metric::SquaredL2, row, self.codebook.codeword(codeword));
        known.compared.push(Compared { row: r as u32, codeword, distance });
        if distance < known.least[r] {
            known.second[r] = known.least[r];
            (known.least[r], known.nearest[r]) = (distance, codeword);
            known.limits[r] = known.limit(r);
        } else {
            known.second[r] = known.second[r].min(distance);
        }
    }
}

/// A bit for each lane that is set, the first lane's the lowest.
#[inline(always)]
pub(super) fn lanes<S: Simd>(simd: S, mask: S::m32s) -> u32 {
    if const { size_of::<S::m32s>() == size_of::<u16>() } {
        return bytemuck::cast::<S::m32s, u16>(mask).into();
    }
    let set = simd.select_f32s(mask, simd.splat_f32s(1.0), simd.splat_f32s(0.0));
    if simd.reduce_max_f32s(set) == 0.0 {
        return 0;
    }
    let line = CacheLine::of(simd, set);
    let set = line.values()[..S::F32_LANES].iter().enumerate();
    set.fold(0, |bits, (lane, &set)| bits | u32::from(set > 0.0) << lane)
}
