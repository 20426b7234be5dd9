//! CPU twin of `shaders/fill.wgsl`.

use rayon::prelude::*;

/// Elements that one thread fills at a time.
const PART: usize = 1 << 18;

/// Writes `value` to every element.
pub(crate) fn fill(filled: &mut [f32], value: f32) {
    filled.par_chunks_mut(PART).for_each(|part| part.fill(value));
}
