//! CPU twin of `shaders/convert.wgsl`.

use rayon::prelude::*;

/// Elements that one thread converts at a time.
const PART: usize = 1 << 16;

/// Writes every element of `source` to its place in `converted`, as what `each` makes of it.
pub(crate) fn convert<A: Copy + Sync, B: Send>(
    source: &[A],
    converted: &mut [B],
    each: impl Fn(A) -> B + Sync,
) {
    converted.par_chunks_mut(PART).zip(source.par_chunks(PART)).for_each(|(converted, source)| {
        converted.iter_mut().zip(source).for_each(|(to, from)| *to = each(*from));
    });
}
