//! CPU twin of `shaders/scan.wgsl`.

/// Exclusive prefix sums modulo 2³², and the total in the last of `values.len() + 1` sums.
pub(crate) fn scan(values: &[u32], sums: &mut [u32]) {
    let mut sum = 0_u32;
    for (out, value) in sums.iter_mut().zip(values.iter().chain([&0])) {
        *out = sum;
        sum = sum.wrapping_add(*value);
    }
}
