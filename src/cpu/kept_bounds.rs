//! Distances that codewords cannot be within, kept while they move: so that only those are scored that may have become nearer.
//!
//! Codewords are in groups of neighbours, and of every row and group the distance is kept that no codeword of the group but the
//! row's own is below. Where codewords of the group move by δ at most, none can be nearer than that less δ; while it is above the
//! distance to the row's own codeword, the group is passed over (Ding et al. 2015, "Yinyang K-Means"; Elkan 2003). All rows
//! that a group may be near to are scored together, by the tiles of `tile.rs`. Every rounding goes against passing over: see
//! [`lengths`] and [`SquareBound`].

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::codeword_groups::{self, CodewordGroups};
use super::compare::{Compare, Known, Searched, lanes};
use super::distance::{distance, squared_norm};
use super::group_scores::{Listed, Scores};
use super::prepare_codebook::PackedCodebook;
use super::tile::{CacheLine, GROUP, Panels, Rows};
use super::two_least::FAR;
use crate::certified::bounds::{DistanceBound, LARGEST_SQUARE, ScoreBound, SquareBound, is_beyond, lengths};
use crate::metrics::Metric;

/// Rows that are searched together: enough that those of a group fill tiles, few enough to stay in the second-level cache.
const BATCH: usize = 1024;

/// Bounds of a row are a multiple of this: whole vectors of numbers of every width.
const WHOLE: usize = 16;

/// Groups, at most, where vectors have `d` dimensions: bounds take no more room than the rows.
fn most_groups(d: usize) -> usize {
    d.next_multiple_of(WHOLE)
}

/// Numbers that are kept of each row of `d` dimensions beside `k` codewords.
pub(super) fn numbers(k: usize, d: usize) -> usize {
    k.div_ceil(codeword_groups::WHOLE).min(most_groups(d)).next_multiple_of(WHOLE) + 2
}

/// What is kept of some rows.
pub(super) struct KeptBounds {
    pub groups: CodewordGroups,
    /// What scores are about: where the codebook's mean was first.
    pub centre: Vec<f32>,
    /// The codewords that the bounds are of, and which of them were copies of earlier ones, of which nothing is known.
    codewords: Vec<f32>,
    copies: Vec<bool>,
    /// Of each row its squared norm about the centre, its part of the bound of scores,
    squares: Vec<f32>,
    parts: Vec<f32>,
    /// and the distances that others than its own codeword are not below: of each group one, and padding.
    bounds: Vec<f32>,
    pub stride: usize,
    pub panels: Panels,
    scores: ScoreBound,
    pub square: SquareBound,
    distances: DistanceBound,
}

/// How codewords moved.
struct Moves {
    /// By how much those of each group moved at most, and padding.
    groups: Vec<f32>,
    /// Those that did not move at all.
    still: Vec<bool>,
}

impl KeptBounds {
    /// Nothing is known yet of the rows of `x`, which this `codebook` of squared L2 is for.
    pub fn new(codebook: &PackedCodebook, x: &[f32]) -> Self {
        let (k, d, arch) = (codebook.k(), codebook.d(), codebook.arch());
        let groups = CodewordGroups::new(codebook.codewords(), d, most_groups(d));
        let stride = groups.count().next_multiple_of(WHOLE);
        let centre = codebook.mean().to_vec();
        let (scores, square) = (ScoreBound::squared_l2(d), SquareBound::new(d));
        let mut squares = vec![0.0; x.len() / d];
        x.par_chunks(GROUP * d).zip(squares.par_chunks_mut(GROUP)).for_each(|(values, squares)| {
            arch.dispatch(Squares { rows: Rows::whole(values, d), centre: &centre, squares });
        });
        let parts = squares.iter().map(|&of_row| square.part(&scores, of_row)).collect();
        let mut bounds = vec![f32::NEG_INFINITY; squares.len() * stride];
        // Padding is far from everything.
        bounds.chunks_exact_mut(stride).for_each(|bounds| bounds[groups.count()..].fill(f32::MAX));
        Self {
            codewords: vec![f32::NAN; k * d],
            copies: vec![true; k],
            panels: Panels::new(arch, k, d, |_, _| f32::INFINITY),
            distances: DistanceBound::new(d, 2),
            groups,
            centre,
            squares,
            parts,
            bounds,
            stride,
            scores,
            square,
        }
    }

    /// Finds the nearest codewords of all rows of `x` from those in `codes` on, which were found the last time at these
    /// `distances`, and theirs; rows that were not searched get the code `left`. Says what that took and how many pairs of a row
    /// and a codeword were scored; nothing if squares may leave the range of f32.
    pub fn search(
        &mut self,
        x: &[f32],
        codebook: &PackedCodebook,
        (codes, distances): (&mut [u32], &mut [f32]),
        left: u32,
    ) -> Option<(Searched, usize)> {
        if !self.pack(codebook) {
            return None;
        }
        let moves = self.follow(codebook);
        let (d, stride) = (codebook.d(), self.stride);
        let mut bounds = std::mem::take(&mut self.bounds);
        let batches = x.par_chunks(BATCH * d).zip(codes.par_chunks_mut(BATCH));
        let batches = batches.zip(distances.par_chunks_mut(BATCH)).zip(bounds.par_chunks_mut(BATCH * stride));
        let kept = &*self;
        let search =
            |scratch: &mut Scratch,
             (b, (((values, codes), distances), bounds)): (usize, (((&[f32], _), _), _))| {
                let batch = Batch {
                    kept,
                    moves: &moves,
                    codebook,
                    rows: Rows::whole(values, d),
                    first: b * BATCH,
                    bounds,
                };
                batch.search(scratch, codes, distances, left)
            };
        let searched = batches.enumerate().map_init(|| Scratch::new(kept, d), search);
        let both = |(a, scored): (Searched, usize), (b, others)| (a.and(b), scored + others);
        let searched = searched.reduce(Default::default, both);
        self.bounds = bounds;
        Some(searched)
    }

    /// Packs the codewords, group after group; whether their squares are within the range of scores.
    fn pack(&mut self, codebook: &PackedCodebook) -> bool {
        let Self { groups, centre, panels, scores, .. } = self;
        let (k, share) = (codebook.k(), 1.0 - scores.codeword);
        panels.pack(k, |place, out| {
            let number = groups.order()[place];
            let codeword = codebook.codeword(number);
            out.iter_mut().zip(codeword).zip(&*centre).for_each(|((out, c), centre)| *out = c - centre);
            match codebook.lowest().is_copy(number as usize) {
                true => FAR,
                false => (0.5 * squared_norm(out)) as f32 * share,
            }
        });
        let starts = &bytemuck::cast_slice::<_, f32>(panels.starts())[..k];
        starts.iter().all(|&start| start == FAR || is_beyond(LARGEST_SQUARE, start))
    }

    /// How the codewords moved to where they are in the `codebook`.
    fn follow(&mut self, codebook: &PackedCodebook) -> Moves {
        let (Self { groups, codewords, copies, distances, stride, .. }, d) = (self, codebook.d());
        let mut moves = Moves { groups: vec![0.0; *stride], still: Vec::with_capacity(copies.len()) };
        for (number, (before, was_copy)) in (0..).zip(codewords.chunks_exact_mut(d).zip(copies)) {
            let (now, is_copy) = (codebook.codeword(number), codebook.lowest().is_copy(number as usize));
            let is_still = *before == *now;
            let moved = match (is_copy, *was_copy) {
                // It is nearest to nothing.
                (true, _) => 0.0,
                // How far it was is not known.
                (false, true) => f32::INFINITY,
                (false, false) if is_still => 0.0,
                (false, false) => lengths::most(*distances, codebook.distance(before, number)),
            };
            let of_group = &mut moves.groups[groups.group(number)];
            *of_group = of_group.max(moved);
            moves.still.push(is_still);
            before.copy_from_slice(now);
            *was_copy = is_copy;
        }
        moves
    }
}

/// Writes squared norms about the `centre`.
struct Squares<'a> {
    rows: Rows<'a>,
    centre: &'a [f32],
    squares: &'a mut [f32],
}

impl WithSimd for Squares<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (row, square) in self.rows.iter().zip(self.squares) {
            *square = distance(simd, Metric::SquaredL2, row, self.centre);
        }
    }
}

/// What searching batches needs; giving it again saves allocations.
struct Scratch {
    known: Known,
    /// Of each group the rows that it may be near to.
    lists: Vec<Vec<usize>>,
    /// Codes and distances that the search began with.
    codes: Vec<u32>,
    least: Vec<f32>,
    lines: Vec<CacheLine>,
    listed: Box<Listed>,
}

impl Scratch {
    fn new(kept: &KeptBounds, d: usize) -> Self {
        Self {
            known: Known::new(d),
            lists: vec![Vec::new(); kept.groups.count()],
            codes: Vec::new(),
            least: Vec::new(),
            lines: Vec::new(),
            listed: Box::new(Listed::NONE),
        }
    }
}

/// Rows that are searched together.
struct Batch<'a> {
    kept: &'a KeptBounds,
    moves: &'a Moves,
    codebook: &'a PackedCodebook,
    rows: Rows<'a>,
    /// The number of the first of them.
    first: usize,
    bounds: &'a mut [f32],
}

impl Batch<'_> {
    /// [`KeptBounds::search`].
    fn search(
        self,
        scratch: &mut Scratch,
        codes: &mut [u32],
        distances: &mut [f32],
        left: u32,
    ) -> (Searched, usize) {
        let Self { kept, moves, codebook, rows, first, bounds } = self;
        let Scratch { known, lists, codes: before, least, lines, listed } = scratch;
        let squares = &kept.squares[first..][..rows.len()];
        let parts = &kept.parts[first..][..rows.len()];
        known.begin(codebook, rows, codes, (squares, parts), |r| {
            moves.still[codes[r] as usize].then_some(distances[r])
        });
        before.clear();
        before.extend_from_slice(codes);
        least.clear();
        least.extend_from_slice(known.least());

        lists.iter_mut().for_each(Vec::clear);
        codebook.arch().dispatch(Lower { kept, moves, known, bounds, lists });
        let mut scored = 0;
        let mut compare = Compare { codebook, rows, known };
        for (group, list) in lists.iter().enumerate() {
            let places = group * kept.groups.size()..((group + 1) * kept.groups.size()).min(codebook.k());
            scored += list.len() * places.len();
            // Parts of about the same length, as tiles are filled up.
            let parts = list.len().div_ceil(GROUP).max(1);
            for list in list.chunks(list.len().div_ceil(parts).max(1)) {
                listed.begin(list, kept, before, compare.known);
                let scores = Scores { kept, compare: &mut compare, list, listed, group, bounds };
                scores.run(places.clone(), lines);
            }
        }
        codebook.arch().dispatch(Finish(&mut compare));

        let searched = known.settle(codebook, rows, codes, distances, left);
        let rows = codes.iter().zip(before).zip(least).zip(bounds.chunks_exact_mut(kept.stride));
        for (((&code, &mut before), &mut least), bounds) in rows {
            if code == left {
                bounds.fill(f32::NEG_INFINITY);
            } else if code != before {
                // Now that codeword is one of the others.
                let bound = &mut bounds[kept.groups.group(before)];
                *bound = bound.min(lengths::least(kept.distances, least));
            }
        }
        (searched, scored)
    }
}

/// Lowers bounds by what the codewords moved, and lists the rows of each group that it may be near to.
struct Lower<'a> {
    kept: &'a KeptBounds,
    moves: &'a Moves,
    known: &'a Known,
    bounds: &'a mut [f32],
    lists: &'a mut [Vec<usize>],
}

impl WithSimd for Lower<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { kept, moves, known, bounds, lists } = self;
        let moves = S::as_simd_f32s(&moves.groups).0;
        let lost = simd.splat_f32s(lengths::LOST);
        let all = !(u32::MAX.checked_shl(S::F32_LANES as u32).unwrap_or(0));
        for (r, bounds) in bounds.chunks_exact_mut(kept.stride).enumerate() {
            if known.limits()[r] == f32::NEG_INFINITY {
                continue;
            }
            let own = simd.splat_f32s(lengths::most(kept.distances, known.least()[r]));
            for (v, (bounds, &moved)) in S::as_mut_simd_f32s(bounds).0.iter_mut().zip(moves).enumerate() {
                let lost = simd.mul_add_e_f32s(simd.abs_f32s(*bounds), lost, moved);
                *bounds = simd.sub_f32s(*bounds, lost);
                let mut near = !lanes(simd, simd.less_than_f32s(own, *bounds)) & all;
                while near != 0 {
                    let group = v * S::F32_LANES + near.trailing_zeros() as usize;
                    near &= near - 1;
                    if let Some(list) = lists.get_mut(group) {
                        list.push(r);
                    }
                }
            }
        }
    }
}

/// Compares the last codewords that wait.
struct Finish<'a, 'b>(&'a mut Compare<'b>);

impl WithSimd for Finish<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.finish(simd);
    }
}
