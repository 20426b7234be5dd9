//! Codebooks from sums.

use faer::Mat;
use ndarray::Array2;
use rayon::prelude::*;

use super::Sums;
use super::fixed::Unit;
use super::plan::Group;
use crate::error::Result;
use crate::quantizers::Layout;
use crate::train::least_squares;

/// The sums of a group as numbers.
pub(super) struct GroupSums<'a> {
    pub meetings: &'a [u64],
    /// The sum of what each codeword stands for, turned as the model turns vectors: (k, columns of the group).
    pub values: Vec<Vec<f64>>,
}

/// The sums of what the codewords of a group are for.
pub(super) fn sums_of<'a>(group: &Group, sums: &'a Sums, unit: Unit, layout: &Layout<'_>) -> GroupSums<'a> {
    let k = group.codewords();
    let values = (0..k).into_par_iter().map(|codeword| {
        let own: Vec<f64> =
            (0..group.summed.len()).map(|column| unit.value(sums.values[column * k + codeword])).collect();
        let Some(rotation) = layout.rotation else { return own };
        let count = sums.occurrences(group, codeword) as f64;
        let about: Vec<f64> = match layout.offset {
            Some(offset) => own.iter().zip(offset).map(|(sum, &o)| sum - count * f64::from(o)).collect(),
            None => own,
        };
        let turned =
            |row: usize| rotation.row(row).iter().zip(&about).map(|(&r, sum)| f64::from(r) * sum).sum();
        group.columns.clone().map(turned).collect()
    });
    GroupSums { meetings: &sums.meetings, values: values.collect() }
}

impl Sums {
    fn occurrences(&self, group: &Group, codeword: usize) -> u64 {
        self.meetings[if group.len() == 1 { codeword } else { codeword * group.codewords() + codeword }]
    }
}

/// Moves each codeword of one codebook to the mean of its vectors; the last one of a ragged codebook is 0 and stays so.
pub(super) fn means(codebook: &mut Array2<f32>, sums: &GroupSums<'_>, ragged: bool) {
    let moving = codebook.nrows() - usize::from(ragged);
    let counted = sums.meetings.iter().zip(&sums.values);
    for (mut codeword, (&count, values)) in codebook.outer_iter_mut().zip(counted).take(moving) {
        if count > 0 {
            codeword.iter_mut().zip(values).for_each(|(value, &sum)| *value = (sum / count as f64) as f32);
        }
    }
}

/// Moves all codewords of codebooks that add up by BᵀB Δ = Bᵀ(X − BC), as [`least_squares::update`] does from the vectors
/// themselves.
///
/// [`least_squares::update`]: crate::train::least_squares::update
pub(super) fn least_squares(
    codebooks: &mut [Array2<f32>],
    group: &Group,
    sums: &GroupSums<'_>,
    ragged: bool,
) -> Result<()> {
    let (k, d) = (group.codewords(), group.columns.len());
    // The last codeword of a ragged codebook is 0 and stays so.
    let stays = |codeword: usize| ragged && group.offsets[1..].contains(&(codeword + 1));
    // Two codewords of one codebook never meet.
    let met = |a: usize, b: usize| sums.meetings[a.max(b) * k + a.min(b)] as f64;
    let codewords: Vec<_> = codebooks.iter().flat_map(|codebook| codebook.outer_iter()).collect();
    let right: Vec<Vec<f64>> = (0..k)
        .into_par_iter()
        .map(|a| {
            let mut left_over = sums.values[a].clone();
            for (b, codeword) in codewords.iter().enumerate() {
                let count = met(a, b);
                if count > 0.0 {
                    left_over.iter_mut().zip(codeword).for_each(|(sum, &c)| *sum -= count * f64::from(c));
                }
            }
            left_over
        })
        .collect();
    let moved = |a: usize, b: usize| if stays(a) || stays(b) { 0.0 } else { met(a, b) };
    let normal = Mat::from_fn(k, k, moved);
    let mut right = Mat::from_fn(k, d, |a, column| if stays(a) { 0.0 } else { right[a][column] });
    least_squares::solve(normal, &mut right)?;
    for (codebook, &offset) in codebooks.iter_mut().zip(&group.offsets) {
        for ((code, column), value) in codebook.indexed_iter_mut() {
            *value = (f64::from(*value) + right[(offset + code, column)]) as f32;
        }
    }
    Ok(())
}
