//! Evenly spaced levels for one dimension or for all, placed where they lose the least.

use rayon::prelude::*;

use super::extent::Extent;
use super::projection::batches;
use crate::error::Result;
use crate::vectors::Vectors;

/// Dimensions that a thread goes through together.
const COLUMNS: usize = 64;

/// Evenly spaced levels: the lowest, and the step to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EvenLevels {
    pub low: f32,
    pub step: f32,
}

impl EvenLevels {
    /// `k` levels in the middles of equal cells of the range (thesis, Fig. 2.1): of all that is between them, none is
    /// farther from a level than half a cell.
    fn in_cells(k: usize, low: f64, high: f64) -> Self {
        Self::new((high - low) / k as f64, low, high, 0.5)
    }

    /// `k` levels from one end of the range to the other (thesis, Fig. 2.2): whole numbers that there are levels for are levels.
    fn end_to_end(k: usize, low: f64, high: f64) -> Self {
        Self::new((high - low) / (k - 1) as f64, low, high, 0.0)
    }

    /// Levels from `first` steps above `low` on.
    fn new(step: f64, low: f64, high: f64, first: f64) -> Self {
        let step = step as f32;
        // Values closer than that are one.
        if !step.is_normal() {
            return Self { low: ((low + high) / 2.0) as f32, step: 0.0 };
        }
        Self { low: (low + first * f64::from(step)) as f32, step }
    }

    /// The squared distance from `value` to the nearest of `k` levels.
    fn error(self, k: usize, value: f32) -> f64 {
        let (low, step) = (f64::from(self.low), f64::from(self.step));
        let inverse = if step > 0.0 { 1.0 / step } else { 0.0 };
        let steps = f64::from(value) - low;
        let code = (steps * inverse + 0.5).clamp(0.0, (k - 1) as f64) as u32;
        (steps - f64::from(code) * step).powi(2)
    }
}

/// `k` evenly spaced levels for each dimension of `x`, or, `shared`, for all: those of the two placements that lose less of
/// all vectors, in the middles of cells if they lose the same.
///
/// # Errors
/// As [`Extent::of`].
pub(super) fn even_levels(x: &dyn Vectors, k: usize, shared: bool) -> Result<Vec<EvenLevels>> {
    let Extent { low, high, .. } = Extent::of(x)?;
    let fold = |values: &[f32], pick: fn(f32, f32) -> f32| values.iter().copied().reduce(pick);
    let ranges: Vec<(f32, f32)> = if shared {
        fold(&low, f32::min).into_iter().zip(fold(&high, f32::max)).collect()
    } else {
        low.into_iter().zip(high).collect()
    };
    let place = |(low, high): (f32, f32)| {
        let (low, high) = (f64::from(low), f64::from(high));
        [EvenLevels::in_cells(k, low, high), EvenLevels::end_to_end(k, low, high)]
    };
    let placed: Vec<[EvenLevels; 2]> = ranges.into_iter().map(place).collect();
    let of = |column: usize| if shared { 0 } else { column };

    let mut errors = vec![[0.0; 2]; x.dim()];
    for rows in batches(x.len(), x.dim()) {
        let rows = x.read_rows(rows)?;
        errors.par_chunks_mut(COLUMNS).enumerate().for_each(|(chunk, errors)| {
            for row in rows.rows() {
                for (column, errors) in (chunk * COLUMNS..).zip(&mut *errors) {
                    for (levels, error) in placed[of(column)].iter().zip(errors) {
                        *error += levels.error(k, row[column]);
                    }
                }
            }
        });
    }
    let mut totals = vec![[0.0; 2]; placed.len()];
    for (column, errors) in errors.into_iter().enumerate() {
        totals[of(column)].iter_mut().zip(errors).for_each(|(total, error)| *total += error);
    }
    let better = |([in_cells, end_to_end], [cells, ends]): ([EvenLevels; 2], [f64; 2])| {
        if ends < cells { end_to_end } else { in_cells }
    };
    Ok(placed.into_iter().zip(totals).map(better).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn whole_numbers_get_levels_and_even_values_cells() {
        // Sixteen whole numbers, and values that are spread evenly.
        let x = Array2::from_shape_fn((1600, 2), |(row, column)| match column {
            0 => (row % 16) as f32,
            _ => row as f32 / 1600.0,
        });
        let [whole, even] = even_levels(&x, 16, false).unwrap()[..] else { panic!("two dimensions") };
        assert_eq!(whole, EvenLevels { low: 0.0, step: 1.0 });
        let cell = 1599.0 / 1600.0 / 16.0;
        assert!(
            (f64::from(even.step) - cell).abs() < 1e-7 && (f64::from(even.low) - cell / 2.0).abs() < 1e-7
        );
        // An even spread loses step²/12, which is less with k cells than with k − 1 steps; shared levels weigh both columns.
        let lost = |levels: EvenLevels| x.column(1).iter().map(|&value| levels.error(16, value)).sum::<f64>();
        let [in_cells, ends] =
            [EvenLevels::in_cells, EvenLevels::end_to_end].map(|of| lost(of(16, 0.0, 0.999375)));
        assert!((lost(even) - in_cells).abs() < 1e-9 && in_cells < ends, "{} {in_cells} {ends}", lost(even));
        assert_eq!(even_levels(&x, 16, true).unwrap(), [whole]);
    }

    #[test]
    fn an_error_is_the_squared_distance_to_the_nearest_level() {
        let levels = EvenLevels { low: -1.0, step: 0.5 };
        for (value, error) in [(-3.0, 4.0), (-1.0, 0.0), (-0.7, 0.04), (0.25, 0.0625), (0.5, 0.0), (2.5, 4.0)]
        {
            assert!((levels.error(4, value) - error).abs() < 1e-6, "{value}: {}", levels.error(4, value));
        }
        assert_eq!(EvenLevels { low: 2.0, step: 0.0 }.error(4, 3.0), 1.0);
    }
}
