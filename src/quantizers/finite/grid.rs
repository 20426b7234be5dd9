//! Levels that are evenly spaced after a tanh, and what they are before it.

use crate::error::{Error, Result};
use crate::quantizers::joint::MOST_JOINT;

/// Levels of a coordinate, at most.
pub(super) const MOST: usize = 256;

/// Fails unless so many `levels` of each coordinate can be.
pub(super) fn check(levels: &[usize]) -> Result<()> {
    if levels.is_empty() {
        return Err(Error::input("no coordinates; at least 1 is needed"));
    }
    if let Some((j, count)) = levels.iter().enumerate().find(|(_, count)| !(2..=MOST).contains(*count)) {
        return Err(Error::input(format!("coordinate {j}: the levels are {count}; must be 2 to {MOST}")));
    }
    let total: usize = levels.iter().sum();
    if total > MOST_JOINT {
        return Err(Error::input(format!(
            "{total} levels of {} coordinates in all; must be at most {MOST_JOINT}, as codewords are fitted jointly",
            levels.len()
        )));
    }
    Ok(())
}

/// Whether every coordinate has two levels, as in LFQ.
pub(super) fn is_binary(levels: &[usize]) -> bool {
    levels.iter().all(|&count| count == 2)
}

/// Level `i` of `levels`, evenly spaced from −1 to 1.
pub(super) fn level(i: usize, levels: usize) -> f64 {
    2.0 * i as f64 / (levels - 1) as f64 - 1.0
}

/// What a number is above, before the tanh, that is nearer to level i + 1 than to level i: `levels` − 1 of them, in order.
pub(super) fn borders(levels: usize) -> Vec<f64> {
    (1..levels).map(|i| ((2 * i - 1) as f64 / (levels - 1) as f64 - 1.0).atanh()).collect()
}

/// As many numbers as `levels`, in order, whose middles are the [`borders`]: which one a number is nearest to, before the tanh, is
/// which level it is nearest to after it. Each is the one before it, mirrored at the border between the two; from the
/// innermost on, so that they ascend, as borders are the farther apart the farther out they are.
pub(super) fn points(levels: usize) -> Vec<f64> {
    let borders = borders(levels);
    let (above, mut last) = match levels {
        2 => (&borders[1..], 1.0),
        _ if levels.is_multiple_of(2) => (&borders[levels / 2..], borders[levels / 2] / 2.0),
        _ => (&borders[levels / 2..], 0.0),
    };
    let mut upper = vec![last];
    for border in above {
        last = 2.0 * border - last;
        upper.push(last);
    }
    let lower = upper.iter().rev().map(|point| -point).take(levels / 2);
    let skipped = upper.len() + levels / 2 - levels;
    lower.chain(upper.iter().copied().skip(skipped)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_in_order_and_their_middles_are_where_tanh_is_between_two_levels() {
        for levels in 2..=MOST {
            let points = points(levels);
            assert_eq!(points.len(), levels);
            for (i, pair) in points.windows(2).enumerate() {
                assert!(pair[0] < pair[1], "{levels}: {pair:?}");
                let middle = (level(i, levels) + level(i + 1, levels)) / 2.0;
                let found = ((pair[0] + pair[1]) / 2.0).tanh();
                assert!((found - middle).abs() < 1e-12, "{levels}: {found} {middle}");
            }
        }
    }

    #[test]
    fn levels_that_cannot_be_are_refused() {
        for (levels, says) in [
            (vec![], "at least 1 is needed"),
            (vec![5, 1], "coordinate 1: the levels are 1; must be 2 to 256"),
            (vec![257], "must be 2 to 256"),
            (vec![2; 8193], "16386 levels of 8193 coordinates in all; must be at most 16384"),
        ] {
            let error = check(&levels).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
