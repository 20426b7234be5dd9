//! What a row is as a gain and a shape: the words that kernels and their twins share.
//!
//! The gain of a code is an f32 of 8 bits of mantissa without a sign, and its bits are what a *length code* says: T stands for the
//! f32 whose bits are T · 2¹⁵, so that codes ascend as lengths do. It is kept as four codes of 4 bits, which are no longer than those
//! of a shape of 4 bits, so that what packs codes by the longest of them loses nothing.

/// Columns of codes besides the shape's.
pub(crate) const LENGTH_CODES: usize = 4;

/// Values of each of these.
pub(crate) const LENGTH_CODE_SIZE: usize = 16;

/// The bits of an f32 below those of a length code.
pub(crate) const LENGTH_SHIFT: u32 = 15;

/// The largest length code, of a length below 2^101: what is decoded and turned with it is finite. Longer vectors are refused before.
pub(crate) const LONGEST: u32 = 0xe3ff;

/// Magnitudes of a shape are whole multiples of this, below 8: numbers of 12 bits.
pub(crate) const MAGNITUDE_STEP: f32 = 1.0 / 512.0;

/// A row whose magnitudes sum to less has the length 0.
pub(crate) const SMALLEST_SUM: f32 = 1.0 / (1_u64 << 60) as f32;

/// The codes that a length code is kept as, the highest first.
pub(crate) fn digits(code: u32) -> [u32; LENGTH_CODES] {
    [code >> 12, code >> 8 & 15, code >> 4 & 15, code & 15]
}

/// The length that these codes stand for; each that is past the last counts as the last.
pub(crate) fn length(digits: &[u32]) -> f32 {
    let code = digits.iter().fold(0, |code, &digit| code << 4 | digit.min(15));
    f32::from_bits(code.min(LONGEST) << LENGTH_SHIFT)
}
