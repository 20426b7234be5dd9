//! Arithmetic on the elements of matrices.

/// An operation on two numbers: see [`Recorder::elementwise`](crate::Recorder::elementwise).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// a + b
    Add,
    /// a − b
    Sub,
    /// a · b
    Mul,
    /// a / b, and 0 where b is 0: so that the mean of nothing is 0
    Div,
    /// the lesser of a and b
    Min,
    /// the greater of a and b
    Max,
}

/// An operation on one number: see [`Recorder::map`](crate::Recorder::map). The result is finite for every finite
/// number, save that `Square` and `Reciprocal` can overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// |a|
    Abs,
    /// a²
    Square,
    /// √a, and 0 where a is negative
    Sqrt,
    /// eᵃ, and at most [`f32::MAX`]
    Exp,
    /// The natural logarithm of a, and −87.3 (that of [`f32::MIN_POSITIVE`]) for whatever is less than that: so that
    /// 0 · log 0 is 0
    Log,
    /// 1 / a, and 0 where a is 0
    Reciprocal,
}
