//! What the units of a network make of their inputs.

/// A function of one number: see [`Recorder::activate`](crate::Recorder::activate).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// max(x, 0), with a derivative of 0 at 0.
    Relu,
    /// The Gaussian error linear unit in its tanh form, ½x (1 + tanh(√(2/π) (x + 0.044715 x³))) (Hendrycks and Gimpel,
    /// 2016): at most 5·10⁻⁴ from the exact one.
    Gelu,
    /// tanh x
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
}
