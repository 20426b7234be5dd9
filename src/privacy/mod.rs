//! How evenly codes occur, and so how little a code says of whose it is.
//!
//! A code that few vectors share tells more of them than one that many share. The ideal is a uniform code: each of N
//! vectors falls on each of K codewords with probability 1/K. [`Occurrence`] holds the counts of a code beside what
//! chance makes of that ideal.
//!
//! The measures are those of M. H. Vali and T. Bäckström, "Privacy PORCUPINE: Anonymization of speaker attributes using
//! occurrence normalization for space-filling vector quantization" (Interspeech 2024), Publication VI of the thesis.

mod binomial;

use std::ops::Range;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::metrics::Usage;
use binomial::Binomial;

/// A measure of a code, and of a uniform one of the same N and K.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measure {
    /// The measure of the counts.
    pub found: f64,
    /// What is expected of a uniform code.
    pub ideal: f64,
}

/// How N vectors occur on K codewords.
///
/// ```
/// use wgvq::privacy::Occurrence;
/// let found = Occurrence::of(&[5, 3, 2, 0, 10])?;
/// assert_eq!((found.vectors, found.codewords), (20, 5));
/// // √((1² + 1² + 2² + 4² + 6²) / 5) about the mean 4, against √(20 · 1/5 · 4/5).
/// assert!((found.standard_deviation.found - 11.6_f64.sqrt()).abs() < 1e-12);
/// assert!((found.standard_deviation.ideal - 3.2_f64.sqrt()).abs() < 1e-12);
/// // A codeword that nobody has would tell everything of the first who gets it: log2 20 bits.
/// assert!((found.worst_case.found - 20_f64.log2()).abs() < 1e-12);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Occurrence {
    /// N.
    pub vectors: u64,
    /// K.
    pub codewords: usize,
    /// The standard deviation of the K counts, in vectors; ideally √(N/K (1 − 1/K)).
    pub standard_deviation: Measure,
    /// The Kullback–Leibler divergence in bits of the distribution of counts from Binomial(N, 1/K):
    /// Σ f(c) log2(f(c) / b(c)) over the counts c that occur, where f(c) is the share of the K codewords with count c (as
    /// it is, neither smoothed nor binned) and b(c) the binomial probability of c. K counts never follow b closely, so
    /// the ideal is not 0 but the expectation for K independent binomial counts, which is summed up exactly:
    /// Σ_c E[M/K log2(M / (K b(c)))] with M from Binomial(K, b(c)). That counts add up to N moves it by a few per cent.
    pub divergence: Measure,
    /// ℓ2/ℓ1 of the counts, 1/√K (all equal) to 1 (all on one codeword); ideally √(1/N + (1 − 1/N)/K), the root of the
    /// expected square, which is within K/(4N²) of its own size of the expected root.
    pub sparseness: Measure,
    /// Bits that the rarest code gives away, −log2((min c + 1)/N), where one more vector keeps codewords without any
    /// finite; ideally log2 K.
    pub worst_case: Measure,
    /// Bits that a code gives away on average, the entropy of the codes; ideally log2 K. A code that is less even gives
    /// away less on average and more in the worst case.
    pub mean: Measure,
}

/// The most vectors that can be counted: there the sums over binomial probabilities still take seconds.
const MOST_VECTORS: u64 = 1 << 40;

impl Occurrence {
    /// Measures the `counts` of K codewords.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there are fewer than two codewords, no vectors, or more than 2⁴⁰.
    pub fn of(counts: &[u64]) -> Result<Self> {
        let codewords = counts.len();
        if codewords < 2 {
            return Err(Error::input(format!(
                "the occurrence of {codewords} codewords; it takes at least 2 for a code to say anything"
            )));
        }
        let vectors = counts.iter().fold(0, |sum: u64, &count| sum.saturating_add(count));
        if !(1..=MOST_VECTORS).contains(&vectors) {
            return Err(Error::input(format!(
                "the codewords occur {vectors} times in all; 1 to {MOST_VECTORS} can be measured"
            )));
        }
        let (n, k) = (vectors as f64, codewords as f64);
        let binomial = Binomial::new(vectors, 1.0 / k);
        let squares = |from: f64| counts.iter().map(|&count| (count as f64 - from).powi(2)).sum::<f64>();
        let least = counts.iter().min().copied().unwrap_or(0);
        let measure = |found, ideal| Measure { found, ideal };
        Ok(Self {
            vectors,
            codewords,
            standard_deviation: measure((squares(n / k) / k).sqrt(), binomial.standard_deviation()),
            divergence: measure(divergence(counts, &binomial), expected_divergence(codewords, &binomial)),
            sparseness: measure(squares(0.0).sqrt() / n, (1.0 / n + (1.0 - 1.0 / n) / k).sqrt()),
            worst_case: measure((n / (least as f64 + 1.0)).log2(), k.log2()),
            mean: measure(Usage::from_counts(counts.to_vec()).entropy(), k.log2()),
        })
    }

    /// The share of its codewords that a uniform code is expected to use so many times as `counts` says.
    ///
    /// ```
    /// let found = wgvq::privacy::Occurrence::of(&[1, 1])?;
    /// assert!((found.ideal_share(0..1) - 0.25).abs() < 1e-12);
    /// assert!((found.ideal_share(1..3) - 0.75).abs() < 1e-12);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn ideal_share(&self, counts: Range<u64>) -> f64 {
        let binomial = Binomial::new(self.vectors, 1.0 / self.codewords as f64);
        let support = binomial.support();
        let counts = counts.start.max(support.start)..counts.end.min(support.end);
        counts.map(|count| binomial.probability(count)).sum()
    }
}

fn divergence(counts: &[u64], binomial: &Binomial) -> f64 {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    let nats = sorted.chunk_by(|a, b| a == b).map(|equal| {
        let share = equal.len() as f64 / counts.len() as f64;
        share * (share.ln() - binomial.ln_probability(equal[0]))
    });
    nats.sum::<f64>() / std::f64::consts::LN_2
}

/// The expected [`divergence`] of `k` independent counts.
fn expected_divergence(k: usize, binomial: &Binomial) -> f64 {
    let bits = binomial.support().map(|count| {
        let share = binomial.probability(count);
        // Such counts do not occur, and add nothing.
        if share < 1e-18 {
            return 0.0;
        }
        let expected = k as f64 * share;
        let codewords = Binomial::new(k as u64, share);
        let term = |m: u64| codewords.probability(m) * m as f64 * (m as f64 / expected).log2();
        codewords.support().filter(|&m| m > 0).map(term).sum::<f64>() / k as f64
    });
    bits.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn near(found: f64, want: f64, tolerance: f64) {
        assert!((found - want).abs() <= tolerance * want.abs(), "{found}, not {want}");
    }

    #[test]
    fn a_histogram_worked_by_hand() {
        let found = Occurrence::of(&[5, 3, 2, 0, 10]).unwrap();
        near(found.standard_deviation.found, 11.6_f64.sqrt(), 1e-14);
        near(found.sparseness.found, (138.0_f64 / 400.0).sqrt(), 1e-14);
        near(found.worst_case.found, 20.0_f64.log2(), 1e-14);
        // .25 · 2 + .15 log2(20/3) + .1 log2 10 + .5
        let entropy = 1.0 + 0.15 * (20.0_f64 / 3.0).log2() + 0.1 * 10.0_f64.log2();
        near(found.mean.found, entropy, 1e-14);
        // Five counts of one codeword each: log2(1/5) less the mean of log2 C(20, c) .2^c .8^(20 - c).
        let ways = [15504.0, 1140.0, 190.0, 1.0, 184756.0_f64].map(f64::log2).iter().sum::<f64>() / 5.0;
        let want = 0.2_f64.log2() - ways - 4.0 * 0.2_f64.log2() - 16.0 * 0.8_f64.log2();
        near(found.divergence.found, want, 1e-12);
        // The same by SciPy.
        near(found.divergence.found, 2.288576150005798, 1e-12);
        near(found.divergence.ideal, 1.112105260117345, 1e-9);
    }

    #[test]
    fn equal_counts_and_a_single_one_are_the_extremes() {
        let even = Occurrence::of(&[25; 4]).unwrap();
        assert_eq!(even.standard_deviation.found, 0.0);
        near(even.sparseness.found, 0.5, 1e-14);
        near(even.mean.found, 2.0, 1e-14);
        near(even.worst_case.found, (100.0_f64 / 26.0).log2(), 1e-14);
        let one = Occurrence::of(&[0, 0, 100, 0]).unwrap();
        assert_eq!((one.sparseness.found, one.mean.found), (1.0, 0.0));
        near(one.worst_case.found, 100.0_f64.log2(), 1e-14);
        assert!(one.divergence.found > 50.0, "{one:?}");
    }

    /// The counts of n vectors that fall on k codewords at random.
    fn uniform(rng: &mut Rng, n: usize, k: usize) -> Vec<u64> {
        let mut counts = vec![0; k];
        (0..n).for_each(|_| counts[rng.below(k)] += 1);
        counts
    }

    #[test]
    fn ideals_are_what_uniform_codes_have_on_average() {
        let mut rng = Rng::new(1, 0);
        const DRAWS: usize = 400;
        for (n, k) in [(2000, 64), (500, 16), (300, 100)] {
            let found: Vec<_> =
                (0..DRAWS).map(|_| Occurrence::of(&uniform(&mut rng, n, k)).unwrap()).collect();
            let ideal = &found[0];
            let mean = |of: fn(&Occurrence) -> f64| found.iter().map(of).sum::<f64>() / DRAWS as f64;
            // The mean of 400 variances of k counts is within 5 √(2 / 400k) of its size.
            let variance = mean(|o| o.standard_deviation.found.powi(2));
            near(variance, ideal.standard_deviation.ideal.powi(2), 5.0 * (2.0 / (DRAWS * k) as f64).sqrt());
            near(mean(|o| o.sparseness.found), ideal.sparseness.ideal, 2e-3);
            // Counts that have to add up to n are not quite independent.
            near(mean(|o| o.divergence.found), ideal.divergence.ideal, 0.12);
        }
    }

    #[test]
    fn the_expected_divergence_is_that_of_independent_counts() {
        let mut rng = Rng::new(2, 0);
        let (n, k) = (60, 12);
        let binomial = Binomial::new(n, 1.0 / k as f64);
        const DRAWS: usize = 4000;
        let mut count = || (0..n).filter(|_| rng.below(k) == 0).count() as u64;
        let found: Vec<f64> =
            (0..DRAWS).map(|_| divergence(&(0..k).map(|_| count()).collect::<Vec<_>>(), &binomial)).collect();
        let mean = found.iter().sum::<f64>() / DRAWS as f64;
        let variance = found.iter().map(|bits| (bits - mean).powi(2)).sum::<f64>() / DRAWS as f64;
        let error = (mean - expected_divergence(k, &binomial)).abs();
        assert!(error < 4.0 * (variance / DRAWS as f64).sqrt(), "{mean} {error}");
    }

    #[test]
    fn large_sets_neither_overflow_nor_lose_digits() {
        let mut counts = vec![15_625_000; 64];
        let even = Occurrence::of(&counts).unwrap();
        assert_eq!(even.vectors, 1_000_000_000);
        near(even.divergence.found, 13.26306446117553, 1e-13); // By ln Γ of 50 digits.
        // Sixty-four counts, spread over some 4000 σ-wide values, are all different: each has a share of 1/64.
        assert!((6.0..13.0).contains(&even.divergence.ideal), "{even:?}");
        counts[0] = 0;
        let uneven = Occurrence::of(&counts).unwrap();
        assert!(uneven.divergence.found.is_finite() && uneven.divergence.found > 1e5, "{uneven:?}");
        near(uneven.worst_case.found, (uneven.vectors as f64).log2(), 1e-14);
    }

    #[test]
    fn what_cannot_be_measured_is_named() {
        let message = |counts: &[u64]| Occurrence::of(counts).unwrap_err().to_string();
        assert!(message(&[7]).contains("1 codewords; it takes at least 2"));
        assert!(message(&[]).contains("0 codewords"));
        assert!(message(&[0, 0]).contains("occur 0 times"));
        assert!(message(&[u64::MAX, 3]).contains("1 to 1099511627776"));
    }
}
