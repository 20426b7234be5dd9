//! The CPU twin of `distance_matrix`: the distance of every row and every codeword.

use pulp::{Arch, Simd};
use rayon::prelude::*;

use super::prepare_codebook::PackedCodebook;
use super::tile::{Epilogue, GROUP, Rows};
use crate::error::{Error, Result};
use crate::metrics::Metric;

/// Writes the distances of the rows of `x` (n, d) and the codewords of `codebook` (k, d) to `out` (n, k), all
/// row-major.
///
/// They are sums of what the metric's definition adds up, never negative but for the inner product's. With u = 2⁻²⁴ they are off by at most
/// (d + 3)·u of the squared L2 distance, (d + 1)·u of the L1, (d + 2m)·u of the power m, d·u of Σ |x·c| of the inner
/// product, and (d + 4)·u, in absolute terms, of the cosine's.
///
/// # Errors
/// Those of [`PackedCodebook::new`], and if `x` is no whole number of rows or `out` is not n·k long.
pub(crate) fn distance_matrix(
    metric: Metric,
    x: &[f32],
    codebook: &[f32],
    d: usize,
    out: &mut [f32],
) -> Result<()> {
    distance_matrix_on(Arch::new(), metric, x, codebook, d, out)
}

fn distance_matrix_on(
    arch: Arch,
    metric: Metric,
    x: &[f32],
    codebook: &[f32],
    d: usize,
    out: &mut [f32],
) -> Result<()> {
    // The score for squared L2 leaves ‖x‖² out and cancels; that for the same distance by its other name does not.
    let metric = if metric == Metric::SquaredL2 { Metric::Power(2) } else { metric };
    let codebook = PackedCodebook::for_arch(arch, metric, codebook, d)?;
    let (n, k) = (codebook.rows_in(x)?, codebook.k());
    if n.checked_mul(k) != Some(out.len()) {
        return Err(Error::shape(format!(
            "{} numbers for the distances of {n} rows and {k} codewords; there are rows times codewords",
            out.len()
        )));
    }
    let offset = if metric == Metric::Cosine { 1.0 } else { 0.0 };
    let least = if metric == Metric::InnerProduct { f32::NEG_INFINITY } else { 0.0 };
    x.par_chunks(GROUP * d).zip(out.par_chunks_mut(GROUP * k)).for_each_init(
        Vec::new,
        |scratch, (rows, out)| {
            codebook.score(Rows::whole(rows, d), scratch, &mut Store { out, k, offset, least })
        },
    );
    Ok(())
}

/// Stores `max(offset + sum, least)`.
pub(super) struct Store<'a> {
    out: &'a mut [f32],
    k: usize,
    offset: f32,
    least: f32,
}

impl<'a> Store<'a> {
    /// Stores the sums as they are in `out`, `k` to a row.
    pub(super) fn all(out: &'a mut [f32], k: usize) -> Self {
        Self { out, k, offset: 0.0, least: f32::NEG_INFINITY }
    }
}

impl Epilogue for Store<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        codeword: usize,
        sums: &[[S::f32s; V]; R],
    ) {
        let (offset, least) = (simd.splat_f32s(self.offset), simd.splat_f32s(self.least));
        for (out, sums) in self.out[row * self.k..].chunks_exact_mut(self.k).zip(sums) {
            for (out, &sum) in out[codeword..].chunks_mut(S::F32_LANES).zip(sums) {
                let distances = simd.max_f32s(simd.add_f32s(offset, sum), least);
                match S::as_mut_simd_f32s(out).0 {
                    [whole] => *whole = distances,
                    _ => out.copy_from_slice(&bytemuck::cast_slice(&[distances])[..out.len()]),
                }
            }
        }
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, _: S) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::oracle::{self, METRICS, SHAPES, archs, uniform};

    #[test]
    fn it_is_the_oracle_s_within_the_rounding_bound() {
        for (n, d, k) in SHAPES {
            let (x, c) = (uniform(1, n * d), uniform(2, k * d));
            for metric in METRICS {
                for arch in archs() {
                    let mut out = vec![f32::NAN; n * k];
                    distance_matrix_on(arch, metric, &x, &c, d, &mut out).unwrap();
                    for (row, x) in out.chunks_exact(k).zip(x.chunks_exact(d)) {
                        for (&got, c) in row.iter().zip(c.chunks_exact(d)) {
                            oracle::check_distance(metric, x, c, got).unwrap();
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_vector_is_at_distance_zero_of_itself_however_far_from_the_origin() {
        let d = 37;
        let c: Vec<f32> = uniform(3, 5 * d).iter().map(|x| 1e4 + x).collect();
        for metric in [Metric::SquaredL2, Metric::L1, Metric::Power(3)] {
            let mut out = [f32::NAN; 25];
            distance_matrix(metric, &c, &c, d, &mut out).unwrap();
            for (i, &distance) in out.iter().enumerate() {
                assert_eq!(distance == 0.0, i % 6 == 0, "{metric:?}: {distance} at {i}");
            }
        }
    }

    #[test]
    fn the_zero_vector_has_cosine_zero_with_everything() {
        let mut out = [f32::NAN; 4];
        distance_matrix(Metric::Cosine, &[0.0, 0.0, 1.0, 0.0], &[0.0, 0.0, 3.0, 0.0], 2, &mut out).unwrap();
        assert_eq!(out, [1.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_cosine_distance_that_rounds_below_zero_is_zero() {
        let (n, d) = (100, 37);
        let c = uniform(6, n * d);
        let x: Vec<f32> = c.iter().map(|c| 3.0 * c).collect();
        let mut out = vec![f32::NAN; n * n];
        distance_matrix(Metric::Cosine, &x, &c, d, &mut out).unwrap();
        assert!(out.iter().all(|&distance| distance >= 0.0));
    }

    #[test]
    fn the_bits_depend_on_no_batch_and_no_vector_width() {
        let (n, d, k) = (150, 19, 45);
        let (x, c) = (uniform(4, n * d), uniform(5, k * d));
        for metric in METRICS {
            let mut whole = vec![f32::NAN; n * k];
            distance_matrix(metric, &x, &c, d, &mut whole).unwrap();
            for arch in oracle::fused_archs() {
                let mut out = vec![f32::NAN; n * k];
                distance_matrix_on(arch, metric, &x, &c, d, &mut out).unwrap();
                assert_eq!(oracle::bits(&whole), oracle::bits(&out), "{metric:?} {arch:?}");
            }
            for batch in [1, 7, 13] {
                let mut out = vec![f32::NAN; n * k];
                for (x, out) in x.chunks(batch * d).zip(out.chunks_mut(batch * k)) {
                    distance_matrix(metric, x, &c, d, out).unwrap();
                }
                assert_eq!(oracle::bits(&whole), oracle::bits(&out), "{metric:?} batch {batch}");
            }
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let mut out = [0.0; 2];
        assert!(distance_matrix(Metric::L1, &[0.0; 3], &[0.0; 2], 2, &mut out).is_err());
        assert!(distance_matrix(Metric::L1, &[0.0; 2], &[0.0; 2], 2, &mut out).is_err());
    }
}
