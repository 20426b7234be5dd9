//! CPU twin of `shaders/gather.wgsl`.

use rayon::prelude::*;

/// Rows that are copied before another thread would be awake.
const ALONE: usize = 256;

/// `gathered[i] = source[indices[i]]` for rows of `d`; an index past the end leaves its row alone.
pub(crate) fn gather(source: &[f32], d: usize, indices: &[u32], gathered: &mut [f32]) {
    let rows = source.len() / d;
    let copy = |(out, &index): (&mut [f32], &u32)| {
        let index = index as usize;
        if index < rows {
            out.copy_from_slice(&source[index * d..][..d]);
        }
    };
    if indices.len() <= ALONE {
        gathered.chunks_mut(d).zip(indices).for_each(copy);
    } else {
        gathered.par_chunks_mut(d).zip(indices).with_min_len(ALONE).for_each(copy);
    }
}
