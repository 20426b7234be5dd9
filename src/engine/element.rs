//! What a device matrix can hold.

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for u32 {}
}

/// The scalars of a [`Matrix`](crate::Matrix): `f32` for vectors and distances, `u32` for codes, counts and
/// row numbers. Both are four bytes wide, on every device.
pub trait Element: bytemuck::Pod + Send + Sync + std::fmt::Debug + PartialEq + sealed::Sealed {
    /// The scalar's name, for messages.
    const NAME: &'static str;

    /// What a fresh buffer is filled with in checked mode: a value that no kernel leaves behind by accident,
    /// so that reading memory nobody wrote shows up as a wrong result.
    #[doc(hidden)]
    const POISON: Self;

    /// Whether `self` may be uploaded: NaN and infinity may not.
    #[doc(hidden)]
    fn acceptable(&self) -> bool;

    /// The code, count or row number that it is, if it is one.
    #[doc(hidden)]
    fn code(&self) -> Option<u32>;
}

impl Element for f32 {
    const NAME: &'static str = "f32";
    const POISON: Self = f32::NAN;
    #[inline]
    fn acceptable(&self) -> bool {
        self.is_finite()
    }
    #[inline]
    fn code(&self) -> Option<u32> {
        None
    }
}

impl Element for u32 {
    const NAME: &'static str = "u32";
    // The bits of a quiet NaN, so that one pattern poisons both types.
    const POISON: Self = 0x7fc0_0000;
    #[inline]
    fn acceptable(&self) -> bool {
        true
    }
    #[inline]
    fn code(&self) -> Option<u32> {
        Some(*self)
    }
}
