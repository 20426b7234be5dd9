//! The CPU twin of `assign`: the nearest codeword of every row.

use std::cell::Cell;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::assign_exactly::assign_exactly;
use super::distance::distance;
use super::half_panels::{self, HalfPanels};
use super::prepare_codebook::PackedCodebook;
use super::tile::{CacheLine, Epilogue, GROUP, Rows};
use super::two_least::TwoLeast;
use crate::certified::bounds::is_beyond;
use crate::certified::exact;
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
    match codebook.large(x) {
        Some(large) => large.assign(x, codebook, codes, distances),
        None => {
            assign_parts(x, codebook.d(), &[0], &[codebook], codes, distances);
            Ok(())
        }
    }
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
    let open = AtomicBool::new(false);
    let part = |j: usize| Rows { values: x, stride, first: columns[j], d: codebooks[j].d() };
    let assign_group = |scratch: &mut Scratch, values: &[f32], codes: &mut [u32], distances: &mut [f32]| {
        for (j, codebook) in codebooks.iter().enumerate() {
            let rows = Rows { values, ..part(j) };
            if let Some(lanes) = codebook.lowest().row_lanes() {
                let again = lanes.assign(codebook, rows, |row, code, apart| {
                    codes[row * m + j] = code;
                    distances[row] = if j > 0 { distances[row] + apart } else { apart };
                });
                codebook.lowest().first_look().count(rows.len(), again);
                continue;
            }
            let half = codebook.lowest().half();
            let half_parts = [const { Cell::new(0.0) }; GROUP];
            codebook.lowest().begin(&mut scratch.least);
            let mut nearest = Nearest {
                codebook,
                half: half.map(|half| (half, &half_parts)),
                rows,
                part: j,
                parts: m,
                codes: &mut *codes,
                distances: &mut *distances,
                least: &mut scratch.least,
                open: &open,
            };
            match half {
                Some(half) => codebook.arch().dispatch(HalfScores {
                    half,
                    rows,
                    parts: &half_parts,
                    scratch: &mut scratch.half,
                    epilogue: &mut nearest,
                }),
                None => {
                    let starts = codebook.lowest().starts();
                    codebook.score_from(starts, rows, &mut scratch.lines, &mut nearest);
                }
            }
        }
    };
    // To wake another thread takes longer than a vector.
    if distances.len() <= GROUP {
        assign_group(&mut Scratch::default(), x, codes, distances);
    } else {
        x.par_chunks(GROUP * stride)
            .zip(codes.par_chunks_mut(GROUP * m))
            .zip(distances.par_chunks_mut(GROUP))
            .for_each_init(Scratch::default, |scratch, ((values, codes), distances)| {
                assign_group(scratch, values, codes, distances);
            });
    }
    if open.into_inner() {
        decide(part, codebooks, codes, distances);
    }
}

/// Decides what is still [`UNDECIDED`] without rounding; `part` gives the rows of each part.
pub(super) fn decide<'a>(
    part: impl Fn(usize) -> Rows<'a>,
    codebooks: &[&PackedCodebook],
    codes: &mut [u32],
    distances: &mut [f32],
) {
    let m = codebooks.len();
    let open = codes.par_chunks_exact(m).enumerate().filter(|(_, codes)| codes.contains(&UNDECIDED));
    let open: Vec<usize> = open.map(|(row, _)| row).collect();
    for (j, codebook) in codebooks.iter().enumerate() {
        let rows: Vec<usize> = open.iter().copied().filter(|row| codes[row * m + j] == UNDECIDED).collect();
        for (&row, code) in rows.iter().zip(assign_exactly(part(j), &rows, codebook)) {
            codes[row * m + j] = code;
        }
    }
    for row in open {
        let codes = &codes[row * m..][..m];
        let parts = codebooks.iter().zip(codes).enumerate();
        distances[row] = parts.map(|(j, (codebook, &code))| codebook.distance(part(j).row(row), code)).sum();
    }
}

/// What the `least` scores of a row tell.
pub(super) enum Told {
    /// The nearest codeword and its distance.
    Nearest(u32, f32),
    /// The same, but only by comparing a few codewords.
    OfAFew(u32, f32),
    /// Nothing.
    Nothing,
}

impl Told {
    /// The nearest codeword and its distance, if they are told.
    #[inline(always)]
    pub(super) fn nearest(self) -> Option<(u32, f32)> {
        match self {
            Self::Nearest(code, distance) | Self::OfAFew(code, distance) => Some((code, distance)),
            Self::Nothing => None,
        }
    }
}

/// What the `least` scores tell of row `r` of a group, `row`: the codeword of the least score is the nearest, or the nearest
/// is one of a few. `half` is what the scores are from, if not from the codebook in f32, and the row's part of their bound.
#[inline(always)]
pub(super) fn settle<S: Simd>(
    simd: S,
    codebook: &PackedCodebook,
    half: Option<(&HalfPanels, f32)>,
    (r, row): (usize, &[f32]),
    least: &mut TwoLeast,
) -> Told {
    let lowest = codebook.lowest();
    let padded = half.map_or(lowest.padded(), |(half, _)| half.padded());
    let found = least.found(simd, r, padded);
    let apart = distance(simd, codebook.metric(), row, codebook.codeword(found.nearest));
    let threshold = match half {
        Some((half, part)) => half.threshold(&found, part),
        None => lowest.threshold(row, found.least, found.nearest, apart),
    };
    if found.is_alone_within(threshold) {
        return Told::Nearest(found.nearest, apart);
    }
    let Some(candidates) = least.within(simd, r, padded, &found, threshold) else { return Told::Nothing };
    let is_one = |&j: &u32| (j as usize) < codebook.k() && !lowest.is_copy(j as usize);
    let (nearest, apart) = compare(simd, codebook, row, candidates.numbers().filter(is_one));
    Told::OfAFew(nearest, apart)
}

/// The nearest to `row` of several codewords, and its distance: by their distances, and exactly where those do not tell.
#[inline(always)]
pub(super) fn compare<S: Simd>(
    simd: S,
    codebook: &PackedCodebook,
    row: &[f32],
    candidates: impl Iterator<Item = u32> + Clone,
) -> (u32, f32) {
    let metric = codebook.metric();
    let mut near = Vec::new();
    if let Some(bound) = codebook.lowest().distance_bound() {
        let (mut least, mut second, mut nearest) = (f32::INFINITY, f32::INFINITY, 0);
        for j in candidates.clone() {
            let apart = distance(simd, metric, row, codebook.codeword(j));
            second = second.min(apart.max(least));
            (least, nearest) = if apart < least { (apart, j) } else { (least, nearest) };
        }
        let threshold = bound.threshold(least);
        if second > threshold {
            return (nearest, least);
        }
        for j in candidates {
            if !is_beyond(distance(simd, metric, row, codebook.codeword(j)), threshold) {
                near.push(j);
            }
        }
    } else {
        near.extend(candidates);
    }
    let nearest = exact::nearest(metric, row, &near, |j| codebook.codeword(j));
    (nearest, distance(simd, metric, row, codebook.codeword(nearest)))
}

/// In place of a code that the scores do not tell.
pub(super) const UNDECIDED: u32 = u32::MAX;

/// What scoring a group of rows needs.
struct Scratch {
    lines: Vec<CacheLine>,
    half: half_panels::Scratch,
    least: Box<TwoLeast>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { lines: Vec::new(), half: Default::default(), least: TwoLeast::new() }
    }
}

/// Scores a group of rows in 16 bits.
struct HalfScores<'a, 'b> {
    half: &'a HalfPanels,
    rows: Rows<'a>,
    parts: &'a [Cell<f32>; GROUP],
    scratch: &'a mut half_panels::Scratch,
    epilogue: &'a mut Nearest<'b>,
}

impl WithSimd for HalfScores<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.half.score(simd, self.rows, self.scratch, self.parts, self.epilogue);
    }
}

/// Keeps the least scores of every lane and their codewords, for each row.
struct Nearest<'a> {
    codebook: &'a PackedCodebook,
    /// What the scores are from, if not from the codebook in f32, and the rows' parts of their bounds.
    half: Option<(&'a HalfPanels, &'a [Cell<f32>; GROUP])>,
    rows: Rows<'a>,
    /// The column of `codes` that is written, of so many.
    part: usize,
    parts: usize,
    codes: &'a mut [u32],
    /// From the second part on they are added to what is there.
    distances: &'a mut [f32],
    least: &'a mut TwoLeast,
    /// Set where a code is left undecided.
    open: &'a AtomicBool,
}

impl Epilogue for Nearest<'_> {
    const UNROLLED: bool = true;

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        codeword: usize,
        sums: &[[S::f32s; V]; R],
    ) {
        self.least.consider(simd, row, codeword, sums);
    }

    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S) {
        let codes = self.codes[self.part..].iter_mut().step_by(self.parts);
        let outputs = codes.zip(self.distances.iter_mut());
        let mut again = 0;
        for (r, (row, (code, out))) in self.rows.iter().zip(outputs).enumerate() {
            let half = self.half.map(|(half, parts)| (half, parts[r].get()));
            let told = settle(simd, self.codebook, half, (r, row), self.least);
            again += usize::from(!matches!(told, Told::Nearest(..)));
            if matches!(told, Told::Nothing) {
                self.open.store(true, Relaxed);
                half.inspect(|(half, _)| half.count_open());
            }
            let apart;
            (*code, apart) = told.nearest().unwrap_or((UNDECIDED, 0.0));
            *out = if self.part > 0 { *out + apart } else { apart };
        }
        self.codebook.lowest().first_look().count(self.rows.len(), again);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certified::bounds::adversaries;
    use crate::cpu::oracle::{self, METRICS, SHAPES, archs, uniform};
    use crate::metrics::Metric;
    use crate::selftest::adversarial;

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

    /// The number of the nearest codeword without rounding, for the metrics that are compared so.
    fn nearest(metric: Metric, x: &[f32], c: &[f32]) -> Vec<u32> {
        let d = x.len();
        let all: Vec<u32> = (0..(c.len() / d) as u32).collect();
        vec![exact::nearest(metric, x, &all, |j| &c[j as usize * d..][..d])]
    }

    #[test]
    fn it_finds_the_nearest_whatever_the_codes_are_computed_from() {
        for adversarial::Set { name, x, codewords } in adversarial::sets() {
            let d = x.ncols();
            let (x, c) = (x.into_raw_vec_and_offset().0, codewords.into_raw_vec_and_offset().0);
            for metric in METRICS {
                let want: Vec<u32> = x.chunks_exact(d).flat_map(|x| nearest(metric, x, &c)).collect();
                let codebook = |arch| PackedCodebook::for_arch(arch, metric, &c, d).unwrap().for_assign();
                for arch in archs() {
                    for codebook in [codebook(arch), codebook(arch).by_tiles()] {
                        let (codes, _) = run(&codebook, &x);
                        let wrong = codes.iter().zip(&want).filter(|(code, want)| code != want).count();
                        assert_eq!(wrong, 0, "{metric:?} {arch:?}: {name}");
                    }
                }
            }
        }
    }

    #[test]
    fn rounding_that_goes_one_way_everywhere_misleads_nobody() {
        for d in [128, 1024] {
            let [x, nearer, farther] = adversaries(d);
            // With their mirror images the mean is zero, and the scores are those of the values as they are.
            let mirrored = |c: &[f32]| c.iter().map(|c| -c).collect::<Vec<f32>>();
            let c = [farther.clone(), nearer.clone(), mirrored(&farther), mirrored(&nearer)].concat();
            let want = nearest(Metric::SquaredL2, &x, &c);
            assert_eq!(run(&PackedCodebook::new(Metric::SquaredL2, &c, d).unwrap().for_assign(), &x).0, want);
        }
    }

    #[test]
    fn it_finds_the_oracle_s_nearest_within_the_rounding_bound() {
        for (n, d, k) in SHAPES {
            let (x, c) = (uniform(1, n * d), uniform(2, k * d));
            for (metric, arch) in
                METRICS.into_iter().flat_map(|metric| archs().map(move |arch| (metric, arch)))
            {
                let (codes, distances) =
                    run(&PackedCodebook::for_arch(arch, metric, &c, d).unwrap().for_assign(), &x);
                check(metric, &x, &c, d, &codes, &distances).unwrap();
            }
        }
    }

    #[test]
    fn vectors_that_scores_do_not_decide_are_counted() {
        let codebook =
            PackedCodebook::new(Metric::SquaredL2, &[-1.0, 0.0, 1.0, 0.0], 2).unwrap().for_assign();
        let looks = |x: &[f32]| {
            let before = codebook.lowest().first_look().looks();
            run(&codebook, x);
            codebook.lowest().first_look().looks().since(before)
        };
        // As near to both, and near to one.
        assert_eq!((looks(&[0.0, 0.0, 0.0, 7.0]).vectors, looks(&[0.0, 0.0, 0.0, 7.0]).again), (2, 2));
        assert_eq!(looks(&[0.0, 3.0, 0.9, 3.0, -0.9, 0.0]).share(), 1.0 / 3.0);
    }

    #[test]
    fn the_check_refuses_the_second_nearest_and_a_wrong_distance() {
        let (d, k) = (16, 33);
        let (x, c) = (uniform(3, d), uniform(4, k * d));
        for metric in METRICS {
            let (codes, distances) = run(&PackedCodebook::new(metric, &c, d).unwrap().for_assign(), &x);
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
        let (codes, distances) =
            run(&PackedCodebook::new(Metric::SquaredL2, &c, d).unwrap().for_assign(), &x);
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
                    let codebook = PackedCodebook::for_arch(arch, metric, &c, d).unwrap().for_assign();
                    assert_eq!(run(&codebook, &few).0, [0, 1, 2, 3, 4, 5, 6], "{metric:?} {arch:?} k {k}");
                    let (codes, _) = run(&codebook.by_tiles(), &few);
                    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6], "{metric:?} {arch:?} k {k}");
                }
            }
        }
        // Different codewords at the same distance: small integers about a mean of zero make every score exact.
        let c = oracle::integers_of_mean_zero(12, 200, 3);
        let x: Vec<f32> = uniform(13, 100 * 3).iter().map(|x| (x * 3.0).round()).collect();
        for metric in [Metric::SquaredL2, Metric::L1, Metric::Power(3), Metric::InnerProduct] {
            let (codes, _) = run(&PackedCodebook::new(metric, &c, 3).unwrap().for_assign(), &x);
            for (x, &code) in x.chunks_exact(3).zip(&codes) {
                assert_eq!(code, oracle::ranking(metric, x, &c)[0], "{metric:?} {x:?}");
            }
        }
        // The zero vector is as far from every direction.
        let (codes, distances) =
            run(&PackedCodebook::new(Metric::Cosine, &few, d).unwrap().for_assign(), &[0.0; 5]);
        assert_eq!((codes[0], distances[0]), (0, 1.0));
    }

    #[test]
    fn the_bits_depend_on_no_batch_no_thread_and_no_vector_width() {
        let (n, d, k) = (500, 21, 75);
        let (x, c) = (uniform(14, n * d), uniform(15, k * d));
        for metric in METRICS {
            let codebook = PackedCodebook::new(metric, &c, d).unwrap().for_assign();
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
                let (other_codes, others) =
                    run(&PackedCodebook::for_arch(arch, metric, &c, d).unwrap().for_assign(), &x);
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
        let (codes, _) = run(
            &PackedCodebook::new(Metric::SquaredL2, &[3e38, -3e38], 1).unwrap().for_assign(),
            &[3e38, -3e38],
        );
        assert!(codes.iter().all(|&code| code < 2));
        // The cosine needs no squares of theirs.
        let c = [1e38, 0.0, 0.0, 1e-38];
        let (codes, distances) =
            run(&PackedCodebook::new(Metric::Cosine, &c, 2).unwrap().for_assign(), &[1e-38, 0.0, 0.0, 3e38]);
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
