//! Copies of whole matrices.

use rayon::prelude::*;

/// Elements that one thread copies at a time.
const PART: usize = 1 << 18;

/// Copies `from` to `to`, which is as long.
pub(crate) fn copy<T: Copy + Send + Sync>(from: &[T], to: &mut [T]) {
    to.par_chunks_mut(PART).zip(from.par_chunks(PART)).for_each(|(to, from)| to.copy_from_slice(from));
}
