//! What random numbers are drawn from.

/// What [`Recorder::random_fill`](crate::Recorder::random_fill) draws from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// Uniform in [0, 1), in steps of 2⁻²⁴: the same bits on every device.
    Uniform,
    /// Normal of mean 0 and variance 1, up to 6.8 from 0. Devices may differ by 40 · 2⁻²⁴ of the number.
    Normal,
    /// The standard Gumbel −ln(−ln u), from −3.2 to 22.9: what added to logits makes their argmax a softmax sample.
    /// Devices may differ in a number g by (16 + 10 |g|) · 2⁻²⁴.
    Gumbel,
}
