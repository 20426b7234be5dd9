//! CPU twin of `shaders/extend_codes.wgsl`.

use rayon::prelude::*;

/// Gives rows that are further than `limit` the first `count` codes of their row of `longer`, stops behind them, and the
/// distance in `errors`.
///
/// `longer` (n, columns), `errors` and `distances` (n), `stops` (m), `codes` (n, m).
pub(crate) fn extend_codes(
    longer: (&[u32], usize),
    count: usize,
    errors: &[f32],
    stops: &[u32],
    limit: f32,
    codes: &mut [u32],
    distances: &mut [f32],
) {
    let (longer, columns) = longer;
    let rows = codes.par_chunks_mut(stops.len()).zip(distances).zip(longer.par_chunks(columns).zip(errors));
    rows.with_min_len(1024).filter(|((_, distance), _)| **distance > limit).for_each(
        |((codes, distance), (longer, &error))| {
            codes[..count].copy_from_slice(&longer[..count]);
            codes[count..].copy_from_slice(&stops[count..]);
            *distance = error;
        },
    );
}
