//! What a device matrix can hold.

use half::f16;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for u32 {}
    impl Sealed for half::f16 {}
    impl Sealed for u8 {}
}

/// The scalars of a [`Matrix`](crate::Matrix): `f32` for vectors and distances, `u32` for codes, counts and row numbers.
///
/// `f16` and `u8` hold the same in half and a quarter of the memory: vectors, and codes of up to 256 codewords. They lie one
/// behind another, without gaps between rows, on every device. [`Recorder::convert`](crate::Recorder::convert) turns one
/// into the other.
pub trait Element: bytemuck::Pod + Send + Sync + std::fmt::Debug + PartialEq + sealed::Sealed {
    /// The scalar's name, for messages.
    const NAME: &'static str;

    /// What a fresh matrix on the host is filled with in checked mode: a value that no kernel leaves behind by accident,
    /// so that reading memory nobody wrote shows up as a wrong result.
    #[doc(hidden)]
    const POISON: Self;

    /// Whether `self` may be uploaded: NaN and infinity may not.
    #[doc(hidden)]
    #[inline]
    fn acceptable(&self) -> bool {
        true
    }

    /// The code, count or row number that it is, if it is one.
    #[doc(hidden)]
    #[inline]
    fn code(&self) -> Option<u32> {
        None
    }
}

/// An element of four bytes, which any invocation of a shader can write by itself.
pub trait Word: Element {}

impl Word for f32 {}
impl Word for u32 {}

impl Element for f32 {
    const NAME: &'static str = "f32";
    const POISON: Self = f32::NAN;
    #[inline]
    fn acceptable(&self) -> bool {
        self.is_finite()
    }
}

impl Element for u32 {
    const NAME: &'static str = "u32";
    // The bits of a quiet NaN, so that one pattern poisons both types.
    const POISON: Self = 0x7fc0_0000;
    #[inline]
    fn code(&self) -> Option<u32> {
        Some(*self)
    }
}

impl Element for f16 {
    const NAME: &'static str = "f16";
    const POISON: Self = f16::NAN;
    #[inline]
    fn acceptable(&self) -> bool {
        self.is_finite()
    }
}

impl Element for u8 {
    const NAME: &'static str = "u8";
    const POISON: Self = 0xa5;
    #[inline]
    fn code(&self) -> Option<u32> {
        Some(u32::from(*self))
    }
}

/// Elements that [`Recorder::convert`](crate::Recorder::convert) turns into `T`.
pub trait Convert<T: Element>: Element {
    /// The number of this conversion: `FORM` in the shader.
    #[doc(hidden)]
    const FORM: u32;

    /// The same as `T`, or the nearest there is.
    #[doc(hidden)]
    fn convert(self) -> T;
}

impl Convert<f16> for f32 {
    const FORM: u32 = 0;
    #[inline]
    fn convert(self) -> f16 {
        f16::from_f32(self.clamp(f16::MIN.to_f32_const(), f16::MAX.to_f32_const()))
    }
}

impl Convert<f32> for f16 {
    const FORM: u32 = 1;
    #[inline]
    fn convert(self) -> f32 {
        self.to_f32()
    }
}

impl Convert<u8> for u32 {
    const FORM: u32 = 2;
    #[inline]
    fn convert(self) -> u8 {
        self.min(u8::MAX.into()) as u8
    }
}

impl Convert<u32> for u8 {
    const FORM: u32 = 3;
    #[inline]
    fn convert(self) -> u32 {
        self.into()
    }
}

impl Convert<f32> for u8 {
    const FORM: u32 = 4;
    #[inline]
    fn convert(self) -> f32 {
        self.into()
    }
}
