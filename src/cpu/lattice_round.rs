//! CPU twin of `shaders/lattice_round.wgsl`.

use rayon::prelude::*;

use super::leech24;
use crate::lattice::Lattice;

/// What a grid has of each coordinate: a row of `Grid::table`.
pub(crate) const GRID_COLUMNS: usize = 6;

/// Writes the codes and the points nearest to the blocks of the vectors `x` (n, d).
pub(crate) fn lattice_round(
    x: &[f32],
    d: usize,
    lattice: Lattice,
    grid: &[f32],
    codes: &mut [u32],
    nearest: &mut [f32],
) {
    let (columns, _) = grid.as_chunks::<GRID_COLUMNS>();
    let moduli: Vec<i32> = (0..lattice.dim()).map(|i| lattice.modulus(i)).collect();
    let shifts: Vec<u32> = moduli.iter().map(|m| m.trailing_zeros()).collect();
    let rows = x.par_chunks(d).zip(nearest.par_chunks_mut(d)).zip(codes.par_chunks_mut(columns.len()));
    let buffers = || (vec![0.0; columns.len()], vec![0; columns.len()], Scratch::default());
    let rows = rows.with_min_len((1024 / d).max(1));
    rows.for_each_init(buffers, |(steps, q, scratch), ((x, nearest), codes)| {
        for ((steps, &x), [offset, _, inverse, low, high, _]) in steps.iter_mut().zip(x).zip(columns) {
            *steps = (x.clamp(*low, *high) - offset) * inverse;
        }
        for (steps, q) in steps.chunks_exact(lattice.dim()).zip(q.chunks_exact_mut(lattice.dim())) {
            round_block(lattice, steps, q, scratch);
        }
        let codes = codes.iter_mut().zip(&*q).zip(columns);
        let code = |z: i32, column: &[f32; GRID_COLUMNS]| z.wrapping_sub(column[5] as i32) as u32;
        if let Lattice::A(_) = lattice {
            for (((to, q), column), &m) in codes.zip(moduli.iter().cycle()) {
                *to = code(q.div_euclid(m), column);
            }
        } else {
            for (((to, q), column), shift) in codes.zip(shifts.iter().cycle()) {
                *to = code(q >> shift, column);
            }
        }
        for ((nearest, q), [offset, step, ..]) in nearest.iter_mut().zip(&*q).zip(columns) {
            *nearest = offset + step * *q as f32;
        }
    });
}

/// Writes the coordinates of the point nearest to `steps`, one block, both in steps; those of An over
/// [`Lattice::steps_in_a_place`].
fn round_block(lattice: Lattice, steps: &[f32], q: &mut [i32], scratch: &mut Scratch) {
    match lattice {
        Lattice::Z => q[0] = steps[0].round_ties_even() as i32,
        Lattice::A(_) => round_a(steps, q, scratch),
        Lattice::D(_) => round_d(steps, q),
        Lattice::E8 => round_e8(steps, q),
        Lattice::Leech24 => {
            if let (Ok(steps), Ok(q)) = (steps.try_into(), q.try_into()) {
                leech24::round(steps, q);
            }
        }
    }
}

/// What [`round_a`] has of the coordinates in n + 1 dimensions.
#[derive(Default)]
struct Scratch {
    /// The whole numbers that they are rounded to.
    p: Vec<i32>,
    /// How far they are above them, with the sign that makes the least the first to go the other way, and their places.
    off: Vec<(f32, usize)>,
}

/// Rounds the coordinates in n + 1 dimensions, and moves those by one that are farthest off to the right side, so that the sum is
/// 0. They are made of `places`: steps over k(k + 1), the last over n.
fn round_a(places: &[f32], q: &mut [i32], Scratch { p, off }: &mut Scratch) {
    let n = places.len();
    p.clear();
    p.resize(n + 1, 0);
    off.clear();
    // The sum of all places that lie behind.
    let mut behind = 0.0;
    for k in (0..=n).rev() {
        let own = if k == 0 { 0.0 } else { places[k - 1] };
        let y = behind - k as f32 * own;
        behind += own;
        p[k] = y.round_ties_even() as i32;
        off.push((y - p[k] as f32, k));
    }
    let excess: i32 = p.iter().sum();
    // Of rounding alone: where numbers are large, the coordinates do not quite sum to 0.
    let (all, some) = (excess / (n + 1) as i32, excess % (n + 1) as i32);
    p.iter_mut().for_each(|p| *p -= all);
    if some != 0 {
        let sign = some.signum();
        off.iter_mut().for_each(|(off, _)| *off *= sign as f32);
        // Of equal ones the last.
        let first = |a: &(f32, usize), b: &(f32, usize)| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1));
        let count = some.unsigned_abs() as usize;
        off.select_nth_unstable_by(count - 1, first);
        off[..count].iter().for_each(|&(_, k)| p[k] -= sign);
    }
    let mut sum = 0;
    for k in (1..=n).rev() {
        sum -= p[k];
        q[k - 1] = if k == n { sum } else { sum - k as i32 * p[k] };
    }
}

fn round_d(steps: &[f32], q: &mut [i32]) {
    // Round each; if the sum is odd, the one that is farthest off goes the other way.
    let (mut sum, mut worst, mut greatest) = (0, 0, -1.0);
    for (i, (&steps, q)) in steps.iter().zip(&mut *q).enumerate() {
        let nearest = steps.round_ties_even();
        *q = nearest as i32;
        sum ^= *q;
        let off = (steps - nearest).abs();
        if off > greatest {
            (greatest, worst) = (off, i);
        }
    }
    if sum & 1 == 1 {
        q[worst] += if steps[worst] >= q[worst] as f32 { 1 } else { -1 };
    }
}

/// The nearest even numbers are the point of 2 D8 if the sum of their halves is even; otherwise the one that is farthest off
/// goes the other way. The odd ones are on the other side of each coordinate: that is as far from them as it is near the even
/// ones, so the two cosets are told apart by sums.
fn round_e8(steps: &[f32], q: &mut [i32]) {
    let (mut halves, mut below, mut sum) = (0, 0, 0.0);
    let (mut greatest, mut farthest, mut least, mut nearest) = (-1.0, 0, 2.0, 0);
    for (i, (&steps, q)) in steps.iter().zip(&mut *q).enumerate() {
        let half = (steps * 0.5).round_ties_even();
        let off = (steps - 2.0 * half).abs();
        *q = 2 * half as i32;
        halves ^= half as i32;
        below ^= i32::from(steps < 2.0 * half);
        sum += off;
        if off > greatest {
            (greatest, farthest) = (off, i);
        }
        if off < least {
            (least, nearest) = (off, i);
        }
    }
    let (even_turns, odd_turns) = (halves & 1 == 1, (halves ^ below) & 1 == 1);
    // Half of what the squares come to, less those of the even numbers.
    let even = if even_turns { 2.0 - 2.0 * greatest } else { 0.0 };
    let odd = 4.0 - sum + if odd_turns { 2.0 * least } else { 0.0 };
    let (is_odd, turned) = match odd < even {
        true => (true, odd_turns.then_some(nearest)),
        false => (false, even_turns.then_some(farthest)),
    };
    let beside = |steps: f32, q: i32| if steps >= q as f32 { 1 } else { -1 };
    if is_odd {
        steps.iter().zip(&mut *q).for_each(|(&steps, q)| *q += beside(steps, *q));
    }
    if let Some(i) = turned {
        q[i] += 2 * beside(steps[i], q[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// G = E|x − nearest|² / (n V^(2/n)) for x uniform over the space: Conway and Sloane, *Sphere Packings, Lattices and
    /// Groups*, table 2.3. A box of 24 steps is a period of each lattice.
    ///
    /// The Leech lattice's is given to 2e-5 only: it comes out at .065757, also from a search of all cosets in float64.
    #[test]
    fn the_normalised_second_moments_are_the_known_ones() {
        const POINTS: usize = 1_000_000;
        const CHUNK: usize = 10_000;
        // Of An: Conway and Sloane, chapter 21, equation 16.
        let of_a = |n: i32| {
            let corners = f64::from(n + 1);
            (1.0 / 12.0 + 1.0 / (6.0 * corners)) * corners.powf(-1.0 / f64::from(n))
        };
        for (lattice, volume, known, known_to) in [
            (Lattice::Z, 1.0, 1.0 / 12.0, 0.0),
            (Lattice::A(2), 0.75_f64.sqrt(), 5.0 / (36.0 * 3.0_f64.sqrt()), 0.0),
            (Lattice::A(3), 0.5_f64.sqrt(), of_a(3), 0.0),
            (Lattice::A(4), 5.0_f64.sqrt() / 4.0, of_a(4), 0.0),
            (Lattice::D(4), 2.0, 0.076603, 5e-7),
            (Lattice::E8, 1.0, 929.0 / 12_960.0, 0.0),
            (Lattice::Leech24, 1.0, 0.065771, 2e-5),
        ] {
            let n = lattice.dim();
            let lengths: Vec<f64> = (0..n).map(|i| lattice.step(i)).collect();
            let divisors: Vec<f32> = (0..n).map(|i| lattice.steps_in_a_place(i) as f32).collect();
            let moments = (0..POINTS / CHUNK).into_par_iter().map(|chunk| {
                let mut rng = Rng::new(7, chunk as u64);
                let (mut steps, mut q, mut scratch) = (vec![0.0; n], vec![0; n], Scratch::default());
                let (mut sum, mut square) = (0.0, 0.0);
                for _ in 0..CHUNK {
                    steps.fill_with(|| 24.0 * rng.uniform());
                    let places: Vec<f32> =
                        steps.iter().zip(&divisors).map(|(steps, by)| steps / by).collect();
                    round_block(lattice, &places, &mut q, &mut scratch);
                    let off = steps.iter().zip(&q).map(|(&steps, &q)| f64::from(steps) - f64::from(q));
                    let distance: f64 = off.zip(&lengths).map(|(off, length)| (off * length).powi(2)).sum();
                    sum += distance;
                    square += distance * distance;
                }
                (sum, square)
            });
            let (sum, square) = moments.reduce(|| (0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
            let mean = sum / POINTS as f64;
            let unit = n as f64 * volume.powf(2.0 / n as f64);
            let error = ((square / POINTS as f64 - mean * mean) / POINTS as f64).sqrt() / unit;
            let moment = mean / unit;
            println!("{lattice}: {moment:.6} ± {error:.6}, known {known:.6}");
            assert!(error < 1e-4, "{lattice}: {moment} ± {error}");
            assert!((moment - known).abs() < 5.0 * error + known_to, "{lattice}: {moment} ± {error}");
        }
    }
}
