//! What a search has found of the true neighbours, and how fast.

use std::collections::HashSet;

use wgvq::ndarray::Array2;
use wgvq::search::Recall;

/// Neighbours that are searched for.
pub const NEIGHBOURS: usize = 10;

/// A search of all queries.
pub struct Point {
    /// How far a search of an index went.
    pub looked: Option<Looked>,
    pub hits: Hits,
    /// Queries a second, all of them together.
    pub rate: f64,
}

/// How far a search of an index went, and for which 10-recall@10.
#[derive(Clone, Copy, Debug)]
pub struct Looked {
    pub aim: f64,
    pub probes: usize,
    pub depth: usize,
}

impl Looked {
    pub fn is_as_far_as(&self, other: &Looked) -> bool {
        (self.probes, self.depth) == (other.probes, other.depth)
    }
}

/// What was found of the neighbours of each query.
pub struct Hits {
    /// Rows of the base, (q, 10).
    pub found: Array2<u32>,
    /// The 10-recall@10.
    pub ten: f64,
    /// The standard error of it: what another sample of as many queries may differ by.
    pub ten_error: f64,
    /// The 1-recall@10.
    pub one: f64,
}

impl Hits {
    /// Of rows that were found, (q, 10), by the true ones, (q, 10).
    pub fn of(found: Array2<u32>, truth: &Array2<u32>) -> Self {
        let shares: Vec<(f64, f64)> = found
            .outer_iter()
            .zip(truth.outer_iter())
            .map(|(found, truth)| {
                let found: HashSet<u32> = found.iter().copied().collect();
                let hits = truth.iter().filter(|id| found.contains(id)).count();
                (hits as f64 / truth.len() as f64, f64::from(u8::from(found.contains(&truth[0]))))
            })
            .collect();
        let queries = shares.len().max(1) as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| shares.iter().map(of).sum::<f64>() / queries;
        let (ten, one) = (mean(|share| share.0), mean(|share| share.1));
        let variance = shares.iter().map(|share| (share.0 - ten).powi(2)).sum::<f64>() / queries;
        Self { found, ten, ten_error: (variance / queries).sqrt(), one }
    }

    /// The value of one of the recalls that are measured.
    pub fn value(&self, recall: Recall) -> f64 {
        if recall.of() == 1 { self.one } else { self.ten }
    }
}

#[cfg(test)]
mod tests {
    use wgvq::ndarray::Array2;

    use super::*;

    #[test]
    fn recalls_are_those_of_the_library() {
        let truth = Array2::from_shape_fn((3, NEIGHBOURS), |(_, rank)| rank as u32);
        // All of them backwards, half of them, and none.
        let found = Array2::from_shape_fn((3, NEIGHBOURS), |(query, rank)| match query {
            0 => 9 - rank as u32,
            1 => 5 + rank as u32,
            _ => 100 + rank as u32,
        });
        let hits = Hits::of(found, &truth);
        let ten = Recall::new(10, 10).unwrap();
        let one = Recall::new(1, 10).unwrap();
        for recall in [ten, one] {
            assert_eq!(hits.value(recall), recall.measure(hits.found.view(), truth.view()).unwrap());
        }
        assert_eq!((hits.value(ten), hits.value(one)), (0.5, 1.0 / 3.0));
        // Deviations of a half, none, and a half: their mean square is a sixth, and there are three.
        assert!((hits.ten_error - (1.0_f64 / 18.0).sqrt()).abs() < 1e-12);
    }
}
