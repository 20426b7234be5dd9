//! CPU twin of `shaders/keep_least.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::widest::widest;

/// Queries that a thread looks after at a time: as many scores as a cache line holds.
const LANES: usize = 16;

/// Takes the candidates `first + i` with the `scores` (rows, columns) into the ascending lists `ids` and `least`
/// (queries, k), whose queries are the first columns.
pub(crate) fn keep_least(
    scores: &[f32],
    columns: usize,
    first: u32,
    k: usize,
    ids: &mut [u32],
    least: &mut [f32],
) {
    let arch = Arch::new();
    let lists = ids.par_chunks_mut(LANES * k).zip(least.par_chunks_mut(LANES * k)).enumerate();
    lists.for_each(|(block, (ids, least))| {
        widest(
            arch,
            #[inline(always)]
            || {
                let rows = scores.chunks_exact(columns).map(|row| &row[block * LANES..]);
                keep(rows, first, k, ids, least);
            },
        );
    });
}

/// `keep_least` for up to 16 queries, whose scores begin each row of `rows`.
#[inline(always)]
fn keep<'a>(rows: impl Iterator<Item = &'a [f32]>, first: u32, k: usize, ids: &mut [u32], least: &mut [f32]) {
    let queries = ids.len() / k;
    // A place without a query takes nothing.
    let mut last = [f32::NEG_INFINITY; LANES];
    for (last, list) in last.iter_mut().zip(least.chunks_exact(k)) {
        *last = list[k - 1];
    }
    for (id, row) in (first..).zip(rows) {
        // Padding is read where there is some: a row of known length is compared in one go.
        let mut padded = [f32::INFINITY; LANES];
        let scores = row.first_chunk::<LANES>().unwrap_or_else(|| {
            padded[..row.len()].copy_from_slice(row);
            &padded
        });
        // After the first few hundred candidates hardly any score is among the least.
        if scores.iter().zip(&last).fold(false, |any, (score, last)| any | (score < last)) {
            for query in 0..queries {
                if scores[query] < last[query] {
                    let list = query * k..(query + 1) * k;
                    last[query] = insert(scores[query], id, &mut least[list.clone()], &mut ids[list]);
                }
            }
        }
    }
}

/// Puts `score`, which is less than the last of the ascending `least`, in its place, behind equal ones, which have
/// lower ids; returns what is last now.
#[inline(never)]
fn insert(score: f32, id: u32, least: &mut [f32], ids: &mut [u32]) -> f32 {
    let (place, last) = (least.partition_point(|&kept| kept <= score), least.len() - 1);
    least.copy_within(place..last, place + 1);
    ids.copy_within(place..last, place + 1);
    least[place] = score;
    ids[place] = id;
    least[last]
}
