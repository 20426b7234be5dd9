//! The number types that data files store, and their conversion to what the crate computes with.

use std::fmt;

use bytemuck::Pod;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// The type of a stored number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dtype {
    F16,
    Bf16,
    F32,
    F64,
    U8,
    I8,
    U16,
    U32,
    I32,
    I64,
    U64,
}

impl Dtype {
    /// Bytes per number.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::F16 | Self::Bf16 | Self::U16 => 2,
            Self::F32 | Self::U32 | Self::I32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// Whether vectors may be stored in this type. 16-bit and wider integers are indices, not coordinates;
    /// `ivecs`, where there is no other type, is the exception (see `vecs`).
    pub fn holds_vectors(self) -> bool {
        matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64 | Self::U8 | Self::I8)
    }

    /// Whether codes and neighbour ids may be stored in this type.
    pub fn holds_indices(self) -> bool {
        matches!(self, Self::U8 | Self::U16 | Self::U32 | Self::I32 | Self::I64 | Self::U64)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U64 => "u64",
        })
    }
}

/// A number as it lies in a file.
pub(super) trait Stored: Pod + Send + Sync {
    /// The same number with its bytes reversed.
    fn swapped(self) -> Self;
}

/// Stored numbers that can be turned into `To` (`f32` for vectors, `u32` for codes and ids).
pub(super) trait Convert<To>: Stored {
    /// Converts `from` into `to`, slices of one length.
    fn convert(from: &[Self], to: &mut [To]) -> Result<(), Unusable>;
}

/// A number that cannot be used: where it stands in the slice, and what is wrong with it.
#[derive(Debug, PartialEq)]
pub(super) struct Unusable {
    pub index: usize,
    pub why: String,
}

/// The index of the first NaN or infinity.
pub(super) fn first_non_finite(values: &[f32]) -> Option<usize> {
    const EXPONENT: u32 = 0x7f80_0000;
    let bad = |v: &f32| v.to_bits() & EXPONENT == EXPONENT;
    // Without an early exit the inner loop becomes a handful of vector instructions; the block bounds how
    // much is looked at in vain.
    values
        .chunks(1024)
        .position(|block| block.iter().fold(false, |any, v| any | bad(v)))
        .and_then(|block| values[block * 1024..].iter().position(bad).map(|at| block * 1024 + at))
}

/// What is wrong with a number that is not finite as f32.
fn why_not_finite(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        "infinity".into()
    } else {
        format!("{value:e}, which is beyond the range of f32")
    }
}

macro_rules! stored {
    ($($t:ty: $swap:expr;)*) => {$(
        impl Stored for $t {
            #[inline]
            fn swapped(self) -> Self {
                let swap: fn($t) -> $t = $swap;
                swap(self)
            }
        }
    )*};
}

stored! {
    f16: |v| f16::from_bits(v.to_bits().swap_bytes());
    bf16: |v| bf16::from_bits(v.to_bits().swap_bytes());
    f32: |v| f32::from_bits(v.to_bits().swap_bytes());
    f64: |v| f64::from_bits(v.to_bits().swap_bytes());
    u8: |v| v;
    i8: |v| v;
    u16: u16::swap_bytes;
    u32: u32::swap_bytes;
    i32: i32::swap_bytes;
    i64: i64::swap_bytes;
    u64: u64::swap_bytes;
}

/// Floats: convert all, then look for what did not come out finite.
macro_rules! float_to_f32 {
    ($($t:ty: $all:expr;)*) => {$(
        impl Convert<f32> for $t {
            fn convert(from: &[Self], to: &mut [f32]) -> Result<(), Unusable> {
                let all: fn(&[$t], &mut [f32]) = $all;
                all(from, to);
                match first_non_finite(to) {
                    None => Ok(()),
                    Some(index) => Err(Unusable { index, why: why_not_finite(from[index].into()) }),
                }
            }
        }
    )*};
}

float_to_f32! {
    f16: |from, to| from.convert_to_f32_slice(to);
    bf16: |from, to| from.convert_to_f32_slice(to);
    f32: |from, to| to.copy_from_slice(from);
    f64: |from, to| from.iter().zip(to).for_each(|(&from, to)| *to = from as f32);
}

macro_rules! always {
    ($($t:ty => $to:ty),*) => {$(
        impl Convert<$to> for $t {
            fn convert(from: &[Self], to: &mut [$to]) -> Result<(), Unusable> {
                from.iter().zip(to).for_each(|(&from, to)| *to = from as $to);
                Ok(())
            }
        }
    )*};
}

always!(u8 => f32, i8 => f32, i32 => f32, i64 => f32, u8 => u32, u16 => u32, u32 => u32);
always!(u8 => u64, u16 => u64, u32 => u64, u64 => u64);

macro_rules! where_it_fits {
    ($($t:ty => $to:ty),*) => {$(
        impl Convert<$to> for $t {
            fn convert(from: &[Self], to: &mut [$to]) -> Result<(), Unusable> {
                for (index, (&from, to)) in from.iter().zip(to).enumerate() {
                    let why = || format!("{from}, which is not an index (0 to {})", <$to>::MAX);
                    *to = from.try_into().map_err(|_| Unusable { index, why: why() })?;
                }
                Ok(())
            }
        }
    )*};
}

where_it_fits!(i32 => u32, i64 => u32, u64 => u32, i32 => u64, i64 => u64);

#[cfg(test)]
mod tests {
    use super::*;

    fn convert<T: Convert<To>, To: Copy + Default>(from: &[T]) -> Result<Vec<To>, Unusable> {
        let mut to = vec![To::default(); from.len()];
        T::convert(from, &mut to).map(|()| to)
    }

    #[test]
    fn every_half_becomes_the_float_it_stands_for_or_is_refused() {
        for bits in 0..=u16::MAX {
            let (half, brain) = (f16::from_bits(bits), bf16::from_bits(bits));
            assert_eq!(convert::<_, f32>(&[half]).ok(), half.is_finite().then(|| vec![half.to_f32()]));
            assert_eq!(convert::<_, f32>(&[brain]).ok(), brain.is_finite().then(|| vec![brain.to_f32()]));
        }
    }

    #[test]
    fn the_first_unusable_number_is_found_at_every_place() {
        for n in [1, 2, 1023, 1024, 1025, 5000] {
            assert_eq!(first_non_finite(&vec![f32::MAX; n]), None);
            for at in [0, n / 2, n - 1] {
                let mut values = vec![-f32::MAX; n];
                values[n - 1] = f32::NAN;
                values[at] = f32::NEG_INFINITY;
                assert_eq!(first_non_finite(&values), Some(at));
            }
        }
    }

    #[test]
    fn the_reason_is_told() {
        let why = |value: f64| convert::<_, f32>(&[0.0, value]).unwrap_err();
        assert_eq!(why(f64::NAN), Unusable { index: 1, why: "NaN".into() });
        assert_eq!(why(f64::INFINITY).why, "infinity");
        assert_eq!(why(-1e300).why, "-1e300, which is beyond the range of f32");
        let index = convert::<i64, u32>(&[7, -1]).unwrap_err();
        assert_eq!(index, Unusable { index: 1, why: "-1, which is not an index (0 to 4294967295)".into() });
        assert!(convert::<i64, u32>(&[1 << 32]).is_err());
    }

    #[test]
    fn swapping_reverses_the_bytes() {
        let reversed = |mut bytes: [u8; 8]| {
            bytes.reverse();
            bytes
        };
        assert_eq!(1.5f64.swapped().to_ne_bytes(), reversed(1.5f64.to_ne_bytes()));
        assert_eq!((-3i64).swapped().to_ne_bytes(), reversed((-3i64).to_ne_bytes()));
        assert_eq!(f16::from_bits(0x1234).swapped().to_bits(), 0x3412);
        assert_eq!(f32::from_bits(0x1234_5678).swapped().to_bits(), 0x7856_3412);
    }
}
