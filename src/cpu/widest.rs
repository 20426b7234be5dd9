//! Loops compiled for the widest vectors of the CPU they run on.

use pulp::{Arch, Simd, WithSimd};

/// Runs `f`, and what is inlined into it, compiled for the widest vectors there are.
///
/// [`Arch::dispatch`] takes closures itself, but by value. What calls a closure that only borrows by value is an adapter,
/// which carries no `inline(always)`: left out of line, it is compiled for the oldest CPU there is.
#[inline(always)]
pub(super) fn widest<R>(arch: Arch, f: impl FnMut() -> R) -> R {
    arch.dispatch(ByReference(f))
}

struct ByReference<F>(F);

impl<R, F: FnMut() -> R> WithSimd for ByReference<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}
