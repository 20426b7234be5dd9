//! Which label is where among the codewords.

use ndarray::{Array2, ArrayView2, Axis};

use crate::error::{Error, Result};
use crate::metrics::Usage;

/// How often each label falls on each codeword, (labels, k).
///
/// ```
/// use wgvq::interpret::LabelHistogram;
/// let found = LabelHistogram::of(&[7, 7, 7, 2, 2], &[0, 0, 1, 3, 1], 4)?;
/// assert_eq!(found.labels(), [2, 7]);
/// assert_eq!(found.counts(), ndarray::array![[0, 1, 0, 1], [2, 1, 0, 0]]);
/// assert_eq!(found.purity(), 0.8);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LabelHistogram {
    labels: Vec<u32>,
    counts: Array2<u64>,
}

/// The most cells of a histogram, half a gigabyte of them.
const MOST_CELLS: usize = 1 << 26;

impl LabelHistogram {
    /// Counts `labels` (n) by codeword, for `codes` (n) below `k`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there are no vectors, not as many labels as codes, a code that is k or more,
    /// or so many different labels that a table of labels × codewords has more than 2²⁶ cells.
    pub fn of(labels: &[u32], codes: &[u32], k: usize) -> Result<Self> {
        if labels.len() != codes.len() || labels.is_empty() {
            return Err(Error::input(format!(
                "{} labels of {} vectors; each vector needs one, and one vector is the least",
                labels.len(),
                codes.len()
            )));
        }
        if let Some(row) = codes.iter().position(|&code| code as usize >= k) {
            return Err(Error::input(format!(
                "the code of row {row} is {}; there are {k} codewords",
                codes[row]
            )));
        }
        let mut kinds = labels.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.len().saturating_mul(k) > MOST_CELLS {
            return Err(Error::input(format!(
                "{} different labels on {k} codewords; labels that name classes are few: {} or less",
                kinds.len(),
                MOST_CELLS / k
            )));
        }
        let mut counts = Array2::zeros((kinds.len(), k));
        for (label, &code) in labels.iter().zip(codes) {
            let row = kinds.binary_search(label).expect("every label is among its kinds");
            counts[[row, code as usize]] += 1;
        }
        Ok(Self { labels: kinds, counts })
    }

    /// The labels that occur, in ascending order: one per row.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Vectors per label and codeword, (labels, k).
    pub fn counts(&self) -> ArrayView2<'_, u64> {
        self.counts.view()
    }

    /// The first codeword up to which at least `share` (0 to 1) of the vectors of the label of `row` lie: with 0.5 the
    /// median of their indices. Of no meaning in a codebook without an order.
    pub fn quantile(&self, row: usize, share: f64) -> usize {
        let wanted = share * self.counts.row(row).sum() as f64;
        let mut below = 0;
        let reached = self.counts.row(row).iter().position(|&count| {
            below += count;
            below > 0 && below as f64 >= wanted
        });
        reached.unwrap_or(self.counts.ncols() - 1)
    }

    /// The share of the vectors whose label is the most frequent one of their codeword. A single codeword has the share
    /// of the most frequent label, as many codewords as vectors have 1.
    pub fn purity(&self) -> f64 {
        let most = self.counts.columns().into_iter().map(|column| column.iter().max().copied().unwrap_or(0));
        most.sum::<u64>() as f64 / self.counts.sum() as f64
    }

    /// What code and label say of each other: 2 I(label; code) / (H(label) + H(code)), 0 (nothing) to 1 (all). `None` if
    /// there is one label and one code only.
    pub fn normalized_mutual_information(&self) -> Option<f64> {
        let entropy = |counts: Vec<u64>| Usage::from_counts(counts).entropy();
        let label = entropy(self.counts.sum_axis(Axis(1)).to_vec());
        let code = entropy(self.counts.sum_axis(Axis(0)).to_vec());
        let both = entropy(self.counts.iter().copied().collect());
        (label + code > 0.0).then(|| (2.0 * (label + code - both) / (label + code)).clamp(0.0, 1.0))
    }

    /// How much neighbouring codewords share labels: 1 − a/b, where a is the mean total variation ½ Σ |p_l − q_l| between
    /// the distributions of labels of codewords that follow each other, and b that of all pairs. Codewords that no vector
    /// falls on are passed over; each of the others counts the same.
    ///
    /// 1 if neighbours have the same labels, and 0 on average over all orders of the same codewords, so that it tells an
    /// order from none; below 0 if neighbours differ more than others do. Where codewords have few vectors each, chance
    /// keeps it below 1. `None` if fewer than three codewords are used or all have the same labels.
    ///
    /// ```
    /// use wgvq::interpret::LabelHistogram;
    /// let score = |codes: &[u32]| LabelHistogram::of(&[0, 0, 0, 1, 1, 1], codes, 6).map(|found| found.order_score());
    /// // One change in five steps, where 9 of 15 pairs differ.
    /// assert!((score(&[0, 1, 2, 3, 4, 5])?.unwrap() - (1.0 - 15.0 / 45.0)).abs() < 1e-12);
    /// assert!(score(&[0, 2, 4, 1, 3, 5])?.unwrap() < 0.0);
    /// # Ok::<(), wgvq::Error>(())
    /// ```
    pub fn order_score(&self) -> Option<f64> {
        let shares: Vec<Vec<f64>> = self
            .counts
            .columns()
            .into_iter()
            .filter(|column| column.iter().any(|&count| count > 0))
            .map(|column| {
                let total = column.sum() as f64;
                column.iter().map(|&count| count as f64 / total).collect()
            })
            .collect();
        let used = shares.len();
        if used < 3 {
            return None;
        }
        let difference =
            |pair: &[Vec<f64>]| pair[0].iter().zip(&pair[1]).map(|(p, q)| (p - q).abs()).sum::<f64>();
        let neighbours = shares.windows(2).map(difference).sum::<f64>() / (used - 1) as f64;
        // Σ |p_i − p_j| over all pairs needs no pairs once the shares of a label are sorted: the one at place i is
        // subtracted from those after it and has those before it subtracted.
        let all: f64 = (0..self.labels.len())
            .map(|label| {
                let mut sorted: Vec<f64> = shares.iter().map(|shares| shares[label]).collect();
                sorted.sort_unstable_by(f64::total_cmp);
                let weighted = |(i, share): (usize, f64)| (2.0 * i as f64 - (used - 1) as f64) * share;
                sorted.into_iter().enumerate().map(weighted).sum::<f64>()
            })
            .sum();
        let all = all / (used as f64 * (used - 1) as f64 / 2.0);
        // Below that the difference is rounding.
        (all > 1e-12).then(|| 1.0 - neighbours / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// 40 codewords along which ten classes follow each other and mix at their borders.
    fn along(order: &[usize]) -> LabelHistogram {
        let (mut labels, mut codes) = (Vec::new(), Vec::new());
        for (place, &codeword) in order.iter().enumerate() {
            for vector in 0..12 {
                labels.push(((place * 12 + vector) / 48) as u32);
                codes.push(codeword as u32);
                labels.push(((place * 12 + vector + 6) / 48) as u32);
                codes.push(codeword as u32);
            }
        }
        LabelHistogram::of(&labels, &codes, order.len()).unwrap()
    }

    #[test]
    fn a_sorted_codebook_has_order_and_a_shuffled_one_none() {
        let mut order: Vec<usize> = (0..40).collect();
        let sorted = along(&order).order_score().unwrap();
        assert!(sorted > 0.7, "{sorted}");
        let mut rng = Rng::new(3, 0);
        let scores: Vec<f64> = (0..200)
            .map(|_| {
                (1..order.len()).for_each(|last| order.swap(last, rng.below(last + 1)));
                along(&order).order_score().unwrap()
            })
            .collect();
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        // The score of one random order is spread by about 0.05, the mean of 200 by 0.004.
        assert!(mean.abs() < 0.016, "{mean}");
        assert!(scores.iter().all(|score| score.abs() < 0.3), "{scores:?}");
    }

    #[test]
    fn the_mean_over_all_pairs_is_that_of_the_pairs() {
        let mut rng = Rng::new(4, 0);
        let (labels, codes): (Vec<u32>, Vec<u32>) =
            (0..300).map(|_| (rng.below(5) as u32, rng.below(9) as u32)).unzip();
        let found = LabelHistogram::of(&labels, &codes, 9).unwrap();
        let share = |label: usize, code: usize| {
            found.counts[[label, code]] as f64 / found.counts.column(code).sum() as f64
        };
        let variation = |i: usize, j: usize| {
            (0..5).map(|label| (share(label, i) - share(label, j)).abs()).sum::<f64>() / 2.0
        };
        let neighbours = (1..9).map(|j| variation(j - 1, j)).sum::<f64>() / 8.0;
        let all = (0..9).flat_map(|j| (0..j).map(move |i| (i, j))).map(|(i, j)| variation(i, j)).sum::<f64>()
            / 36.0;
        assert!((found.order_score().unwrap() - (1.0 - neighbours / all)).abs() < 1e-12);
    }

    #[test]
    fn codewords_that_nobody_uses_are_passed_over() {
        let score = |codes: &[u32], k| LabelHistogram::of(&[0, 0, 1, 1], codes, k).unwrap().order_score();
        assert_eq!(score(&[0, 1, 2, 3], 4), score(&[1, 4, 5, 9], 12));
        assert_eq!(score(&[0, 0, 3, 3], 4), None);
        assert_eq!(LabelHistogram::of(&[3; 4], &[0, 1, 2, 3], 4).unwrap().order_score(), None);
    }

    #[test]
    fn purity_and_information_worked_by_hand() {
        // Codeword 0 has labels a a b, codeword 1 has b b c: 4 of 6 are of the most frequent label.
        let found = LabelHistogram::of(&[1, 1, 2, 2, 2, 3], &[0, 0, 0, 1, 1, 1], 2).unwrap();
        assert!((found.purity() - 4.0 / 6.0).abs() < 1e-15);
        // H(code) = 1; H(label) = H(2/6, 3/6, 1/6); H(both) = H(2/6, 1/6, 2/6, 1/6).
        let h = |parts: &[f64]| parts.iter().map(|part| -part / 6.0 * (part / 6.0).log2()).sum::<f64>();
        let (label, both) = (h(&[2.0, 3.0, 1.0]), h(&[2.0, 1.0, 2.0, 1.0]));
        let want = 2.0 * (1.0 + label - both) / (1.0 + label);
        assert!((found.normalized_mutual_information().unwrap() - want).abs() < 1e-14);
        let perfect = LabelHistogram::of(&[5, 5, 9], &[1, 1, 0], 2).unwrap();
        assert_eq!((perfect.purity(), perfect.normalized_mutual_information()), (1.0, Some(1.0)));
        assert_eq!(LabelHistogram::of(&[5, 5], &[1, 1], 2).unwrap().normalized_mutual_information(), None);
    }

    #[test]
    fn quantiles_are_codewords() {
        let found = LabelHistogram::of(&[0, 0, 0, 0, 1], &[2, 3, 3, 7, 5], 10).unwrap();
        let of = |share| found.quantile(0, share);
        assert_eq!([of(0.0), of(0.25), of(0.5), of(0.75), of(1.0)], [2, 2, 3, 3, 7]);
        assert_eq!(found.quantile(1, 0.5), 5);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let message =
            |labels: &[u32], codes: &[u32]| LabelHistogram::of(labels, codes, 4).unwrap_err().to_string();
        assert!(message(&[1], &[1, 2]).contains("1 labels of 2 vectors"));
        assert!(message(&[], &[]).contains("0 labels of 0 vectors"));
        assert!(message(&[1, 1], &[1, 4]).contains("row 1 is 4; there are 4"));
        let (labels, codes): (Vec<u32>, Vec<u32>) = (0..10_000).map(|row| (row, 0)).unzip();
        let error = LabelHistogram::of(&labels, &codes, 1 << 20).unwrap_err().to_string();
        assert!(error.contains("10000 different labels") && error.contains("64 or less"), "{error}");
    }
}
