//! Vectors and codewords in fewer dimensions, for scores that cost less and are never above the true ones.
//!
//! The outline of a vector is its coordinates on a few axes and the length of what they leave. The inner product of two outlines
//! is at least that of the vectors, as that of the rests is at most the product of their lengths (Cauchy and Schwarz); so a
//! codeword whose outline is too far is too far itself. Where the axes are the principal ones of the codebook, few codewords are
//! left to compare. [`OutlineBound`] has the proof with what rounding adds.

use std::cell::Cell;

use ndarray::{ArrayView2, s};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::distance::distance;
use super::half_panels::HalfPanels;
use super::half_unit::{HalfLine, HalfUnit};
use super::outline_length::{best_length, comparison};
use super::prepare_codebook::PackedCodebook;
use super::tile::{CacheLine, Epilogue, GROUP, NegatedAbout, Panels, Product, Rows};
use super::two_least::FAR;
use crate::certified::bounds::{HalfBound, LARGEST_SQUARE, OutlineBound, ScoreBound, is_beyond};
use crate::metrics::Metric;
use crate::principal::{PrincipalAxes, principal_axes};

/// Codewords and dimensions below which there is too little to save.
const LEAST_CODEWORDS: usize = 256;
const LEAST_DIMENSIONS: usize = 48;

/// Codewords by which axes are found, at most.
const SAMPLE: usize = 4096;

/// What outlines are drawn on.
pub(super) struct Axes {
    /// Where coordinates are counted from.
    mean: Vec<f32>,
    /// The axes, negated.
    panels: Panels,
    count: usize,
    pub bound: OutlineBound,
    scores: ScoreBound,
    /// What scores of outlines are computed by, if not in f32.
    pub unit: Option<HalfUnit>,
}

impl Axes {
    /// Those for a codebook of squared L2 and rows like these, where `codes` are near; nothing if outlines would save no time.
    pub fn choose(codebook: &PackedCodebook, rows: Rows<'_>, codes: &[u32]) -> Option<Self> {
        let (k, d) = (codebook.k(), codebook.d());
        if k < LEAST_CODEWORDS || d < LEAST_DIMENSIONS || codebook.metric() != Metric::SquaredL2 {
            return None;
        }
        let unit = codebook.lowest().half().and(codebook.lowest().first_look().unit);
        let found = Self::find(codebook)?;
        let length = best_length(codebook, &found, rows, codes, unit)?;
        Some(Self::first(codebook, &found, length - 1, unit))
    }

    /// Some axes in f32 and by every unit, whether or not they save time.
    #[cfg(test)]
    pub fn all(codebook: &PackedCodebook, count: usize) -> Vec<Self> {
        let Some(found) = Self::find(codebook) else { return Vec::new() };
        let units = HalfUnit::all().filter(|_| codebook.lowest().has_half() && count >= 24);
        units.map(Some).chain([None]).map(|unit| Self::first(codebook, &found, count, unit)).collect()
    }

    /// The principal axes of a sample of the codewords.
    fn find(codebook: &PackedCodebook) -> Option<PrincipalAxes> {
        let (k, d) = (codebook.k(), codebook.d());
        let codewords = ArrayView2::from_shape((k, d), codebook.codewords()).ok()?;
        principal_axes(codewords.slice(s![..; k.div_ceil(SAMPLE), ..])).ok()
    }

    /// The first `count` of the axes that were `found`.
    fn first(codebook: &PackedCodebook, found: &PrincipalAxes, count: usize, unit: Option<HalfUnit>) -> Self {
        let d = codebook.d();
        let axes = found.axes.slice(s![..count, ..]).mapv(|value| value as f32);
        let exact = axes.mapv(f64::from);
        let mut products = exact.dot(&exact.t());
        products.diag_mut().iter_mut().for_each(|value| *value -= 1.0);
        let eta = products.iter().map(|value| value * value).sum::<f64>().sqrt();
        let panels = Panels::new(codebook.arch(), count, d, |axis, out| {
            out.iter_mut().zip(axes.row(axis)).for_each(|(out, value)| *out = -value);
            0.0
        });
        let bound = OutlineBound::new(d, count, eta);
        let scores = ScoreBound::squared_l2_on_gpu(d).with(bound.share);
        Self { mean: codebook.mean().to_vec(), panels, count, bound, scores, unit }
    }

    /// Numbers of an outline.
    pub fn length(&self) -> usize {
        self.count + 1
    }

    /// Whether outlines save time, where so many codewords were compared with `n` rows.
    pub fn pay(&self, codebook: &PackedCodebook, n: usize, compared: usize) -> bool {
        let saved = n.saturating_mul(codebook.k()).saturating_mul(codebook.d() - self.length());
        compared.saturating_mul(comparison(codebook.d(), self.unit)) < saved
    }

    /// What scores of outlines in 16 bits say.
    fn half_bound(&self) -> HalfBound {
        HalfBound::new(self.mean.len()).with(self.bound.share)
    }

    /// Writes the outlines of a group of `rows`, one behind the other, and the squared norms of the rows about the mean.
    fn draw(&self, rows: Rows<'_>, outlines: &mut [f32], squares: &mut [f32], lines: &mut Vec<CacheLine>) {
        let mut draw = Draw { axes: self, rows, outlines, squares };
        self.panels.run(self.panels.starts(), Product, rows, NegatedAbout(&self.mean), lines, &mut draw);
    }
}

/// Writes coordinates as they come, and the length of the rest at the end.
struct Draw<'a> {
    axes: &'a Axes,
    rows: Rows<'a>,
    outlines: &'a mut [f32],
    squares: &'a mut [f32],
}

impl Epilogue for Draw<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        _: S,
        row: usize,
        axis: usize,
        sums: &[[S::f32s; V]; R],
    ) {
        let axes = axis..(axis + V * S::F32_LANES).min(self.axes.count);
        for (outline, sums) in self.outlines.chunks_exact_mut(self.axes.length()).skip(row).zip(sums) {
            outline[axes.clone()].copy_from_slice(&bytemuck::cast_slice(sums)[..axes.len()]);
        }
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S) {
        let Axes { mean, count, bound, .. } = self.axes;
        let zeros = &vec![0.0; *count];
        let outlines = self.outlines.chunks_exact_mut(count + 1);
        for ((row, outline), square) in self.rows.iter().zip(outlines).zip(&mut *self.squares) {
            *square = distance(simd, Metric::SquaredL2, row, mean);
            let drawn = distance(simd, Metric::SquaredL2, &outline[..*count], zeros);
            let rest = (*square - drawn).max(0.0) + bound.rest * *square;
            outline[*count] = rest.sqrt() * (1.0 + 2.0 * f32::EPSILON);
        }
    }
}

/// Outlines of rows.
#[derive(Default)]
pub(super) struct RowOutlines {
    /// The outlines in f32, one behind the other, or nothing,
    floats: Vec<f32>,
    /// or in 16 bits, filled up with zeros to whole steps and blocks.
    halves: Vec<HalfLine>,
    /// Of each row its squared norm about the mean, and its part of the bound.
    squares: Vec<f32>,
    parts: Vec<f32>,
}

/// Those of a group of rows.
#[derive(Clone, Copy)]
pub(super) struct OutlineGroup<'a> {
    pub floats: &'a [f32],
    pub halves: &'a [HalfLine],
    pub squares: &'a [f32],
    pub parts: &'a [f32],
}

impl RowOutlines {
    /// Draws `rows` for scores with these `codewords`, in place of others.
    pub fn draw(&mut self, axes: &Axes, codewords: &CodewordOutlines, rows: Rows<'_>) {
        let (n, length) = (rows.len(), axes.length());
        self.squares.resize(n, 0.0);
        self.parts.resize(n, 0.0);
        let (float, half) = match codewords {
            CodewordOutlines::Floats(_) => (length, 0),
            CodewordOutlines::Half(panels) => (0, panels.lines()),
        };
        self.floats.resize(n * float, 0.0);
        self.halves.resize(n.next_multiple_of(GROUP) * half, HalfLine::ZERO);
        let groups = rows.values.par_chunks(GROUP * rows.stride);
        let groups = groups.zip(self.squares.par_chunks_mut(GROUP)).zip(self.parts.par_chunks_mut(GROUP));
        match codewords {
            CodewordOutlines::Floats(_) => {
                groups.zip(self.floats.par_chunks_mut(GROUP * length)).for_each_init(
                    Vec::new,
                    |lines, (((values, squares), parts), floats)| {
                        axes.draw(Rows { values, ..rows }, floats, squares, lines);
                        let part = |square: &f32| 0.5 * axes.scores.row * square + axes.scores.constant;
                        parts.iter_mut().zip(&*squares).for_each(|(out, square)| *out = part(square));
                    },
                );
            }
            CodewordOutlines::Half(panels) => {
                groups.zip(self.halves.par_chunks_mut(GROUP * half)).for_each_init(
                    || (Vec::new(), vec![0.0; GROUP * length]),
                    |(lines, floats), (((values, squares), parts), halves)| {
                        let floats = &mut floats[..squares.len() * length];
                        axes.draw(Rows { values, ..rows }, floats, squares, lines);
                        let drawn = Rows::whole(floats, length);
                        axes.panels.arch().dispatch(Round { panels, drawn, halves, parts });
                    },
                );
            }
        }
    }

    /// The outlines of the group from row `first` on.
    pub fn group(&self, axes: &Axes, first: usize) -> OutlineGroup<'_> {
        let (n, padded) = (self.squares.len(), self.squares.len().next_multiple_of(GROUP));
        let rows = first..(first + GROUP).min(n);
        let floats = if self.floats.is_empty() { 0 } else { axes.length() };
        let halves = self.halves.len() / padded.max(1);
        OutlineGroup {
            floats: &self.floats[rows.start * floats..rows.end * floats],
            halves: &self.halves[first * halves..(first + GROUP) * halves],
            squares: &self.squares[rows.clone()],
            parts: &self.parts[rows],
        }
    }
}

/// Rounds a group of outlines to 16 bits.
struct Round<'a> {
    panels: &'a HalfPanels,
    drawn: Rows<'a>,
    halves: &'a mut [HalfLine],
    parts: &'a mut [f32],
}

impl WithSimd for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.panels.round_rows(self.drawn, self.halves, Cell::from_mut(self.parts).as_slice_of_cells());
    }
}

/// Outlines of codewords.
pub(super) enum CodewordOutlines {
    Floats(Panels),
    Half(HalfPanels),
}

impl CodewordOutlines {
    /// Those of the codewords of squared L2; nothing if squares may leave the range of f32.
    pub fn new(codebook: &PackedCodebook, axes: &Axes) -> Option<Self> {
        let (k, d, length) = (codebook.k(), codebook.d(), axes.length());
        let (mut outlines, mut squares) = (vec![0.0; k * length], vec![0.0; k]);
        let groups = codebook.codewords().par_chunks(GROUP * d);
        let groups = groups.zip(outlines.par_chunks_mut(GROUP * length)).zip(squares.par_chunks_mut(GROUP));
        groups.for_each_init(Vec::new, |lines, ((codewords, outlines), squares)| {
            axes.draw(Rows::whole(codewords, d), outlines, squares, lines);
        });
        if !squares.iter().all(|&square| is_beyond(LARGEST_SQUARE, square)) {
            return None;
        }
        let half_squares: Vec<f32> = squares.iter().map(|square| 0.5 * square).collect();
        let is_copy = |j: usize| codebook.lowest().is_copy(j);
        if let Some(unit) = axes.unit {
            let origin = vec![0.0; length];
            let bound = axes.half_bound();
            let panels = HalfPanels::new(unit, bound, &outlines, &origin, &half_squares, is_copy)?;
            return Some(Self::Half(panels));
        }
        let share = 1.0 - axes.scores.codeword;
        Some(Self::Floats(Panels::new(codebook.arch(), k, length, |j, out| {
            out.copy_from_slice(&outlines[j * length..][..length]);
            if is_copy(j) { FAR } else { half_squares[j] * share }
        })))
    }
}
