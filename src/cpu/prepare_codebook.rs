//! A codebook made ready for the CPU's searches.

use std::cmp::Ordering::Equal;

use pulp::{Arch, Simd, WithSimd};

use super::codebook_mean::codebook_mean;
use super::distance::{distance, squared_norm};
use super::half_panels::HalfPanels;
use super::tile::{
    AbsoluteDifference, AsIs, CacheLine, Epilogue, Negated, NegatedAbout, Panels, PowerDifference, Product,
    Rows, Scaled, SquaredDifference,
};
use super::two_least::{FAR, Found, TwoLeast};
use crate::certified::bounds::{DistanceBound, LARGEST_SQUARE, ScoreBound, is_beyond};
use crate::error::{Error, Result};
use crate::metrics::Metric;

/// Numbers of a cache line.
const LINE: usize = 16;

/// Codewords packed for scoring: the codeword with the least score is the nearest one.
///
/// The score of a codeword `c` for a row `x` is
/// - squared L2: `½‖c'‖² − x'·c'` with `x' = x − mean`, `c' = c − mean` and the codewords' mean. Centring keeps it small
///   where the data lie far from the origin; uncentred it would lose its digits there;
/// - L1 and powers: the distance itself;
/// - cosine: `−x̂·ĉ` for the unit vectors;
/// - inner product: `−x·c`, the distance itself.
///
/// For [`assign`](super::assign::assign) the sums can begin lower, by what rounding may add to them.
pub(crate) struct PackedCodebook {
    metric: Metric,
    d: usize,
    k: usize,
    codewords: Vec<f32>,
    /// The codewords' mean for squared L2, else unused.
    mean: Vec<f32>,
    panels: Panels,
    /// What computed scores say, where they are not distances.
    bound: Option<ScoreBound>,
    /// What computed distances say.
    distances: DistanceBound,
    /// ½‖c'‖² of each codeword, rounded, where its score has such a bound, or nothing.
    half_squares: Vec<f32>,
    /// Where the sums begin so that they are no more than the score: the panels' starts less the codeword's part of the bound,
    /// and far above for padding and copies of earlier codewords, which are nearest to nothing.
    lowest_starts: Vec<CacheLine>,
    largest_half_square: f32,
    /// The codewords in 16 bits, where that saves time.
    half: Option<HalfPanels>,
}

impl PackedCodebook {
    /// Packs `codewords` (k, d), row-major.
    ///
    /// # Errors
    /// If `d` is 0, there is no codeword, the last one is incomplete, there are more than 2³¹, or the metric is the
    /// power 0.
    pub(crate) fn new(metric: Metric, codewords: &[f32], d: usize) -> Result<Self> {
        Self::for_arch(Arch::new(), metric, codewords, d)
    }

    /// [`new`](Self::new) for a given instruction set.
    pub(super) fn for_arch(arch: Arch, metric: Metric, codewords: &[f32], d: usize) -> Result<Self> {
        if d == 0 {
            return Err(Error::input("the codebook's dimension is 0; it has to be at least 1"));
        }
        let k = codewords.len() / d;
        if !codewords.len().is_multiple_of(d) {
            return Err(Error::shape(format!(
                "{} numbers are no codewords of dimension {d}",
                codewords.len()
            )));
        }
        if k == 0 || k > 1 << 31 {
            return Err(Error::input(format!("a codebook of {k} codewords; it has to have 1 to 2^31")));
        }
        if metric == Metric::Power(0) {
            return Err(Error::input("the metric's power is 0; it has to be at least 1"));
        }
        // Overwritten at once: this is the room for them.
        let panels = Panels::new(arch, k, d, |_, _| f32::INFINITY);
        let bound = match metric {
            Metric::SquaredL2 => Some(ScoreBound::squared_l2(d)),
            Metric::InnerProduct => Some(ScoreBound::inner_product(d)),
            Metric::Cosine => Some(ScoreBound::cosine(d)),
            Metric::L1 | Metric::Power(_) => None,
        };
        let mut packed = Self {
            metric,
            d,
            k,
            codewords: Vec::new(),
            mean: Vec::new(),
            panels,
            bound,
            distances: DistanceBound::new(d, metric.power()),
            half_squares: Vec::new(),
            lowest_starts: Vec::new(),
            largest_half_square: 0.0,
            half: None,
        };
        packed.pack(codewords);
        Ok(packed)
    }

    /// Packs other `codewords` (k, d) in the memory of the old ones.
    pub(crate) fn pack(&mut self, codewords: &[f32]) {
        let Self { d, k, .. } = *self;
        self.codewords.clear();
        self.codewords.extend_from_slice(codewords);
        let codeword = |j: usize| &codewords[j * d..][..d];
        match self.metric {
            Metric::SquaredL2 => {
                self.mean = codebook_mean(codewords, d);
                let mean = &self.mean[..];
                self.panels.pack(k, |j, out| {
                    out.iter_mut().zip(codeword(j)).zip(mean).for_each(|((out, c), mean)| *out = c - mean);
                    (0.5 * squared_norm(out)) as f32
                });
            }
            Metric::Cosine => self.panels.pack(k, |j, out| {
                let scale = inverse_norm(codeword(j));
                out.iter_mut().zip(codeword(j)).for_each(|(out, &c)| *out = (f64::from(c) * scale) as f32);
                0.0
            }),
            Metric::L1 | Metric::Power(_) | Metric::InnerProduct => self.panels.pack(k, |j, out| {
                out.copy_from_slice(codeword(j));
                0.0
            }),
        }
        self.lower_starts();
    }

    /// Makes the starts that are lower by what rounding may add.
    fn lower_starts(&mut self) {
        let Self { d, k, metric, bound, .. } = *self;
        let squares: Vec<f64> = self.codewords.chunks_exact(d).map(squared_norm).collect();
        let starts: &[f32] = bytemuck::cast_slice(self.panels.starts());
        self.half_squares = match metric {
            Metric::SquaredL2 => starts[..k].to_vec(),
            Metric::InnerProduct => squares.iter().map(|square| (0.5 * square) as f32).collect(),
            _ => Vec::new(),
        };
        self.largest_half_square = self.half_squares.iter().copied().fold(0.0, f32::max);
        self.lowest_starts = self.panels.starts().to_vec();
        let lowest = bytemuck::cast_slice_mut::<_, f32>(&mut self.lowest_starts);
        for (lowest, half_square) in lowest.iter_mut().zip(&self.half_squares) {
            *lowest -= bound.map_or(0.0, |bound| bound.codeword) * half_square;
        }
        lowest[k..].fill(FAR);
        for copy in copies(&self.codewords, d, &squares) {
            lowest[copy as usize] = FAR;
        }
        let widest = self.panels.lanes() == LINE;
        self.half = match metric {
            Metric::SquaredL2 if widest => HalfPanels::new(&self.codewords, &self.mean, lowest),
            _ => None,
        };
    }

    /// Whether codeword `j` is a copy of an earlier one.
    pub(super) fn is_copy(&self, j: usize) -> bool {
        self.lowest_starts[j / LINE].values()[j % LINE] == FAR
    }

    /// The scores that may be of a codeword nearest to `row`, at most, where `found` are the least ones and the codeword that is
    /// nearest by them is at that `distance`; infinity where nothing can be said.
    #[inline(always)]
    pub(super) fn threshold(&self, row: &[f32], found: &Found, distance: f32) -> f32 {
        let Some(bound) = self.bound else { return self.distances.threshold(found.least) };
        let half_square = match self.metric {
            Metric::SquaredL2 => bound.half_square_of_row(distance, found.least),
            Metric::InnerProduct => 0.5 * squared_norm(row) as f32,
            _ => 0.0,
        };
        // Beyond the range scores may be infinite or no numbers.
        if !is_beyond(LARGEST_SQUARE, half_square.max(self.largest_half_square)) {
            return f32::INFINITY;
        }
        let codeword = self.half_squares.get(found.nearest as usize).copied().unwrap_or(0.0);
        bound.threshold(found.least, codeword, half_square)
    }

    /// The codewords in 16 bits, where that saves time.
    pub(super) fn half(&self) -> Option<&HalfPanels> {
        self.half.as_ref().filter(|half| half.pays())
    }

    /// Whether a first look may have been in 16 bits.
    pub(super) fn has_half(&self) -> bool {
        self.half.is_some()
    }

    /// What computed distances say, if their rounding is a share of them.
    #[inline(always)]
    pub(super) fn distance_bound(&self) -> Option<DistanceBound> {
        let is_share = !matches!(self.metric, Metric::InnerProduct | Metric::Cosine);
        is_share.then_some(self.distances)
    }

    /// Begins the search for the least scores of a group of rows.
    pub(super) fn begin(&self, least: &mut TwoLeast) {
        // Panels in 16 bits are as wide at least.
        let count = self.half.as_ref().map_or(0, HalfPanels::padded).max(self.padded());
        least.begin(count, self.panels.lanes());
    }

    /// Codewords with the padding.
    #[inline(always)]
    pub(super) fn padded(&self) -> usize {
        LINE * self.lowest_starts.len()
    }

    pub(crate) fn metric(&self) -> Metric {
        self.metric
    }

    pub(crate) fn d(&self) -> usize {
        self.d
    }

    pub(crate) fn k(&self) -> usize {
        self.k
    }

    pub(crate) fn codeword(&self, j: u32) -> &[f32] {
        &self.codewords[j as usize * self.d..][..self.d]
    }

    /// The instruction set that it is packed for.
    pub(super) fn arch(&self) -> Arch {
        self.panels.arch()
    }

    /// The distance of `row` to codeword `j`, from its definition.
    pub(super) fn distance(&self, row: &[f32], j: u32) -> f32 {
        self.arch().dispatch(Distance { metric: self.metric, row, codeword: self.codeword(j) })
    }

    /// The number of rows in `x`, which are `d` elements each.
    pub(super) fn rows_in(&self, x: &[f32]) -> Result<usize> {
        if x.len().is_multiple_of(self.d) {
            Ok(x.len() / self.d)
        } else {
            Err(Error::shape(format!(
                "{} numbers are no rows of the codebook's dimension {}",
                x.len(),
                self.d
            )))
        }
    }

    /// Scores a group of rows for every codeword. `scratch` is as in [`Panels::run`].
    #[inline]
    pub(super) fn score<E: Epilogue>(&self, rows: Rows<'_>, scratch: &mut Vec<CacheLine>, epilogue: &mut E) {
        self.score_from(self.panels.starts(), rows, scratch, epilogue);
    }

    /// Scores a group of rows for every codeword, each lower by the codeword's part of its bound.
    #[inline]
    pub(super) fn lowest_scores<E: Epilogue>(
        &self,
        rows: Rows<'_>,
        scratch: &mut Vec<CacheLine>,
        epilogue: &mut E,
    ) {
        self.score_from(&self.lowest_starts, rows, scratch, epilogue);
    }

    #[inline]
    fn score_from<E: Epilogue>(
        &self,
        starts: &[CacheLine],
        rows: Rows<'_>,
        scratch: &mut Vec<CacheLine>,
        epilogue: &mut E,
    ) {
        let panels = &self.panels;
        match self.metric {
            Metric::SquaredL2 => {
                panels.run_from(starts, Product, rows, NegatedAbout(&self.mean), scratch, epilogue)
            }
            Metric::Cosine => {
                let scales: Vec<f64> = rows.iter().map(|x| -inverse_norm(x)).collect();
                panels.run_from(starts, Product, rows, Scaled(&scales), scratch, epilogue);
            }
            Metric::InnerProduct => panels.run_from(starts, Product, rows, Negated, scratch, epilogue),
            Metric::L1 | Metric::Power(1) => {
                panels.run_from(starts, AbsoluteDifference, rows, AsIs, scratch, epilogue)
            }
            Metric::Power(2) => panels.run_from(starts, SquaredDifference, rows, AsIs, scratch, epilogue),
            Metric::Power(m) => panels.run_from(starts, PowerDifference(m), rows, AsIs, scratch, epilogue),
        }
    }

    /// The same codewords to be scored by their differences, whose rounding is a share of the distance.
    pub(super) fn by_differences(&self) -> Self {
        Self::for_arch(self.arch(), Metric::Power(2), &self.codewords, self.d).expect("it was packed before")
    }
}

struct Distance<'a> {
    metric: Metric,
    row: &'a [f32],
    codeword: &'a [f32],
}

impl WithSimd for Distance<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        distance(simd, self.metric, self.row, self.codeword)
    }
}

/// The numbers of those of the `codewords`, of these squared norms, that are copies of earlier ones.
fn copies(codewords: &[f32], d: usize, squares: &[f64]) -> Vec<u32> {
    // −0 is 0.
    let values = |j: u32| codewords[j as usize * d..][..d].iter().map(|c| c + 0.0);
    let by_values = |&a: &u32, &b: &u32| {
        let norms = squares[a as usize].total_cmp(&squares[b as usize]);
        norms.then_with(|| {
            values(a).zip(values(b)).map(|(a, b)| a.total_cmp(&b)).find(|o| o.is_ne()).unwrap_or(Equal)
        })
    };
    let mut order: Vec<u32> = (0..squares.len() as u32).collect();
    order.sort_unstable_by(|a, b| by_values(a, b).then(a.cmp(b)));
    order.windows(2).filter(|pair| by_values(&pair[0], &pair[1]).is_eq()).map(|pair| pair[1]).collect()
}

/// `1/‖x‖`, and 0 for the zero vector, whose cosine with everything is 0.
fn inverse_norm(x: &[f32]) -> f64 {
    let norm = squared_norm(x).sqrt();
    if norm == 0.0 { 0.0 } else { 1.0 / norm }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_codebooks_are_named() {
        let message = |metric, codewords: &[f32], d| {
            PackedCodebook::new(metric, codewords, d).err().expect("is refused").to_string()
        };
        assert!(message(Metric::SquaredL2, &[1.0], 0).contains("dimension is 0"));
        assert!(message(Metric::SquaredL2, &[], 3).contains("0 codewords"));
        assert!(message(Metric::SquaredL2, &[1.0; 4], 3).contains("4 numbers"));
        assert!(message(Metric::Power(0), &[1.0; 3], 3).contains("power is 0"));
    }
}
