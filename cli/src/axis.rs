//! The axes of charts.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;

/// An axis, and where numbers stand on it.
pub enum Axis {
    /// Even.
    Even(RangedCoordf64),
    /// Even, of whole numbers: of codewords, of vectors.
    Whole(RangedCoordf64),
    /// With the same room for every power of ten; the range is that of the logarithms.
    Decades(RangedCoordf64),
}

/// What stands within a power of ten, the most numbers first.
const WITHIN_DECADE: [&[f64]; 3] = [&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], &[1.0, 2.0, 5.0], &[1.0]];

impl Axis {
    pub fn even(range: Range<f64>) -> Self {
        Self::Even(range.into())
    }

    pub fn whole(range: Range<f64>) -> Self {
        Self::Whole(range.into())
    }

    /// Of a range above 0.
    pub fn decades(range: Range<f64>) -> Self {
        Self::Decades((range.start.log10()..range.end.log10()).into())
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        match self {
            Self::Even(axis) | Self::Whole(axis) => axis.map(value, limit),
            Self::Decades(axis) => axis.map(&value.log10(), limit),
        }
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match self {
            Self::Even(axis) => axis.key_points(hint),
            Self::Whole(axis) => {
                axis.key_points(hint).into_iter().filter(|point| point.fract() == 0.0).collect()
            }
            Self::Decades(axis) => {
                let most = hint.max_num_points();
                let points = WITHIN_DECADE.map(|within| in_decades(&axis.range(), within));
                let [.., fewest] = &points;
                points.iter().find(|points| points.len() <= most).unwrap_or(fewest).clone()
            }
        }
    }

    fn range(&self) -> Range<f64> {
        match self {
            Self::Even(axis) | Self::Whole(axis) => axis.range(),
            Self::Decades(axis) => 10_f64.powf(axis.range().start)..10_f64.powf(axis.range().end),
        }
    }
}

/// These numbers times each power of ten, as far as their logarithms are in the range.
fn in_decades(range: &Range<f64>, within: &[f64]) -> Vec<f64> {
    let powers = range.start.floor() as i32..=range.end.floor() as i32;
    let points = powers.flat_map(|power| within.iter().map(move |number| number * 10_f64.powi(power)));
    points.filter(|point| (range.start..=range.end).contains(&point.log10())).collect()
}

#[cfg(test)]
mod tests {
    use plotters::coord::ranged1d::BoldPoints;

    use super::*;

    #[test]
    fn numbers_stand_where_a_person_would_put_them() {
        let points = |axis: Axis| axis.key_points(BoldPoints(8));
        assert_eq!(points(Axis::decades(0.9..110.0)), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(points(Axis::decades(3.5..6.5)), [4.0, 5.0, 6.0]);
        assert_eq!(points(Axis::decades(0.5..1e5)), [1.0, 10.0, 100.0, 1e3, 1e4, 1e5]);
        assert_eq!(points(Axis::whole(0.0..3.0)), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(points(Axis::even(0.0..1.0)).len(), 6);
    }

    #[test]
    fn every_power_of_ten_has_the_same_room() {
        let axis = Axis::decades(1.0..100.0);
        assert_eq!([1.0, 10.0, 100.0].map(|value| axis.map(&value, (0, 200))), [0, 100, 200]);
    }
}
