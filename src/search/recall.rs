//! How good a search is.

use ndarray::{ArrayView2, s};

use crate::error::{Error, Result};

/// recall@`at` (Eq. 5.3): the share of queries whose true nearest neighbour, the first column of `truth`, is among the
/// first `at` of what was `found`. Shapes: (queries, k) and (queries, any).
///
/// ```
/// let found = ndarray::array![[3, 1, 4], [2, 7, 1]];
/// let truth = ndarray::array![[1], [2]];
/// assert_eq!(wgvq::search::recall(found.view(), truth.view(), 1)?, 0.5);
/// assert_eq!(wgvq::search::recall(found.view(), truth.view(), 2)?, 1.0);
/// # Ok::<(), wgvq::Error>(())
/// ```
///
/// # Errors
/// [`Input`](crate::ErrorKind::Input) if there is no query, the numbers of queries differ, or `at` is not 1 to k.
pub fn recall(found: ArrayView2<u32>, truth: ArrayView2<u32>, at: usize) -> Result<f64> {
    let (queries, k) = found.dim();
    if queries == 0 || truth.nrows() != queries || truth.ncols() == 0 {
        return Err(Error::input(format!(
            "the truth of {} queries with {} neighbours each for a search of {queries}; it has to be that of the same \
             queries",
            truth.nrows(),
            truth.ncols()
        )));
    }
    if at == 0 || at > k {
        return Err(Error::input(format!("recall@{at} of {k} neighbours; 1 to {k} can be asked for")));
    }
    let hits = found
        .slice(s![.., ..at])
        .outer_iter()
        .zip(truth.column(0))
        .filter(|(found, nearest)| found.iter().any(|id| id == *nearest))
        .count();
    Ok(hits as f64 / queries as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn only_the_first_true_neighbour_counts() {
        let found = array![[5, 6, 7], [8, 9, 5], [1, 2, 3], [4, 4, 4]];
        let truth = array![[7, 5], [8, 0], [9, 1], [0, 4]];
        let at = |at| recall(found.view(), truth.view(), at).unwrap();
        assert_eq!([at(1), at(2), at(3)], [0.25, 0.25, 0.5]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let found = array![[1, 2], [3, 4]];
        let message = |truth: ArrayView2<u32>, at| recall(found.view(), truth, at).unwrap_err().to_string();
        assert!(message(array![[1]].view(), 1).contains("truth of 1 queries"));
        assert!(message(array![[1], [2]].view(), 3).contains("recall@3 of 2"));
        assert!(message(array![[1], [2]].view(), 0).contains("recall@0"));
        assert!(message(ndarray::Array2::zeros((2, 0)).view(), 1).contains("0 neighbours"));
    }
}
