//! CPU twin of `shaders/tally.wgsl`.

/// Adds `counts` to `vectors`, and 1 to `batches` where there are any.
pub(crate) fn tally(counts: &[u32], vectors: &mut [u32], batches: &mut [u32]) {
    for ((&count, vectors), batches) in counts.iter().zip(vectors).zip(batches) {
        *vectors = vectors.wrapping_add(count);
        *batches = batches.wrapping_add(u32::from(count > 0));
    }
}
