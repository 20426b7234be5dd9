//! A codebook made ready for the CPU's searches.

use std::sync::OnceLock;

use pulp::{Arch, Simd, WithSimd};

use super::assign_large::Large;
use super::codebook_mean::codebook_mean;
use super::distance::{distance, squared_norm};
use super::first_look::FirstLook;
use super::lowest_scores::LowestScores;
use super::tile::{
    AbsoluteDifference, AsIs, CacheLine, Epilogue, Negated, NegatedAbout, Panels, PowerDifference, Product,
    Rows, Scaled, SquaredDifference,
};
use crate::error::{Error, Result};
use crate::metrics::Metric;

/// Codewords packed for scoring: the codeword with the least score is the nearest one.
///
/// The score of a codeword `c` for a row `x` is
/// - squared L2: `½‖c'‖² − x'·c'` with `x' = x − mean`, `c' = c − mean` and the codewords' mean. Centring keeps it small
///   where the data lie far from the origin; uncentred it would lose its digits there;
/// - L1 and powers: the distance itself;
/// - cosine: `−x̂·ĉ` for the unit vectors;
/// - inner product: `−x·c`, the distance itself.
///
pub(crate) struct PackedCodebook {
    metric: Metric,
    d: usize,
    k: usize,
    codewords: Vec<f32>,
    /// The codewords' mean for squared L2, else unused.
    mean: Vec<f32>,
    panels: Panels,
    /// What `assign` needs, if it is for that.
    lowest: Option<LowestScores>,
    /// What `assign` needs where the codebook is large, once it was needed, if it saves time.
    large: OnceLock<Option<Box<Large>>>,
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
        let (own, mean) = (Vec::new(), Vec::new());
        let mut packed =
            Self { metric, d, k, codewords: own, mean, panels, lowest: None, large: OnceLock::new() };
        packed.pack(codewords);
        Ok(packed)
    }

    /// Packs other `codewords` (k, d) in the memory of the old ones.
    pub(crate) fn pack(&mut self, codewords: &[f32]) {
        let Self { d, k, .. } = *self;
        self.large = OnceLock::new();
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
        if let Some(lowest) = &self.lowest {
            self.lowest = Some(self.lowest_scores(lowest.first_look().clone()));
        }
    }

    /// The same with what `assign` needs, which takes time that other searches need not spend.
    pub(crate) fn for_assign_by(mut self, first_look: FirstLook) -> Self {
        self.lowest = Some(self.lowest_scores(first_look));
        self
    }

    /// [`for_assign_by`](Self::for_assign_by) what is fastest.
    #[cfg(test)]
    pub(crate) fn for_assign(self) -> Self {
        self.for_assign_by(FirstLook::by(super::half_unit::HalfUnit::fastest()))
    }

    /// The same, by tiles however small it is.
    #[cfg(test)]
    pub(crate) fn by_tiles(mut self) -> Self {
        self.lowest = self.lowest.map(LowestScores::by_tiles);
        self
    }

    fn lowest_scores(&self, first_look: FirstLook) -> LowestScores {
        LowestScores::new(self.metric, &self.codewords, &self.mean, &self.panels, first_look)
    }

    /// What `assign` needs.
    ///
    /// # Panics
    /// If the codebook was not prepared [for it](Self::for_assign): a fault of the caller's.
    #[inline(always)]
    pub(super) fn lowest(&self) -> &LowestScores {
        self.lowest.as_ref().expect("the codebook is prepared for assign")
    }

    /// What `assign` needs where the codebook is large, if it saves time with rows like those of `x`.
    pub(super) fn large(&self, x: &[f32]) -> Option<&Large> {
        if !Large::is_worth(self, x) {
            return None;
        }
        self.large.get_or_init(|| Large::new(self, x).map(Box::new)).as_deref().filter(|large| large.pays())
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

    /// (k, d)
    pub(super) fn codewords(&self) -> &[f32] {
        &self.codewords
    }

    /// What squared L2 is centred about.
    pub(super) fn mean(&self) -> &[f32] {
        &self.mean
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

    /// [`score`](Self::score) with sums that begin at these `starts`.
    #[inline]
    pub(super) fn score_from<E: Epilogue>(
        &self,
        starts: &[CacheLine],
        rows: Rows<'_>,
        scratch: &mut Vec<CacheLine>,
        epilogue: &mut E,
    ) {
        let panels = &self.panels;
        match self.metric {
            Metric::SquaredL2 => {
                panels.run(starts, Product, rows, NegatedAbout(&self.mean), scratch, epilogue)
            }
            Metric::Cosine => {
                let scales: Vec<f64> = rows.iter().map(|x| -inverse_norm(x)).collect();
                panels.run(starts, Product, rows, Scaled(&scales), scratch, epilogue);
            }
            Metric::InnerProduct => panels.run(starts, Product, rows, Negated, scratch, epilogue),
            Metric::L1 | Metric::Power(1) => {
                panels.run(starts, AbsoluteDifference, rows, AsIs, scratch, epilogue)
            }
            Metric::Power(2) => panels.run(starts, SquaredDifference, rows, AsIs, scratch, epilogue),
            Metric::Power(m) => panels.run(starts, PowerDifference(m), rows, AsIs, scratch, epilogue),
        }
    }

    /// The same codewords to be scored by their differences, whose rounding is a share of the distance.
    pub(super) fn by_differences(&self) -> Self {
        let same = Self::for_arch(self.arch(), Metric::Power(2), &self.codewords, self.d);
        same.expect("it was packed before").for_assign_by(FirstLook::default())
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
