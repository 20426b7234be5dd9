//! CPU twin of `shaders/lattice_decode.wgsl`.

use rayon::prelude::*;

use super::lattice_round::GRID_COLUMNS;
use crate::lattice::{Lattice, golay};

/// Writes the points that `codes` stand for, in vectors of `d` dimensions.
pub(crate) fn lattice_decode(codes: &[u32], d: usize, lattice: Lattice, grid: &[f32], decoded: &mut [f32]) {
    let (columns, _) = grid.as_chunks::<GRID_COLUMNS>();
    let rows = decoded.par_chunks_mut(d).zip(codes.par_chunks(columns.len()));
    let buffer = || vec![0; columns.len()];
    rows.with_min_len((1024 / d).max(1)).for_each_init(buffer, |q, (decoded, codes)| {
        for ((q, &code), column) in q.iter_mut().zip(codes).zip(columns) {
            *q = (code as i32).wrapping_add(column[5] as i32);
        }
        for q in q.chunks_exact_mut(lattice.dim()) {
            add_implied(lattice, q);
        }
        for ((decoded, q), [offset, step, ..]) in decoded.iter_mut().zip(&*q).zip(columns) {
            *decoded = offset + step * *q as f32;
        }
    });
}

/// Makes of the codes of one block its coordinates, in steps: adds what is known modulo.
pub(crate) fn add_implied(lattice: Lattice, q: &mut [i32]) {
    match (lattice, q) {
        (Lattice::A(_), [rest @ .., last]) => {
            // p_1 + … + p_k of the point p in n + 1 dimensions.
            let mut sum = *last;
            for (k, q) in rest.iter_mut().enumerate().rev() {
                let (z, m) = (*q, k as i32 + 2);
                *q = z.wrapping_mul(m).wrapping_add(sum.rem_euclid(m));
                sum = sum.wrapping_add(z).wrapping_sub(sum.div_euclid(m));
            }
        }
        (Lattice::D(_), [rest @ .., last]) => {
            *last = *last << 1 | rest.iter().fold(0, |sum, q| sum ^ q) & 1;
        }
        (Lattice::E8, [first, rest @ .., last]) => {
            let m = *first & 1;
            let sum = rest.iter().fold(*first >> 1, |sum, z| sum ^ z);
            rest.iter_mut().for_each(|q| *q = *q << 1 | m);
            *last = *last << 2 | (sum & 1) << 1 | m;
        }
        (Lattice::Leech24, [first, rest @ ..]) => {
            let m = *first & 1;
            let free =
                rest.iter().enumerate().fold(*first >> 1 & 1, |bits, (i, z)| bits | (z & 1) << (i + 1));
            let word = golay::word(free as u32);
            // The sum of z is as even as m.
            let mut sum = m ^ *first >> 2;
            for (i, q) in (1..24).zip(rest) {
                let z = match golay::FREE >> i & 1 {
                    1 => *q >> 1,
                    _ if i == 23 => *q << 1 | sum & 1,
                    _ => *q,
                };
                sum ^= z;
                *q = (z << 2) | ((word >> i & 1) << 1) as i32 | m;
            }
        }
        // Z has none.
        _ => {}
    }
}
