//! The CPU twin of `assign`: the nearest codeword of every row.

use pulp::Simd;
use rayon::prelude::*;

use super::distance::distance;
use super::least::Least;
use super::prepare_codebook::PackedCodebook;
use super::tile::{CacheLine, Epilogue, GROUP, Rows};
use crate::error::{Error, Result};

/// Finds the codeword with the least score for every row of `x` (n, d), of equal ones the one with the lowest index;
/// writes its index to `codes` (n) and its distance, by the metric's definition, to `distances` (n).
///
/// # Errors
/// If `x` is no whole number of rows, or an output is not as long as it has rows.
pub(crate) fn assign(
    x: &[f32],
    codebook: &PackedCodebook,
    codes: &mut [u32],
    distances: &mut [f32],
) -> Result<()> {
    let n = codebook.rows_in(x)?;
    if codes.len() != n || distances.len() != n {
        return Err(Error::shape(format!(
            "assign of {n} rows to {} codes and {} distances; there is one of each per row",
            codes.len(),
            distances.len()
        )));
    }
    assign_parts(x, codebook.d(), &[0], &[codebook], codes, distances);
    Ok(())
}

/// [`assign`] of parts of the rows of `x` (n, stride): codebook j is for the columns from `columns[j]` on, its codes go to
/// column j of `codes` (n, m), and the distances are sums over the parts.
///
/// All parts of a group of rows are done while the rows are in the cache.
pub(crate) fn assign_parts(
    x: &[f32],
    stride: usize,
    columns: &[usize],
    codebooks: &[&PackedCodebook],
    codes: &mut [u32],
    distances: &mut [f32],
) {
    let m = codebooks.len();
    let assign_group =
        |scratch: &mut Vec<CacheLine>, values: &[f32], codes: &mut [u32], distances: &mut [f32]| {
            for (j, (codebook, &first)) in codebooks.iter().zip(columns).enumerate() {
                let rows = Rows { values, stride, first, d: codebook.d() };
                let part = Part { codes: m, code: j };
                let least = [Least::none(); GROUP];
                let (codes, distances) = (&mut *codes, &mut *distances);
                let mut nearest = Nearest { codebook, rows, part, codes, distances, least };
                codebook.score(rows, scratch, &mut nearest);
            }
        };
    // To wake another thread takes longer than a vector.
    if distances.len() <= GROUP {
        return assign_group(&mut Vec::new(), x, codes, distances);
    }
    x.par_chunks(GROUP * stride)
        .zip(codes.par_chunks_mut(GROUP * m))
        .zip(distances.par_chunks_mut(GROUP))
        .for_each_init(Vec::new, |scratch, ((values, codes), distances)| {
            assign_group(scratch, values, codes, distances);
        });
}

/// Where the codes of a part go.
#[derive(Clone, Copy)]
struct Part {
    /// Columns of the codes.
    codes: usize,
    /// The one that is written; from the second on the distances are added to what is there.
    code: usize,
}

/// Keeps the least score of every lane and its codeword, for each row.
struct Nearest<'a> {
    codebook: &'a PackedCodebook,
    rows: Rows<'a>,
    part: Part,
    codes: &'a mut [u32],
    distances: &'a mut [f32],
    least: [Least; GROUP],
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
        for (sums, least) in sums.iter().zip(&mut self.least[row..row + R]) {
            least.consider(simd, codeword as u32, sums);
        }
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S) {
        let codes = self.codes[self.part.code..].iter_mut().step_by(self.part.codes);
        let outputs = codes.zip(self.distances.iter_mut());
        for ((row, (code, out)), least) in self.rows.iter().zip(outputs).zip(&self.least) {
            *code = least.candidate(simd);
            let distance = distance(simd, self.codebook.metric(), row, self.codebook.codeword(*code));
            *out = if self.part.code > 0 { *out + distance } else { distance };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::oracle::{self, METRICS, SHAPES, archs, uniform};
    use crate::metrics::Metric;

    fn run(codebook: &PackedCodebook, x: &[f32]) -> (Vec<u32>, Vec<f32>) {
        let n = x.len() / codebook.d();
        let (mut codes, mut distances) = (vec![u32::MAX; n], vec![f32::NAN; n]);
        assign(x, codebook, &mut codes, &mut distances).unwrap();
        (codes, distances)
    }

    /// Every choice and every distance within its rounding bound of the oracle's.
    fn check(
        metric: Metric,
        x: &[f32],
        c: &[f32],
        d: usize,
        codes: &[u32],
        distances: &[f32],
    ) -> Result<(), String> {
        for ((x, &code), &distance) in x.chunks_exact(d).zip(codes).zip(distances) {
            oracle::check_nearest(metric, x, c, &[code])?;
            oracle::check_distance(metric, x, &c[code as usize * d..][..d], distance)?;
        }
        Ok(())
    }

    #[test]
    fn it_finds_the_oracle_s_nearest_within_the_rounding_bound() {
        for (n, d, k) in SHAPES {
            let (x, c) = (uniform(1, n * d), uniform(2, k * d));
            for (metric, arch) in
                METRICS.into_iter().flat_map(|metric| archs().map(move |arch| (metric, arch)))
            {
                let (codes, distances) = run(&PackedCodebook::for_arch(arch, metric, &c, d).unwrap(), &x);
                check(metric, &x, &c, d, &codes, &distances).unwrap();
            }
        }
    }

    #[test]
    fn the_check_refuses_the_second_nearest_and_a_wrong_distance() {
        let (d, k) = (16, 33);
        let (x, c) = (uniform(3, d), uniform(4, k * d));
        for metric in METRICS {
            let (codes, distances) = run(&PackedCodebook::new(metric, &c, d).unwrap(), &x);
            let second = oracle::ranking(metric, &x, &c)[1];
            assert!(check(metric, &x, &c, d, &[second], &distances).is_err());
            assert!(check(metric, &x, &c, d, &codes, &[distances[0] * 1.001]).is_err());
        }
    }

    #[test]
    fn data_far_from_the_origin_keep_their_nearest() {
        let (n, d, k) = (200, 32, 64);
        let far = |seed, len| uniform(seed, len).iter().map(|x| 1e4 + x).collect::<Vec<f32>>();
        let (x, c) = (far(5, n * d), far(6, k * d));
        let (codes, distances) = run(&PackedCodebook::new(Metric::SquaredL2, &c, d).unwrap(), &x);
        check(Metric::SquaredL2, &x, &c, d, &codes, &distances).unwrap();

        // The check can tell: scores that are not centred lose their digits and miss.
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let missed = x.chunks_exact(d).filter(|x| {
            let score = |c: &[f32]| 0.5 * dot(c, c) - dot(x, c);
            let scores: Vec<f32> = c.chunks_exact(d).map(score).collect();
            let code = (0..k).min_by(|&i, &j| scores[i].total_cmp(&scores[j])).expect("k > 0") as u32;
            oracle::check_nearest(Metric::SquaredL2, x, &c, &[code]).is_err()
        });
        assert!(missed.count() > n / 2);
    }

    #[test]
    fn ties_go_to_the_lowest_index() {
        // Copies of a few codewords in all lanes, vectors and panels.
        let d = 5;
        let few = uniform(11, 7 * d);
        for k in [7, 32, 33, 100, 257] {
            let c: Vec<f32> = few.iter().copied().cycle().take(k * d).collect();
            // By their inner products vectors need not be nearest to themselves.
            for metric in METRICS.into_iter().filter(|&metric| metric != Metric::InnerProduct) {
                for arch in archs() {
                    let (codes, _) = run(&PackedCodebook::for_arch(arch, metric, &c, d).unwrap(), &few);
                    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6], "{metric:?} {arch:?} k {k}");
                }
            }
        }
        // Different codewords at the same distance: small integers about a mean of zero make every score exact.
        let c = oracle::integers_of_mean_zero(12, 200, 3);
        let x: Vec<f32> = uniform(13, 100 * 3).iter().map(|x| (x * 3.0).round()).collect();
        for metric in [Metric::SquaredL2, Metric::L1, Metric::Power(3), Metric::InnerProduct] {
            let (codes, _) = run(&PackedCodebook::new(metric, &c, 3).unwrap(), &x);
            for (x, &code) in x.chunks_exact(3).zip(&codes) {
                assert_eq!(code, oracle::ranking(metric, x, &c)[0], "{metric:?} {x:?}");
            }
        }
        // The zero vector is as far from every direction.
        let (codes, distances) = run(&PackedCodebook::new(Metric::Cosine, &few, d).unwrap(), &[0.0; 5]);
        assert_eq!((codes[0], distances[0]), (0, 1.0));
    }

    #[test]
    fn the_bits_depend_on_no_batch_no_thread_and_no_vector_width() {
        let (n, d, k) = (500, 21, 75);
        let (x, c) = (uniform(14, n * d), uniform(15, k * d));
        for metric in METRICS {
            let codebook = PackedCodebook::new(metric, &c, d).unwrap();
            let (codes, distances) = run(&codebook, &x);
            for batch in [1, 5, 12, 97] {
                let parts: Vec<_> = x.chunks(batch * d).map(|x| run(&codebook, x)).collect();
                assert_eq!(codes, parts.iter().flat_map(|(codes, _)| codes.clone()).collect::<Vec<_>>());
                let parts: Vec<f32> = parts.into_iter().flat_map(|(_, distances)| distances).collect();
                assert_eq!(oracle::bits(&distances), oracle::bits(&parts), "{metric:?} batch {batch}");
            }
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let (other_codes, others) = pool.install(|| run(&codebook, &x));
                assert_eq!((&codes, oracle::bits(&distances)), (&other_codes, oracle::bits(&others)));
            }
            for arch in oracle::fused_archs() {
                let (other_codes, others) = run(&PackedCodebook::for_arch(arch, metric, &c, d).unwrap(), &x);
                assert_eq!(
                    (&codes, oracle::bits(&distances)),
                    (&other_codes, oracle::bits(&others)),
                    "{arch:?}"
                );
            }
        }
    }

    #[test]
    fn numbers_beyond_the_range_of_squares_still_get_a_code() {
        let (codes, _) =
            run(&PackedCodebook::new(Metric::SquaredL2, &[3e38, -3e38], 1).unwrap(), &[3e38, -3e38]);
        assert!(codes.iter().all(|&code| code < 2));
        // The cosine needs no squares of theirs.
        let c = [1e38, 0.0, 0.0, 1e-38];
        let (codes, distances) =
            run(&PackedCodebook::new(Metric::Cosine, &c, 2).unwrap(), &[1e-38, 0.0, 0.0, 3e38]);
        assert_eq!((codes, distances), (vec![0, 1], vec![0.0, 0.0]));
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let codebook = PackedCodebook::new(Metric::L1, &[0.0; 6], 2).unwrap();
        let message = |x: &[f32], n| {
            assign(x, &codebook, &mut vec![0; n], &mut vec![0.0; n]).expect_err("is refused").to_string()
        };
        assert!(message(&[0.0; 3], 1).contains("3 numbers"));
        assert!(message(&[0.0; 4], 3).contains("assign of 2 rows to 3 codes"));
    }
}
