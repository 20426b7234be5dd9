//! CPU twin of `shaders/segment_center.wgsl`: the same bisection.

use pulp::Arch;
use rayon::prelude::*;

use super::segment_mean::{CHUNK, GROUP, Rows, Segments};
use super::widest::widest;
use crate::ops::Bisection;

/// Columns that are searched at a time: their rows are read again in every round.
const COLUMNS: usize = 64;

/// Moves each row of `centers` (k, d) to where the sum of the powers of the errors of its code's rows is least; a code of no
/// mass stays where it is.
pub(crate) fn segment_center(
    rows: Rows,
    order: &[u32],
    segments: Segments,
    mass: &[f32],
    bisection: Bisection,
    centers: &mut [f32],
) {
    let arch = Arch::new();
    centers.par_chunks_mut(rows.d).zip(mass).enumerate().for_each(|(code, (centers, &mass))| {
        if mass <= 0.0 {
            return;
        }
        let order = &order[segments.places(code)];
        centers.par_chunks_mut(COLUMNS).enumerate().for_each(|(block, centers)| {
            widest(
                arch,
                #[inline(always)]
                || search(rows, order, block * COLUMNS, bisection, centers),
            );
        });
    });
}

/// The centres of the columns from `first` on of the rows in `order`.
#[inline(always)]
fn search(rows: Rows, order: &[u32], first: usize, bisection: Bisection, centers: &mut [f32]) {
    let width = centers.len();
    let mut sums = [[0.0; COLUMNS]; 3];
    let [total, group, chunk] = sums.each_mut().map(|sum| &mut sum[..width]);
    centers.fill(0.0);
    for step in bisection.steps() {
        total.fill(0.0);
        for places in order.chunks(CHUNK * GROUP) {
            group.fill(0.0);
            for places in places.chunks(CHUNK) {
                chunk.fill(0.0);
                for &row in places {
                    let Some(x) = rows.x.get(row as usize * rows.d + first..).and_then(|x| x.get(..width))
                    else {
                        continue;
                    };
                    let weight = rows.weights.map_or(1.0, |weights| weights[row as usize]);
                    for ((sum, x), center) in chunk.iter_mut().zip(x).zip(&*centers) {
                        *sum += pull(x - center, bisection.power) * weight;
                    }
                }
                group.iter_mut().zip(&*chunk).for_each(|(sum, chunk)| *sum += chunk);
            }
            total.iter_mut().zip(&*group).for_each(|(sum, group)| *sum += group);
        }
        for (center, &total) in centers.iter_mut().zip(&*total) {
            let down = total == 0.0 && bisection.power == 1;
            *center += if down { -step } else { sign(total) * step };
        }
    }
    if let Some(step) = bisection.snaps() {
        snap(rows, order, first, step, centers);
    }
}

/// Puts each centre on the largest value that is not above it but for what a search is off by.
fn snap(rows: Rows, order: &[u32], first: usize, step: f32, centers: &mut [f32]) {
    for (at, center) in centers.iter_mut().enumerate() {
        let highest = *center + Bisection::slack(step, *center);
        let values = order.iter().filter_map(|&row| rows.x.get(row as usize * rows.d + first + at));
        let largest = values.copied().filter(|&value| value <= highest).fold(f32::MIN, f32::max);
        if largest > f32::MIN {
            *center = largest;
        }
    }
}

/// sign(e) |e|^(power − 1)
#[inline(always)]
fn pull(error: f32, power: u32) -> f32 {
    (1..power).fold(sign(error), |pull, _| pull * error.abs())
}

/// 1, −1, or 0 of 0.
#[inline(always)]
fn sign(value: f32) -> f32 {
    f32::from(i8::from(value > 0.0) - i8::from(value < 0.0))
}
