//! The CPU twin of `top_w`: the w nearest codewords of every row.

use pulp::Simd;
use rayon::prelude::*;

use super::assign::assign;
use super::distance::distance;
use super::prepare_codebook::PackedCodebook;
use super::tile::{Epilogue, GROUP, Rows};
use crate::error::{Error, Result};

/// Finds the `w` codewords with the least scores for every row of `x` (n, d), in ascending order of score, equal ones
/// in ascending order of index; writes their indices to `codes` (n, w) and their distances, by the metric's definition,
/// to `distances` (n, w). The first column is what `assign` finds.
///
/// # Errors
/// If `w` is 0 or more than the codebook has codewords, `x` is no whole number of rows, or an output is not n·w long.
pub(crate) fn top_w(
    x: &[f32],
    codebook: &PackedCodebook,
    w: usize,
    codes: &mut [u32],
    distances: &mut [f32],
) -> Result<()> {
    let n = codebook.rows_in(x)?;
    if w == 0 || w > codebook.k() {
        return Err(Error::input(format!(
            "the nearest {w} of {} codewords; 1 to all can be asked for",
            codebook.k()
        )));
    }
    if n.checked_mul(w) != Some(codes.len()) || codes.len() != distances.len() {
        return Err(Error::shape(format!(
            "the nearest {w} codewords of {n} rows to {} codes and {} distances; there are {w} of each per row",
            codes.len(),
            distances.len()
        )));
    }
    if w == 1 {
        return assign(x, codebook, codes, distances);
    }
    x.par_chunks(GROUP * codebook.d())
        .zip(codes.par_chunks_mut(GROUP * w))
        .zip(distances.par_chunks_mut(GROUP * w))
        .for_each_init(Vec::new, |scratch, ((rows, codes), distances)| {
            codes.fill(0);
            distances.fill(f32::INFINITY);
            codebook.score(
                Rows::whole(rows, codebook.d()),
                scratch,
                &mut Nearest { codebook, rows, w, codes, scores: distances },
            );
        });
    Ok(())
}

/// Keeps the w least scores of each row, sorted, where their distances will be.
struct Nearest<'a> {
    codebook: &'a PackedCodebook,
    rows: &'a [f32],
    w: usize,
    codes: &'a mut [u32],
    scores: &'a mut [f32],
}

impl Epilogue for Nearest<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        codeword: usize,
        sums: &[[S::f32s; V]; R],
    ) {
        let first = row * self.w;
        let scores = self.scores[first..].chunks_exact_mut(self.w);
        let codes = self.codes[first..].chunks_exact_mut(self.w);
        for ((scores, codes), sums) in scores.zip(codes).zip(sums) {
            let worst = simd.splat_f32s(scores[scores.len() - 1]);
            for (v, &sums) in sums.iter().enumerate() {
                // After the first few panels hardly any score is among the least.
                if simd.first_true_m32s(simd.less_than_f32s(sums, worst)) < S::F32_LANES {
                    insert(bytemuck::cast_slice(&[sums]), codeword + v * S::F32_LANES, scores, codes);
                }
            }
        }
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S) {
        let rows = self.rows.chunks_exact(self.codebook.d());
        let best = self.scores.chunks_exact_mut(self.w).zip(self.codes.chunks_exact(self.w));
        for (row, (distances, codes)) in rows.zip(best) {
            for (out, &code) in distances.iter_mut().zip(codes) {
                *out = distance(simd, self.codebook.metric(), row, self.codebook.codeword(code));
            }
        }
    }
}

/// Puts those of `candidates`, the scores from codeword `first` on, that are less than the last of the sorted `scores`
/// in their places, behind equal ones, which have lower indices.
#[inline(never)]
fn insert(candidates: &[f32], first: usize, scores: &mut [f32], codes: &mut [u32]) {
    let last = scores.len() - 1;
    for (i, &score) in candidates.iter().enumerate() {
        if score < scores[last] {
            let mut place = last;
            while place > 0 && scores[place - 1] > score {
                scores[place] = scores[place - 1];
                codes[place] = codes[place - 1];
                place -= 1;
            }
            scores[place] = score;
            codes[place] = (first + i) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::oracle::{self, METRICS, SHAPES, archs, uniform};
    use crate::metrics::Metric;

    fn run(codebook: &PackedCodebook, x: &[f32], w: usize) -> (Vec<u32>, Vec<f32>) {
        let n = x.len() / codebook.d();
        let (mut codes, mut distances) = (vec![u32::MAX; n * w], vec![f32::NAN; n * w]);
        top_w(x, codebook, w, &mut codes, &mut distances).unwrap();
        (codes, distances)
    }

    #[test]
    fn it_finds_the_oracle_s_nearest_within_the_rounding_bound() {
        for (n, d, k) in SHAPES {
            let (x, c) = (uniform(1, n * d), uniform(2, k * d));
            for (metric, arch) in
                METRICS.into_iter().flat_map(|metric| archs().map(move |arch| (metric, arch)))
            {
                let codebook = PackedCodebook::for_arch(arch, metric, &c, d).unwrap().for_assign();
                for w in [1, 2, 5, k].into_iter().filter(|&w| w <= k) {
                    let (codes, distances) = run(&codebook, &x, w);
                    for ((x, codes), distances) in
                        x.chunks_exact(d).zip(codes.chunks(w)).zip(distances.chunks(w))
                    {
                        oracle::check_nearest(metric, x, &c, codes).unwrap();
                        for (&code, &distance) in codes.iter().zip(distances) {
                            oracle::check_distance(metric, x, codebook.codeword(code), distance).unwrap();
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn equal_scores_come_in_the_order_of_their_indices() {
        // Small integers and a codebook whose mean is zero: every score is exact.
        let (d, k) = (3, 100);
        let c = oracle::integers_of_mean_zero(7, k, d);
        let x: Vec<f32> = uniform(8, 40 * d).iter().map(|x| (x * 3.0).round()).collect();
        for metric in [Metric::SquaredL2, Metric::L1, Metric::Power(3)] {
            let (codes, _) = run(&PackedCodebook::new(metric, &c, d).unwrap().for_assign(), &x, 33);
            for (x, codes) in x.chunks_exact(d).zip(codes.chunks(33)) {
                assert_eq!(codes, &oracle::ranking(metric, x, &c)[..33], "{metric:?} {x:?}");
            }
        }
    }

    #[test]
    fn the_first_is_what_assign_finds_and_no_batch_changes_a_bit() {
        let (n, d, k, w) = (200, 24, 70, 9);
        let (x, c) = (uniform(9, n * d), uniform(10, k * d));
        for metric in METRICS {
            let codebook = PackedCodebook::new(metric, &c, d).unwrap().for_assign();
            let (codes, distances) = run(&codebook, &x, w);
            let (mut nearest, mut least) = (vec![0; n], vec![0.0; n]);
            assign(&x, &codebook, &mut nearest, &mut least).unwrap();
            assert_eq!(nearest, codes.iter().copied().step_by(w).collect::<Vec<_>>());
            assert_eq!(
                oracle::bits(&least),
                oracle::bits(&distances.iter().copied().step_by(w).collect::<Vec<_>>())
            );
            let parts: Vec<_> = x.chunks(17 * d).map(|x| run(&codebook, x, w)).collect();
            assert_eq!(codes, parts.iter().flat_map(|(codes, _)| codes.clone()).collect::<Vec<_>>());
            let parts: Vec<f32> = parts.into_iter().flat_map(|(_, distances)| distances).collect();
            assert_eq!(oracle::bits(&distances), oracle::bits(&parts));
        }
    }

    #[test]
    fn a_width_or_shape_that_does_not_fit_is_an_error() {
        let codebook = PackedCodebook::new(Metric::L1, &[0.0; 6], 2).unwrap();
        let message = |w, codes: &mut [u32]| {
            top_w(&[0.0; 4], &codebook, w, codes, &mut [0.0; 4]).expect_err("is refused").to_string()
        };
        assert!(message(0, &mut []).contains("the nearest 0 of 3"));
        assert!(message(4, &mut [0; 8]).contains("the nearest 4 of 3"));
        assert!(message(2, &mut [0; 3]).contains("3 codes"));
    }
}
