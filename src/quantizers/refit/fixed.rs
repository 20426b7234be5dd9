//! Sums that come out the same in whatever order they are added up: values are rounded to whole numbers of one unit first.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What values are counted in: whole numbers of 2^(exponent − 64), of which no value may be 2^(exponent + 30) or more. The sum of
/// 2³¹ of them is then below 2¹²⁶.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unit {
    exponent: i32,
}

/// Bits of a value of 2^exponent, and bits that a value may have beyond.
const DIGITS: i32 = 64;
const ROOM: i32 = 30;

impl Unit {
    /// For values of about `largest`, which is finite.
    pub fn for_values(largest: f64) -> Self {
        let exponent = if largest > 0.0 { largest.log2().floor() as i32 + 1 } else { 0 };
        Self { exponent: exponent.clamp(-160, 160) }
    }

    /// For squares of what this unit is for, and sums of a few of them.
    pub fn of_squares(self) -> Self {
        Self { exponent: 2 * self.exponent }
    }

    /// The value as a whole number.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is too large.
    #[inline]
    pub fn count(self, value: f64) -> Result<i128> {
        if value.abs() < 2_f64.powi(self.exponent + ROOM) {
            return Ok((value * 2_f64.powi(DIGITS - self.exponent)).round_ties_even() as i128);
        }
        Err(Error::input(format!(
            "a value of {value:.3e} is far beyond the codebooks, which reach to about {:.1e}; is the model of these vectors?",
            2_f64.powi(self.exponent)
        )))
    }

    /// The value that a sum stands for, rounded once.
    pub fn value(self, sum: i128) -> f64 {
        sum as f64 * 2_f64.powi(self.exponent - DIGITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_f32_come_back() {
        let unit = Unit::for_values(3.0);
        for value in [0.0, 1.0, -2.75, 3.0 + 1.0 / 4_194_304.0, 1e6] {
            assert_eq!(unit.value(unit.count(value).unwrap()), value);
        }
        assert!(unit.count(1e10).unwrap_err().to_string().contains("far beyond the codebooks"));
        assert!(unit.count(f64::NAN).is_err());
        let tiny = Unit::for_values(1e-40);
        assert_eq!(
            tiny.value(tiny.count(f64::from(f32::from_bits(3))).unwrap()),
            f64::from(f32::from_bits(3))
        );
        assert_eq!(Unit::for_values(0.0), Unit { exponent: 0 });
    }
}
