//! How good a search is.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use ndarray::{ArrayView2, s};

use crate::error::{Error, Result};

/// A recall by its name in the literature: *m-recall@k* is the share of the m true nearest neighbours that are among the first k
/// found, averaged over queries.
///
/// Two are in use. 1-recall@k asks whether the true nearest is among the first k (Eq. 5.3 of the thesis; the "recall@k" of
/// product quantization, Jégou et al. 2011), and rises with k. k-recall@k compares the first k found with the true k (the
/// measure of ANN-Benchmarks and Big-ANN). Neighbours are compared by id: of equally near ones only those that the truth names count.
///
/// ```
/// use wgvq::search::Recall;
/// let found = ndarray::array![[3, 1, 4], [2, 7, 1]];
/// let truth = ndarray::array![[1, 4], [2, 9]];
/// assert_eq!(Recall::new(1, 2)?.measure(found.view(), truth.view())?, 1.0);
/// let two: Recall = "2@2".parse()?;
/// assert_eq!((two.to_string(), two.measure(found.view(), truth.view())?), ("2-recall@2".into(), 0.5));
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Recall {
    of: usize,
    at: usize,
}

impl Recall {
    /// `of`-recall@`at`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if `of` is 0 or above `at`: more neighbours than are looked at cannot be found.
    pub fn new(of: usize, at: usize) -> Result<Self> {
        if of == 0 || of > at {
            return Err(Error::input(format!(
                "{of}-recall@{at}: m-recall@k is of the m true nearest among the first k found, 1 to k of them"
            )));
        }
        Ok(Self { of, at })
    }

    /// How many of the true neighbours it is of.
    pub fn of(self) -> usize {
        self.of
    }

    /// How many of those found it looks at.
    pub fn at(self) -> usize {
        self.at
    }

    /// The recall of what was `found`, (queries, k) with k at least [`at`](Self::at), by the `truth`, (queries, m) with m at
    /// least [`of`](Self::of), both the nearest first; 0 to 1.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no query, the numbers of queries differ, or there are too few columns.
    pub fn measure(self, found: ArrayView2<u32>, truth: ArrayView2<u32>) -> Result<f64> {
        let (queries, k) = found.dim();
        if queries == 0 || truth.nrows() != queries {
            return Err(Error::input(format!(
                "the truth of {} queries for a search of {queries}; it has to be that of the same queries",
                truth.nrows()
            )));
        }
        if self.at > k {
            return Err(Error::input(format!("{self} of a search for {k} neighbours; search for more")));
        }
        if self.of > truth.ncols() {
            let known = truth.ncols();
            return Err(Error::input(format!("{self}, and the truth has {known} neighbours of each query")));
        }
        let (found, truth) = (found.slice(s![.., ..self.at]), truth.slice(s![.., ..self.of]));
        let hits = |(found, truth): (ndarray::ArrayView1<u32>, ndarray::ArrayView1<u32>)| {
            let found: HashSet<u32> = found.iter().copied().collect();
            truth.iter().filter(|id| found.contains(id)).count()
        };
        let hits: usize = found.outer_iter().zip(truth.outer_iter()).map(hits).sum();
        Ok(hits as f64 / (queries * self.of) as f64)
    }
}

/// Its name, such as `10-recall@10`.
impl fmt::Display for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-recall@{}", self.of, self.at)
    }
}

/// Written in short: `10@10`.
impl FromStr for Recall {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once('@').and_then(|(of, at)| Some((of.parse().ok()?, at.parse().ok()?)));
        let Some((of, at)) = numbers else {
            return Err(Error::input(format!(
                "{text:?} is no recall; 10-recall@10 is written 10@10, 1-recall@10 is 1@10"
            )));
        };
        Self::new(of, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn of_one_the_nearest_alone_counts_of_more_every_one() {
        let found = array![[5, 6, 7], [8, 9, 5], [1, 2, 3], [4, 0, 2]];
        let truth = array![[7, 5], [8, 0], [9, 1], [0, 4]];
        let recall = |of, at| Recall::new(of, at).unwrap().measure(found.view(), truth.view()).unwrap();
        assert_eq!([1, 2, 3].map(|at| recall(1, at)), [0.25, 0.5, 0.75]);
        assert_eq!([2, 3].map(|at| recall(2, at)), [0.625, 0.75]);
    }

    #[test]
    fn a_recall_is_read_as_it_is_written() {
        for (of, at) in [(1, 1), (1, 100), (10, 10), (3, 1024)] {
            let recall: Recall = format!("{of}@{at}").parse().unwrap();
            assert_eq!(recall, Recall::new(of, at).unwrap());
            assert_eq!(recall.to_string(), format!("{of}-recall@{at}"));
        }
        for wrong in ["", "10", "@", "10@", "@10", "ten@10", "0@10", "11@10", "1@0", "-1@10", "1@2@3"] {
            let error = wrong.parse::<Recall>().unwrap_err().to_string();
            assert!(error.contains("recall"), "{wrong}: {error}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let found = array![[1, 2], [3, 4]];
        let message = |truth: Array2<u32>, of, at| {
            Recall::new(of, at).unwrap().measure(found.view(), truth.view()).unwrap_err().to_string()
        };
        assert!(message(array![[1]], 1, 1).contains("truth of 1 queries for a search of 2"));
        assert!(message(array![[1], [2]], 1, 3).contains("1-recall@3 of a search for 2"));
        assert!(message(array![[1], [2]], 2, 2).contains("2-recall@2, and the truth has 1 neighbours"));
        assert!(message(Array2::zeros((2, 0)), 1, 1).contains("has 0 neighbours"));
        let none = Array2::zeros((0, 2));
        assert!(Recall::new(1, 1).unwrap().measure(none.view(), none.view()).is_err());
    }
}
