//! What a row is as a gain and a shape: the words that kernels and their twins share.
//!
//! The gain of a code is an f32 of 8 bits of mantissa without a sign, and its bits are what a *length code* says: T stands for the
//! f32 whose bits are T · 2¹⁵, so that codes ascend as lengths do. It is kept as two codes of a byte, exponent and mantissa.

/// Columns of codes besides the shape's.
pub(crate) const LENGTH_CODES: usize = 2;

/// Values of each of these.
pub(crate) const LENGTH_CODE_SIZE: usize = 256;

/// The bits of an f32 below those of a length code.
pub(crate) const LENGTH_SHIFT: u32 = 15;

/// The largest length code, of a length below 2^101: what is decoded and turned with it is finite. Longer vectors are refused before.
pub(crate) const LONGEST: u32 = 0xe3ff;

/// Magnitudes of a shape are whole multiples of this, below 8: numbers of 12 bits.
pub(crate) const MAGNITUDE_STEP: f32 = 1.0 / 512.0;

/// A row whose magnitudes sum to less has the length 0.
pub(crate) const SMALLEST_SUM: f32 = 1.0 / (1_u64 << 60) as f32;

/// What the grid of magnitudes is stretched by, as tried for codes of 2 bits; the first is that for a normal distribution.
pub(crate) const STRETCHES: [f32; 3] = [1.0, 0.95, 1.05];

/// How many of the [`STRETCHES`] are tried for a shape of so many magnitudes. With one a stretch changes nothing, and with more than two
/// the best one gains little.
pub(crate) fn stretches(magnitudes: usize) -> usize {
    if magnitudes == 2 { STRETCHES.len() } else { 1 }
}
