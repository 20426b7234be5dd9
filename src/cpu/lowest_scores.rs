//! What `assign` needs beside the scores of a codebook: how far rounding can lead.

use std::cmp::Ordering::Equal;

use super::distance::squared_norm;
use super::first_look::FirstLook;
use super::half_panels::HalfPanels;
use super::row_lanes::RowLanes;
use super::tile::{CacheLine, Panels};
use super::two_least::{FAR, TwoLeast};
use crate::certified::bounds::{DistanceBound, HalfBound, LARGEST_SQUARE, ScoreBound, is_beyond};
use crate::metrics::Metric;

/// Numbers of a cache line.
const LINE: usize = 16;

/// Where the sums of each codeword begin so that none is above the score without rounding, and what they say then.
pub(super) struct LowestScores {
    metric: Metric,
    /// The panels' starts less the codeword's part of the bound, and far above for padding and copies of earlier codewords,
    /// which are nearest to nothing.
    starts: Vec<CacheLine>,
    /// Numbers of a vector register.
    lanes: usize,
    /// What computed scores say, where they are not distances.
    bound: Option<ScoreBound>,
    /// What computed distances say.
    distances: DistanceBound,
    /// ½‖c'‖² of each codeword, rounded, where its score has such a bound, or nothing.
    half_squares: Vec<f32>,
    largest_half_square: f32,
    /// The codewords in 16 bits, where that saves time.
    half: Option<HalfPanels>,
    /// The codewords for rows in lanes, where that is faster than tiles.
    row_lanes: Option<Box<RowLanes>>,
    first_look: FirstLook,
}

impl LowestScores {
    /// Of the `codewords` (k, d) about their `mean`, which `panels` have packed.
    pub fn new(
        metric: Metric,
        codewords: &[f32],
        mean: &[f32],
        panels: &Panels,
        first_look: FirstLook,
    ) -> Self {
        let d = panels.d();
        let squares: Vec<f64> = codewords.chunks_exact(d).map(squared_norm).collect();
        let half_squares: Vec<f32> = match metric {
            Metric::SquaredL2 => bytemuck::cast_slice(panels.starts())[..squares.len()].to_vec(),
            Metric::InnerProduct => squares.iter().map(|square| (0.5 * square) as f32).collect(),
            _ => Vec::new(),
        };
        let bound = match metric {
            Metric::SquaredL2 => Some(ScoreBound::squared_l2(d)),
            Metric::InnerProduct => Some(ScoreBound::inner_product(d)),
            Metric::Cosine => Some(ScoreBound::cosine(d)),
            Metric::L1 | Metric::Power(_) => None,
        };
        let mut starts = panels.starts().to_vec();
        let lowest = bytemuck::cast_slice_mut::<_, f32>(&mut starts);
        for (lowest, half_square) in lowest.iter_mut().zip(&half_squares) {
            *lowest -= bound.map_or(0.0, |bound| bound.codeword) * half_square;
        }
        lowest[squares.len()..].fill(FAR);
        for copy in copies(codewords, d, &squares) {
            lowest[copy as usize] = FAR;
        }
        let lanes = panels.lanes();
        let is_copy = |j: usize| lowest[j] == FAR;
        let row_lanes = RowLanes::new(metric, codewords, d, mean, lowest).map(Box::new);
        let half = match metric {
            Metric::SquaredL2 if lanes == LINE && row_lanes.is_none() => {
                let bound = HalfBound::new(d);
                first_look
                    .unit
                    .and_then(|unit| HalfPanels::new(unit, bound, codewords, mean, &half_squares, is_copy))
            }
            _ => None,
        };
        let largest_half_square = half_squares.iter().copied().fold(0.0, f32::max);
        let distances = DistanceBound::new(d, metric.power());
        Self {
            metric,
            starts,
            lanes,
            bound,
            distances,
            half_squares,
            largest_half_square,
            half,
            row_lanes,
            first_look,
        }
    }

    /// How the first look is done.
    pub fn first_look(&self) -> &FirstLook {
        &self.first_look
    }

    /// Where the sums begin.
    pub fn starts(&self) -> &[CacheLine] {
        &self.starts
    }

    /// Codewords with the padding.
    #[inline(always)]
    pub fn padded(&self) -> usize {
        LINE * self.starts.len()
    }

    /// Whether codeword `j` is a copy of an earlier one.
    pub fn is_copy(&self, j: usize) -> bool {
        self.starts[j / LINE].values()[j % LINE] == FAR
    }

    /// The codewords in 16 bits, where that saves time.
    pub fn half(&self) -> Option<&HalfPanels> {
        self.half.as_ref().filter(|half| half.pays())
    }

    /// The codewords for rows in lanes, where that is faster than tiles.
    pub fn row_lanes(&self) -> Option<&RowLanes> {
        self.row_lanes.as_deref()
    }

    /// The same without rows in lanes.
    #[cfg(test)]
    pub fn by_tiles(self) -> Self {
        Self { row_lanes: None, ..self }
    }

    /// Whether a first look may have been in 16 bits.
    pub fn has_half(&self) -> bool {
        self.half.is_some()
    }

    /// Begins the search for the least scores of a group of rows.
    pub fn begin(&self, least: &mut TwoLeast) {
        // Panels in 16 bits are as wide at least.
        let count = self.half.as_ref().map_or(0, HalfPanels::padded).max(self.padded());
        least.begin(count, self.lanes);
    }

    /// The scores that may be of a codeword nearest to `row`, at most, where the `least` one is that of codeword `nearest`, which is at
    /// that `distance`; infinity where nothing can be said.
    #[inline(always)]
    pub fn threshold(&self, row: &[f32], least: f32, nearest: u32, distance: f32) -> f32 {
        let Some(bound) = self.bound else { return self.distances.threshold(least) };
        let half_square = match self.metric {
            Metric::SquaredL2 => bound.half_square_of_row(distance, least),
            Metric::InnerProduct => 0.5 * squared_norm(row) as f32,
            _ => 0.0,
        };
        // Beyond the range scores may be infinite or no numbers.
        if !is_beyond(LARGEST_SQUARE, half_square.max(self.largest_half_square)) {
            return f32::INFINITY;
        }
        let codeword = self.half_squares.get(nearest as usize).copied().unwrap_or(0.0);
        bound.threshold(least, codeword, half_square)
    }

    /// What computed distances say, if their rounding is a share of them.
    #[inline(always)]
    pub fn distance_bound(&self) -> Option<DistanceBound> {
        let is_share = !matches!(self.metric, Metric::InnerProduct | Metric::Cosine);
        is_share.then_some(self.distances)
    }
}

/// The numbers of those of the `codewords`, of these squared norms, that are copies of earlier ones.
fn copies(codewords: &[f32], d: usize, squares: &[f64]) -> Vec<u32> {
    // −0 is 0.
    let values = |j: u32| codewords[j as usize * d..][..d].iter().map(|c| c + 0.0);
    let by_values = |&a: &u32, &b: &u32| {
        let norms = squares[a as usize].total_cmp(&squares[b as usize]);
        norms.then_with(|| {
            values(a).zip(values(b)).map(|(a, b)| a.total_cmp(&b)).find(|o| o.is_ne()).unwrap_or(Equal)
        })
    };
    let mut order: Vec<u32> = (0..squares.len() as u32).collect();
    order.sort_unstable_by(|a, b| by_values(a, b).then(a.cmp(b)));
    order.windows(2).filter(|pair| by_values(&pair[0], &pair[1]).is_eq()).map(|pair| pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_found_whatever_the_sign_of_zero() {
        let codewords = [0.0, 1.0, 2.0, 1.0, -0.0, 1.0, 1.0, 2.0, 2.0, 1.0];
        let squares: Vec<f64> = codewords.chunks_exact(2).map(squared_norm).collect();
        let mut found = copies(&codewords, 2, &squares);
        found.sort();
        assert_eq!(found, [2, 4]);
    }
}
