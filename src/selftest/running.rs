//! Float64 arithmetic that keeps, with every number, a bound on how far the same arithmetic in `f32` may be off: running
//! error analysis (Higham, *Accuracy and Stability of Numerical Algorithms*, section 3.3).

use std::ops::{Add, Div, Mul, Sub};

use super::oracle::U;

/// A number, and how far from it one computed in `f32` may lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub value: f64,
    pub error: f64,
}

impl Running {
    /// A number that `f32` has.
    pub fn exact(value: f32) -> Self {
        Self { value: value.into(), error: 0.0 }
    }

    /// A number that the host rounds to `f32`.
    #[cfg(test)]
    pub fn rounded(value: f64) -> Self {
        Self { value, error: U * value.abs() }
    }

    /// A result whose operands' errors come to `inherited`, and that is itself off by `units` of 2^-24. What is below
    /// the normal numbers may be flushed to 0.
    fn result(value: f64, inherited: f64, units: f64) -> Self {
        let largest = value.abs() + inherited;
        Self { value, error: inherited + units * U * largest + f64::from(f32::MIN_POSITIVE) }
    }

    /// The root of what is not negative.
    pub fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        // The root is steeper below: nothing above moves it as far.
        let lowest = (self.value - self.error).max(0.0).sqrt();
        let highest = (self.value + self.error).sqrt();
        // WGSL has it as 1 / (1/√a): 2.5 + 2 ulp, and an ulp is at most two units.
        Self::result(root, (root - lowest).max(highest - root), 9.0)
    }
}

/// WGSL rounds sums, differences and products either way, which is an ulp.
const ULP: f64 = 2.0;

impl Add for Running {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::result(self.value + other.value, self.error + other.error, ULP)
    }
}

impl Sub for Running {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self::result(self.value - other.value, self.error + other.error, ULP)
    }
}

impl Mul for Running {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let inherited =
            self.error * other.value.abs() + other.error * self.value.abs() + self.error * other.error;
        Self::result(self.value * other.value, inherited, ULP)
    }
}

impl Div for Running {
    type Output = Self;

    /// By what is farther from 0 than its error.
    fn div(self, other: Self) -> Self {
        let quotient = self.value / other.value;
        let inherited =
            (self.error + quotient.abs() * other.error) / (other.value.abs() - other.error).max(0.0);
        // 2.5 ulp in WGSL.
        Self::result(quotient, inherited, 5.0)
    }
}
