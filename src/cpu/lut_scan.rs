//! CPU twin of `shaders/lut_scan.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use crate::ops::LANES;

/// Rows that a thread scans for one group of queries before the next, at most: enough that a group's table is worth
/// loading into the second-level cache, few enough that their codes stay beside it.
const MOST_ROWS: usize = 2048;
const LEAST_ROWS: usize = 128;

/// `scores[i, q] = starts[i] + Σ_j table_q[firsts[j] + codes[i, j]]` for `codes` (n, m), `starts` (n) and `scores`
/// (n, 16·groups). `tables` are (groups·entries, 16), and their number of entries. A code past the end of the tables
/// adds nothing.
///
/// A look-up is one load of the entries of 16 queries, which are added to 16 sums at once.
pub(crate) fn lut_scan<C: Copy + Into<u32> + Sync>(
    codes: &[C],
    firsts: &[u32],
    (tables, entries): (&[f32], usize),
    starts: &[f32],
    scores: &mut [f32],
) {
    let arch = Arch::new();
    let tables = tables.as_chunks::<LANES>().0;
    let groups = tables.len() / entries.max(1);
    let rows = starts.len().div_ceil(4 * rayon::current_num_threads()).clamp(LEAST_ROWS, MOST_ROWS);
    let chunks = scores.par_chunks_mut(rows * groups * LANES).zip(starts.par_chunks(rows)).enumerate();
    chunks.for_each(|(chunk, (scores, starts))| {
        let codes = &codes[chunk * rows * firsts.len()..][..starts.len() * firsts.len()];
        let scores = scores.as_chunks_mut::<LANES>().0;
        for (group, table) in tables.chunks_exact(entries.max(1)).enumerate() {
            let scores = scores[group..].iter_mut().step_by(groups);
            arch.dispatch(
                #[inline(always)]
                || scan(codes, firsts, table, starts, scores),
            );
        }
    });
}

/// One group of queries: `table` and one score of each row are theirs.
#[inline(always)]
fn scan<'a, C: Copy + Into<u32>>(
    codes: &[C],
    firsts: &[u32],
    table: &[[f32; LANES]],
    starts: &[f32],
    scores: impl Iterator<Item = &'a mut [f32; LANES]>,
) {
    for (row, (score, &start)) in scores.zip(starts).enumerate() {
        let mut sum = [start; LANES];
        for (&code, &first) in codes[row * firsts.len()..].iter().zip(firsts) {
            if let Some(entry) = table.get(first.wrapping_add(code.into()) as usize) {
                for (sum, &entry) in sum.iter_mut().zip(entry) {
                    *sum += entry;
                }
            }
        }
        *score = sum;
    }
}
