//! CPU twin of `shaders/curve_runs.wgsl`.

use rayon::prelude::*;

/// Writes how many of the `borders`, ascending pairs of segment and position, are at or before each position.
pub(crate) fn curve_runs(segments: &[u32], positions: &[f32], borders: &[f32], runs: &mut [u32]) {
    let borders = borders.as_chunks::<2>().0;
    let places = segments.par_iter().zip(positions).with_min_len(4096);
    places.zip(runs).for_each(|((&segment, &position), run)| {
        let place = (segment as f32, position);
        *run = borders.partition_point(|&[segment, position]| (segment, position) <= place) as u32;
    });
}
