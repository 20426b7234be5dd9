//! The nearest codeword of each row of a group, from one that is near: by scores of outlines, and by distances where those do
//! not rule a codeword out.

use pulp::{Simd, WithSimd};

use super::distance::distance;
use super::half_panels::HalfPanels;
use super::half_unit::{BLOCK, HalfLine, Sums};
use super::outlines::{Axes, CodewordOutlines, OutlineGroup};
use super::prefetch::prefetch;
use super::prepare_codebook::PackedCodebook;
use super::tile::{CacheLine, Epilogue, GROUP, Negated, Product, Rows};
use crate::certified::bounds::{DistanceBound, LARGEST_SQUARE, OutlineBound, is_beyond};
use crate::certified::exact;
use crate::metrics::Metric;

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

/// Searches groups of rows; one for many groups saves allocations.
pub(super) struct Nearer {
    rows: Box<Known>,
    sums: Box<Sums>,
    lines: Vec<CacheLine>,
}

/// The nearest codeword so far of each row of a group.
struct Known {
    bound: OutlineBound,
    distances: DistanceBound,
    /// Up to this score a codeword is compared.
    limits: [f32; GROUP],
    squares: [f32; GROUP],
    parts: [f32; GROUP],
    /// The codeword, its distance, and the least distance of another one that was compared.
    nearest: [u32; GROUP],
    least: [f32; GROUP],
    second: [f32; GROUP],
    /// All that were compared beside those that the search began with.
    compared: Vec<Compared>,
    /// Those that are to be compared next, while they come from memory, in a ring; and how many there were so far.
    waiting: [Waiting; WAITING],
    count: usize,
}

/// Codewords that wait at a time.
const WAITING: usize = 8;

/// A codeword that is to be compared with a row of a group if its score is still within the limit.
#[derive(Clone, Copy, Default)]
struct Waiting {
    row: usize,
    codeword: u32,
    score: f32,
}

/// A codeword that was compared with a row of a group.
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

impl Nearer {
    /// For outlines on `axes` of vectors of `d` dimensions.
    pub fn new(axes: &Axes, d: usize) -> Self {
        let known = Known {
            bound: axes.bound,
            distances: DistanceBound::new(d, 2),
            limits: [f32::NEG_INFINITY; GROUP],
            squares: [0.0; GROUP],
            parts: [0.0; GROUP],
            nearest: [0; GROUP],
            least: [0.0; GROUP],
            second: [0.0; GROUP],
            compared: Vec::new(),
            waiting: [Waiting::default(); WAITING],
            count: 0,
        };
        Self { rows: Box::new(known), sums: Sums::zeros(), lines: Vec::new() }
    }

    /// Finds the nearest codewords of a group of `rows` that have these `outlines`, from those in `codes` on, and their
    /// distances. Rows that are left get the code `left`.
    pub fn search(
        &mut self,
        codebook: &PackedCodebook,
        codewords: &CodewordOutlines,
        (rows, outlines): (Rows<'_>, OutlineGroup<'_>),
        (codes, distances): (&mut [u32], &mut [f32]),
        left: u32,
    ) -> Searched {
        let Self { rows: known, sums, lines } = self;
        let n = rows.len();
        known.nearest[..n].copy_from_slice(codes);
        known.squares[..n].copy_from_slice(outlines.squares);
        known.parts[..n].copy_from_slice(outlines.parts);
        known.limits.fill(f32::NEG_INFINITY);
        known.compared.clear();
        known.count = 0;
        let mut compare = Compare { codebook, rows, known };
        codebook.arch().dispatch(Begin(&mut compare));
        match codewords {
            CodewordOutlines::Floats(panels) => {
                let outlines = Rows::whole(outlines.floats, panels.d());
                panels.run(panels.starts(), Product, outlines, Negated, lines, &mut compare);
            }
            CodewordOutlines::Half(panels) => {
                let rows = &outlines.halves[..n.next_multiple_of(BLOCK) * panels.lines()];
                codebook.arch().dispatch(HalfScores { panels, rows, sums, compare: &mut compare });
            }
        }
        known.settle(codebook, rows, codes, distances, left)
    }
}

impl Known {
    /// Writes what was found, without rounding where several are as near as distances tell.
    fn settle(
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

/// Compares codewords whose scores are within a row's limit.
struct Compare<'a> {
    codebook: &'a PackedCodebook,
    rows: Rows<'a>,
    known: &'a mut Known,
}

impl Compare<'_> {
    /// What the score of a codeword that is as near to row `r` as the nearest so far can be.
    #[inline(always)]
    fn limit(&self, r: usize) -> f32 {
        let Known { bound, distances, least, squares, parts, .. } = &*self.known;
        bound.limit(distances.threshold(least[r]), squares[r], parts[r])
    }

    /// Has a codeword wait in place of the one that waits longest, which is compared.
    #[inline(always)]
    fn push<S: Simd>(&mut self, simd: S, waiting: Waiting) {
        prefetch(self.codebook.codeword(waiting.codeword));
        let place = self.known.count % WAITING;
        if self.known.count >= WAITING {
            self.compare(simd, self.known.waiting[place]);
        }
        self.known.waiting[place] = waiting;
        self.known.count += 1;
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
            self.known.limits[r] = self.limit(r);
        } else {
            known.second[r] = known.second[r].min(distance);
        }
    }
}

impl Epilogue for Compare<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        codeword: usize,
        sums: &[[S::f32s; V]; R],
    ) {
        for (r, sums) in (row..).zip(sums) {
            let limit = simd.splat_f32s(self.known.limits[r]);
            for (v, &scores) in sums.iter().enumerate() {
                let mut within = lanes(simd, simd.less_than_or_equal_f32s(scores, limit));
                if within == 0 {
                    continue;
                }
                // A copy, so that the scores of others stay in registers.
                let mut line = CacheLine::splat(0.0);
                S::as_mut_simd_f32s(line.floats()).0[0] = scores;
                while within != 0 {
                    let lane = within.trailing_zeros() as usize;
                    within &= within - 1;
                    let codeword = codeword + v * S::F32_LANES + lane;
                    let waiting = Waiting { row: r, codeword: codeword as u32, score: line.values()[lane] };
                    if waiting.codeword != self.known.nearest[r] {
                        self.push(simd, waiting);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S) {
        for number in self.known.count.saturating_sub(WAITING)..self.known.count {
            self.compare(simd, self.known.waiting[number % WAITING]);
        }
    }
}

/// A bit for each lane that is set, the first lane's the lowest.
#[inline(always)]
fn lanes<S: Simd>(simd: S, mask: S::m32s) -> u32 {
    if const { size_of::<S::m32s>() == size_of::<u16>() } {
        return bytemuck::cast::<S::m32s, u16>(mask).into();
    }
    let set = simd.select_f32s(mask, simd.splat_f32s(1.0), simd.splat_f32s(0.0));
    if simd.reduce_max_f32s(set) == 0.0 {
        return 0;
    }
    let mut line = CacheLine::splat(0.0);
    S::as_mut_simd_f32s(line.floats()).0[0] = set;
    let set = line.values()[..S::F32_LANES].iter().enumerate();
    set.fold(0, |bits, (lane, &set)| bits | u32::from(set > 0.0) << lane)
}

/// Starts a group at the distances to the codewords that are the nearest so far.
struct Begin<'a, 'b>(&'a mut Compare<'b>);

impl WithSimd for Begin<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let compare = self.0;
        for (r, row) in compare.rows.iter().enumerate() {
            let nearest = compare.codebook.codeword(compare.known.nearest[r]);
            compare.known.least[r] = distance(simd, Metric::SquaredL2, row, nearest);
            compare.known.second[r] = f32::INFINITY;
            let limit = compare.limit(r);
            if is_beyond(LARGEST_SQUARE, limit.abs().max(compare.known.squares[r])) {
                compare.known.limits[r] = limit;
            }
        }
    }
}

/// Scores the outlines of a group of rows in 16 bits.
struct HalfScores<'a, 'b> {
    panels: &'a HalfPanels,
    rows: &'a [HalfLine],
    sums: &'a mut Sums,
    compare: &'a mut Compare<'b>,
}

impl WithSimd for HalfScores<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.panels.multiply(simd, self.rows, self.sums, self.compare);
    }
}
