//! CPU twin of `shaders/copy_columns.wgsl`.

use std::ops::Range;

use rayon::prelude::*;

/// Rows that are copied before another thread would be awake.
const ALONE: usize = 8192;

/// Copies `columns` of the rows of `source`, `from` elements each, to the rows of `target`, `cols` elements each, from
/// column `to` on.
pub(crate) fn copy_columns<T: Copy + Send + Sync>(
    source: &[T],
    from: usize,
    columns: Range<usize>,
    target: &mut [T],
    cols: usize,
    to: usize,
) {
    target.par_chunks_mut(cols).zip(source.par_chunks(from)).with_min_len(ALONE).for_each(
        |(target, source)| {
            target[to..][..columns.len()].copy_from_slice(&source[columns.clone()]);
        },
    );
}
