//! A codebook made ready for the CPU's searches.

use pulp::Arch;

use super::codebook_mean::codebook_mean;
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
/// Squares and powers of the data have to stay in the range of f32, but for the cosine's, which may leave it.
pub(crate) struct PackedCodebook {
    metric: Metric,
    d: usize,
    k: usize,
    codewords: Vec<f32>,
    /// The codewords' mean for squared L2, else unused.
    mean: Vec<f32>,
    panels: Panels,
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
        let mut packed = Self { metric, d, k, codewords: Vec::new(), mean: Vec::new(), panels };
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
        match self.metric {
            Metric::SquaredL2 => {
                self.panels.run(Product, rows, NegatedAbout(&self.mean), scratch, epilogue);
            }
            Metric::Cosine => {
                let scales: Vec<f64> = rows.iter().map(|x| -inverse_norm(x)).collect();
                self.panels.run(Product, rows, Scaled(&scales), scratch, epilogue);
            }
            Metric::InnerProduct => {
                self.panels.run(Product, rows, Negated, scratch, epilogue);
            }
            Metric::L1 | Metric::Power(1) => {
                self.panels.run(AbsoluteDifference, rows, AsIs, scratch, epilogue)
            }
            Metric::Power(2) => self.panels.run(SquaredDifference, rows, AsIs, scratch, epilogue),
            Metric::Power(m) => self.panels.run(PowerDifference(m), rows, AsIs, scratch, epilogue),
        }
    }
}

/// Sixteen partial sums, which can be added to side by side, and then theirs.
fn squared_norm(x: &[f32]) -> f64 {
    let (chunks, rest) = x.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += f64::from(x) * f64::from(x);
    }
    sums.iter().sum()
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
