//! Plain float64 answers that the checks judge by, and the rounding bounds they allow.

/// The unit roundoff of `f32`: one rounding changes a value by at most this share of it.
pub(crate) const U: f64 = 1.0 / 16_777_216.0;

/// How far a sum of `terms` products or squares computed in `f32`, in any order, may lie from the exact one:
/// `terms + 2` roundings of partial sums that never exceed `magnitude`, the sum of the terms' sizes (Higham,
/// *Accuracy and Stability of Numerical Algorithms*, section 3.1).
pub(crate) fn sum_bound(terms: usize, magnitude: f64) -> f64 {
    let steps = (terms + 2) as f64;
    steps * U / (1.0 - steps * U) * magnitude
}
