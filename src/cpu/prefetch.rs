//! Values that will be read soon.

/// Asks the processor to bring `values` to its caches, where it can be asked.
#[inline(always)]
pub(super) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of_val(values)).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every processor of this architecture has the instruction, which changes nothing but what is in caches.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().wrapping_byte_add(line).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}
