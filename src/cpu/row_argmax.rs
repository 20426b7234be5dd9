//! CPU twin of `shaders/row_argmax.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::lengths::task_elements;
use super::widest::widest;

/// Partial results per row, so that the comparisons turn into vectors.
const LANES: usize = 16;

/// The column of the greatest element of each row of `d`, of equal ones the first.
pub(crate) fn row_argmax(values: &[f32], d: usize, indices: &mut [u32]) {
    let arch = Arch::new();
    let part = task_elements(d);
    values.par_chunks(part).zip(indices.par_chunks_mut(part / d)).for_each(|(values, indices)| {
        widest(
            arch,
            #[inline(always)]
            || {
                for (row, index) in values.chunks_exact(d).zip(&mut *indices) {
                    *index = argmax(row);
                }
            },
        );
    });
}

#[inline(always)]
fn argmax(row: &[f32]) -> u32 {
    let (mut best, mut at) = ([f32::NEG_INFINITY; LANES], [0_u32; LANES]);
    let (chunks, rest) = row.as_chunks::<LANES>();
    for (number, chunk) in chunks.iter().enumerate() {
        for lane in 0..LANES {
            // Strictly greater: of equal ones in a lane the first stays.
            let greater = chunk[lane] > best[lane];
            best[lane] = if greater { chunk[lane] } else { best[lane] };
            at[lane] = if greater { (number * LANES + lane) as u32 } else { at[lane] };
        }
    }
    let first_of_rest = chunks.len() * LANES;
    let rest = rest.iter().enumerate().map(|(i, &value)| (value, (first_of_rest + i) as u32));
    let first = |a: (f32, u32), b: (f32, u32)| if b.0 > a.0 || b.0 == a.0 && b.1 < a.1 { b } else { a };
    best.into_iter().zip(at).chain(rest).fold((f32::NEG_INFINITY, u32::MAX), first).1
}
