//! CPU twin of `shaders/curve_project.wgsl`: the nearest point of a piecewise linear curve.

use pulp::Simd;
use rayon::prelude::*;

use super::distance::sum_of;
use super::least::Least;
use super::prepare_codebook::PackedCodebook;
use super::tile::{CacheLine, Epilogue, GROUP, Rows};
use crate::error::Result;
use crate::metrics::Metric;

/// A curve made ready for projection.
pub(crate) struct PackedCurve {
    corners: PackedCodebook,
    /// D (k − 1, d) of each segment.
    directions: Vec<f32>,
    /// |D|² of each segment.
    squares: Vec<f32>,
    /// ½|D|² and 1/|D|² (0 for 1/0) of the segment that ends at a corner; zeros for the first corner and for padding.
    ends: Vec<[CacheLine; 2]>,
}

impl PackedCurve {
    /// Packs the `corners` (k, d), k ≥ 2.
    pub(crate) fn new(corners: &[f32], d: usize) -> Result<Self> {
        let packed = PackedCodebook::new(Metric::SquaredL2, corners, d)?;
        let next = &corners[d.min(corners.len())..];
        let directions: Vec<f32> = next.iter().zip(corners).map(|(to, from)| to - from).collect();
        let squares: Vec<f32> = directions
            .chunks_exact(d)
            .map(|direction| direction.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() as f32)
            .collect();
        // A tile may be two lines wide, and begin at the last line that has a corner.
        let mut ends = vec![[CacheLine::splat(0.0); 2]; packed.k().div_ceil(16) + 2];
        for (corner, &square) in (1..).zip(&squares) {
            let [half, inverse] = &mut ends[corner / 16];
            half.floats()[corner % 16] = square / 2.0;
            inverse.floats()[corner % 16] = if square == 0.0 { 0.0 } else { 1.0 / square };
        }
        Ok(Self { corners: packed, directions, squares, ends })
    }

    fn segment(&self, segment: u32) -> (&[f32], &[f32], f32) {
        let d = self.corners.d();
        let direction = &self.directions[segment as usize * d..][..d];
        (self.corners.codeword(segment), direction, self.squares[segment as usize])
    }

    fn segments(&self) -> u32 {
        self.squares.len() as u32
    }
}

/// Writes to `segments` and `positions` (n) where on the curve the point nearest to each row of `x` (n, d) is, as
/// [`place`] counts it, and to `distances` (n) how far, squared.
pub(crate) fn curve_project(
    x: &[f32],
    curve: &PackedCurve,
    segments: &mut [u32],
    positions: &mut [f32],
    distances: &mut [f32],
) {
    let d = curve.corners.d();
    let outputs = segments.par_chunks_mut(GROUP).zip(positions.par_chunks_mut(GROUP));
    let outputs = outputs.zip(distances.par_chunks_mut(GROUP));
    x.par_chunks(GROUP * d).zip(outputs).for_each_init(
        Vec::new,
        |scratch, (values, ((segments, positions), distances))| {
            let rows = Rows::whole(values, d);
            let least = [Least::none(); GROUP];
            // No segment ends at the first corner: it is infinitely far from a corner before it.
            let last = [f32::INFINITY; GROUP];
            let mut projection = Projection { curve, rows, segments, positions, distances, least, last };
            curve.corners.score(rows, scratch, &mut projection);
        },
    );
}

/// Keeps the least score of every lane and its segment, for each row.
struct Projection<'a> {
    curve: &'a PackedCurve,
    rows: Rows<'a>,
    segments: &'a mut [u32],
    positions: &'a mut [f32],
    distances: &'a mut [f32],
    least: [Least; GROUP],
    /// The score of the last corner before the next tile.
    last: [f32; GROUP],
}

impl Epilogue for Projection<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        corner: usize,
        sums: &[[S::f32s; V]; R],
    ) {
        let width = V * S::F32_LANES;
        // The scores of the corners before: one place further, through memory.
        let mut before = [[0.0_f32; 48]; R];
        for ((before, sums), last) in before.iter_mut().zip(sums).zip(&mut self.last[row..row + R]) {
            before[0] = *last;
            let shifted = S::as_mut_simd_f32s(&mut before[1..][..width]).0;
            shifted.copy_from_slice(sums);
            *last = before[width];
        }
        let mut halves = [simd.splat_f32s(0.0); V];
        let mut inverses = [simd.splat_f32s(0.0); V];
        for (v, (half, inverse)) in halves.iter_mut().zip(&mut inverses).enumerate() {
            let at = corner + v * S::F32_LANES;
            let [halves, inverses] = &self.curve.ends[at / 16];
            *half = S::as_simd_f32s(halves.values()).0[at % 16 / S::F32_LANES];
            *inverse = S::as_simd_f32s(inverses.values()).0[at % 16 / S::F32_LANES];
        }
        let (zero, one) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0));
        for ((before, sums), least) in before.iter().zip(sums).zip(&mut self.least[row..row + R]) {
            let from = S::as_simd_f32s(&before[..width]).0;
            let mut scores = [zero; V];
            for (v, score) in scores.iter_mut().enumerate() {
                // (x − c)·D of the segment that ends at each corner, and the score of its nearest point. That of a
                // segment that is none is NaN or infinite, as a score of one of its corners is infinite.
                let product = simd.add_f32s(simd.sub_f32s(from[v], sums[v]), halves[v]);
                let t = simd.min_f32s(simd.max_f32s(simd.mul_f32s(product, inverses[v]), zero), one);
                let rest = simd.negate_mul_add_e_f32s(t, halves[v], product);
                *score = simd.negate_mul_add_e_f32s(t, rest, from[v]);
            }
            // The segment that ends at corner 0 would be number −1.
            least.consider(simd, (corner as u32).wrapping_sub(1), &scores);
        }
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S) {
        let curve = self.curve;
        let outputs = self.segments.iter_mut().zip(self.positions.iter_mut()).zip(self.distances.iter_mut());
        for ((x, ((segment, position), distance)), least) in self.rows.iter().zip(outputs).zip(&self.least) {
            // Where every score overflowed there is no candidate.
            let nearest = least.candidate(simd).min(curve.segments() - 1);
            (*segment, *position) = place(
                nearest,
                curve.segments(),
                #[inline(always)]
                |segment| {
                    let (from, direction, square) = curve.segment(segment);
                    (product_along(simd, x, from, direction), square)
                },
            );
            let (from, direction, _) = curve.segment(*segment);
            *distance = miss(simd, x, from, direction, position.clamp(0.0, 1.0));
        }
    }
}

/// (x − c)·D.
#[inline(always)]
fn product_along<S: Simd>(simd: S, x: &[f32], from: &[f32], direction: &[f32]) -> f32 {
    sum_of(simd, [x, from, direction], |[x, from, direction]| {
        simd.mul_f32s(simd.sub_f32s(x, from), direction)
    })
}

/// ‖x − c − t D‖².
#[inline(always)]
fn miss<S: Simd>(simd: S, x: &[f32], from: &[f32], direction: &[f32], t: f32) -> f32 {
    let t = simd.splat_f32s(t);
    sum_of(simd, [x, from, direction], |[x, from, direction]| {
        let miss = simd.sub_f32s(simd.sub_f32s(x, from), simd.mul_f32s(t, direction));
        simd.mul_f32s(miss, miss)
    })
}

/// The segment and the position of a vector whose nearest point is on segment `nearest` of `segments`; `along` gives
/// (x − c)·D and |D|² of a segment. The shader says what a position is.
#[inline(always)]
fn place(nearest: u32, segments: u32, along: impl Fn(u32) -> (f32, f32)) -> (u32, f32) {
    let ratio = |a: f32, b: f32| if b == 0.0 { 0.0 } else { a / b };
    let (product, square) = along(nearest);
    let t = ratio(product, square);
    if product > 0.0 && product < square {
        return (nearest, t);
    }
    let start = product <= 0.0;
    let at_an_end = if start { nearest == 0 } else { nearest + 1 == segments };
    if at_an_end {
        let excess = if start { -t } else { t - 1.0 };
        let cap = 0.5 * excess / (1.0 + excess);
        return (nearest, if start { -cap } else { 1.0 + cap });
    }
    // The segments before and after the corner.
    let other = along(if start { nearest - 1 } else { nearest + 1 });
    let (first, before, after) =
        if start { (nearest - 1, other, (product, square)) } else { (nearest, (product, square), other) };
    let beyond = ratio(before.0 - before.1, before.1.sqrt()).max(0.0);
    let ahead = ratio(-after.0, after.1.sqrt()).max(0.0);
    let turn = if beyond + ahead == 0.0 { 0.5 } else { beyond / (beyond + ahead) };
    // Where the corner was nearest by rounding only, the nearest point is on the other segment itself.
    if turn >= 0.5 {
        let inside = after.0 > 0.0;
        (first + 1, if inside { ratio(after.0, after.1).min(1.0) } else { turn - 1.0 })
    } else {
        let inside = before.0 < before.1;
        (first, if inside { ratio(before.0, before.1) } else { 1.0 + turn })
    }
}
