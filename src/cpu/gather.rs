//! CPU twin of `shaders/gather.wgsl`.

use rayon::prelude::*;

/// `gathered[i] = source[indices[i]]` for rows of `d`; an index past the end leaves its row alone.
pub(crate) fn gather(source: &[f32], d: usize, indices: &[u32], gathered: &mut [f32]) {
    let rows = source.len() / d;
    gathered.par_chunks_mut(d).zip(indices).with_min_len(256).for_each(|(out, &index)| {
        let index = index as usize;
        if index < rows {
            out.copy_from_slice(&source[index * d..][..d]);
        }
    });
}
