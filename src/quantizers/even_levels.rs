//! Evenly spaced levels for one dimension or for all, placed where they lose the least.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::extent::Ranges;
use super::projection::batches;
use crate::error::{Error, Result};
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

/// What evenly spaced levels are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    /// How many.
    pub k: usize,
    /// Whether all dimensions have the same.
    pub shared: bool,
}

/// What the two placements lose of some vectors, of each dimension or, shared, of all: whole numbers, so that no sum of them
/// depends on the order. Levels in cells first.
pub(super) type Losses = Vec<[u128; 2]>;

/// A loss of about the square of a step is counted as 2 to this power: what a step of a power of two loses keeps all digits of f64.
const DIGITS: i32 = 56;

/// The two placements of a range.
struct Placed {
    levels: [EvenLevels; 2],
    low: f32,
    high: f32,
    /// What squares are multiplied with to be counted.
    unit: f64,
}

impl Placed {
    fn new(k: usize, low: f32, high: f32) -> Self {
        let levels = [EvenLevels::in_cells, EvenLevels::end_to_end].map(|of| of(k, low.into(), high.into()));
        // The exponent of the larger step, which is normal or 0.
        let step = f64::from(levels[1].step);
        let exponent = if step > 0.0 { (step.to_bits() >> 52) as i32 - 1023 } else { 0 };
        Self { levels, low, high, unit: 2.0_f64.powi(DIGITS - 2 * exponent) }
    }
}

/// Evenly spaced levels in the middles of cells and from end to end, for each dimension or, shared, for all.
pub(super) struct Placements {
    wanted: Wanted,
    placed: Vec<Placed>,
}

impl Placements {
    /// Those of vectors within `ranges`.
    pub fn of(ranges: &Ranges, wanted: Wanted) -> Self {
        let Wanted { k, shared } = wanted;
        let mut ranges: Vec<(f32, f32)> =
            ranges.low.iter().copied().zip(ranges.high.iter().copied()).collect();
        if shared {
            let all = ranges.into_iter().reduce(|all, own| (all.0.min(own.0), all.1.max(own.1)));
            ranges = Vec::from_iter(all);
        }
        let placed = ranges.into_iter().map(|(low, high)| Placed::new(k, low, high)).collect();
        Self { wanted, placed }
    }

    /// What they lose of `x`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) for a value out of the ranges; what reading `x` fails with.
    pub fn losses(&self, x: &dyn Vectors) -> Result<Losses> {
        let Wanted { k, shared } = self.wanted;
        let of = |column: usize| if shared { 0 } else { column };
        let mut losses = vec![[0; 2]; x.dim()];
        for rows in batches(x.len(), x.dim()) {
            let first = rows.start;
            let rows = x.read_rows(rows)?;
            let count = |(chunk, losses): (usize, &mut [[u128; 2]])| {
                for (at, row) in rows.outer_iter().enumerate() {
                    for (column, losses) in (chunk * COLUMNS..).zip(&mut *losses) {
                        let Placed { levels, low, high, unit } = &self.placed[of(column)];
                        let value = row[column];
                        if !(*low..=*high).contains(&value) {
                            return Err(Error::input(format!(
                                "the value at row {}, column {column} is out of the range that the vectors had when they were \
                                 read first; leave them as they are until the fit ends",
                                first + at
                            )));
                        }
                        for (levels, loss) in levels.iter().zip(losses) {
                            *loss += u128::from((levels.error(k, value) * unit).round_ties_even() as u64);
                        }
                    }
                }
                Ok(())
            };
            losses.par_chunks_mut(COLUMNS).enumerate().try_for_each(count)?;
        }
        if shared {
            losses = Vec::from_iter(losses.into_iter().reduce(|all, own| [all[0] + own[0], all[1] + own[1]]));
        }
        Ok(losses)
    }

    /// The levels that lose less, in the middles of cells if they lose the same.
    pub fn best(&self, losses: &[[u128; 2]]) -> Vec<EvenLevels> {
        let better =
            |(placed, [cells, ends]): (&Placed, &[u128; 2])| placed.levels[usize::from(ends < cells)];
        self.placed.iter().zip(losses).map(better).collect()
    }
}

/// Evenly spaced levels for each dimension of `x`, or, shared, for all: those of the two placements that lose less of all vectors.
///
/// # Errors
/// As [`Ranges::of`] and [`Ranges::check`].
pub(super) fn even_levels(x: &dyn Vectors, wanted: Wanted) -> Result<Vec<EvenLevels>> {
    let ranges = Ranges::of(x)?;
    ranges.check()?;
    let placements = Placements::of(&ranges, wanted);
    Ok(placements.best(&placements.losses(x)?))
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
        let [whole, even] = even_levels(&x, Wanted { k: 16, shared: false }).unwrap()[..] else {
            panic!("two dimensions")
        };
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
        assert_eq!(even_levels(&x, Wanted { k: 16, shared: true }).unwrap(), [whole]);
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
