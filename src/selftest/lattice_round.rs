//! Check of `lattice_round`: what the codes stand for is a point of the lattice, and none is nearer, but for rounding.

use ndarray::{Array2, ArrayView1};

use super::Check;
use super::oracle::U;
use crate::cpu::lattice_decode::add_implied;
use crate::cpu::lattice_round::lattice_round;
use crate::error::Result;
use crate::kernels::lattice_round::DeviceGrid;
use crate::lattice::{Grid, Lattice, golay};

pub(super) fn check(check: &mut Check) -> Result<()> {
    let words: Vec<u32> = (0..1 << 17_u32).filter(|bits| bits & !golay::FREE == 0).map(golay::word).collect();
    // The first large one is over 256 KiB. Where the scale is small, coordinates come near the 2^23 steps that can be.
    for (lattice, n, d, scale) in [
        (Lattice::Z, 1, 1, 0.7),
        (Lattice::Z, 300, 7, 2e-6),
        (Lattice::A(2), 257, 5, 0.7),
        (Lattice::A(2), 100, 2, 2e-6),
        (Lattice::A(3), 300, 7, 0.7),
        (Lattice::A(5), 100, 10, 0.7),
        (Lattice::A(5), 100, 5, 1e-5),
        (Lattice::A(37), 50, 40, 0.7),
        (Lattice::A(37), 20, 37, 1e-4),
        (Lattice::A(4096), 2, 4096, 2.0),
        (Lattice::D(2), 9, 4, 0.7),
        (Lattice::D(4), 2100, 32, 0.7),
        (Lattice::D(4), 100, 7, 2e-6),
        (Lattice::D(37), 50, 40, 0.7),
        (Lattice::E8, 130, 12, 0.7),
        (Lattice::E8, 20, 8, 4e-6),
        (Lattice::Leech24, 20, 40, 0.7),
        (Lattice::Leech24, 20, 3, 0.25),
        (Lattice::Leech24, 5, 24, 4e-6),
    ] {
        let case = format!("{lattice}:{scale}, n {n}, d {d}");
        // About one value in seven is outside the box.
        let mut x = check.normals(n, d, 0.1) * 3.0;
        x[[0, 0]] = 1e30;
        let (low, high) = (vec![-4.5; d], vec![5.0; d]);
        let offset = check.normals(1, d, 0.0).into_iter().collect::<Vec<f32>>();
        let grid = Grid::new(lattice, scale, &offset, &low, &high)?;
        let engine = check.engine();
        let device = DeviceGrid::new(&engine, &grid)?;
        let mut codes = engine.uninitialized(n, grid.sizes.len())?;
        let mut nearest = engine.uninitialized(n, d)?;
        let mut recorder = engine.recorder();
        recorder.lattice_round(&engine.upload(x.view())?, &device, &mut codes, &mut nearest)?;
        recorder.submit()?;

        let codes = codes.download()?;
        let judge = |row: usize, codes: &[u32]| judge(&grid, x.row(row), codes, &words);
        check.lists(&case, codes.clone(), judge);
        let points: Vec<(f64, f64)> = codes
            .rows()
            .into_iter()
            .flat_map(|codes| {
                let q = coordinates(&grid, codes.as_slice().expect("rows are contiguous"));
                let steps = (0..d).map(move |j| (j, f64::from(q[j])));
                steps.map(|(j, q)| (f64::from(grid.table[[j, 0]]), f64::from(grid.table[[j, 1]]) * q))
            })
            .collect();
        let want: Vec<f64> = points.iter().map(|(offset, steps)| offset + steps).collect();
        // A product and a sum.
        check.close(&case, nearest.download()?, &want, |at| 1.01 * U * (points[at].1.abs() + want[at].abs()));
    }
    ties(check)?;
    let engine = check.engine();
    let device = DeviceGrid::new(&engine, &Grid::new(Lattice::E8, 1.0, &[0.0; 3], &[0.0; 3], &[0.0; 3])?)?;
    let (mut codes, mut nearest) = (engine.uninitialized(0, 8)?, engine.uninitialized(0, 3)?);
    let mut recorder = engine.recorder();
    let empty = recorder.lattice_round(&engine.uninitialized(0, 3)?, &device, &mut codes, &mut nearest);
    check.holds("no rows", "nothing to do", empty.is_ok());
    recorder.submit()
}

/// Whole numbers and halves lie between many points that are equally near: the shader takes the one that the twin takes.
fn ties(check: &mut Check) -> Result<()> {
    let (n, d) = (400, 48);
    for lattice in [
        Lattice::Z,
        Lattice::A(2),
        Lattice::A(3),
        Lattice::A(37),
        Lattice::D(4),
        Lattice::D(37),
        Lattice::E8,
        Lattice::Leech24,
    ] {
        for scale in [0.5, 1.0, 2.75, 6.0] {
            let x = (check.normals(n, d, 0.0) * 8.0).mapv(|value| (2.0 * value).round() / 2.0);
            let grid = Grid::new(lattice, scale, &vec![0.25; d], &vec![-20.0; d], &vec![20.0; d])?;
            let engine = check.engine();
            let device = DeviceGrid::new(&engine, &grid)?;
            let mut codes = engine.uninitialized(n, grid.sizes.len())?;
            let mut nearest = engine.uninitialized(n, d)?;
            let mut recorder = engine.recorder();
            recorder.lattice_round(&engine.upload(x.view())?, &device, &mut codes, &mut nearest)?;
            recorder.submit()?;

            let (mut twin, mut nearest) = (vec![0; n * grid.sizes.len()], vec![0.0; n * d]);
            let slice = |array: &Array2<f32>| array.iter().copied().collect::<Vec<f32>>();
            lattice_round(&slice(&x), d, lattice, &slice(&grid.table), &mut twin, &mut nearest);
            check.same(&format!("{lattice}:{scale} between its points"), codes.download()?, &twin);
        }
    }
    Ok(())
}

/// The coordinates that codes stand for, in steps.
fn coordinates(grid: &Grid, codes: &[u32]) -> Vec<i32> {
    let mut q: Vec<i32> =
        codes.iter().zip(grid.table.column(5)).map(|(&c, &least)| c as i32 + least as i32).collect();
    q.chunks_exact_mut(grid.lattice.dim()).for_each(|q| add_implied(grid.lattice, q));
    q
}

/// Says what is wrong with the codes of one vector.
fn judge(grid: &Grid, x: ArrayView1<f32>, codes: &[u32], words: &[u32]) -> Result<(), String> {
    if let Some(column) = (0..codes.len()).find(|&j| codes[j] as usize >= grid.sizes[j]) {
        return Err(format!("code {} of {} in column {column}", codes[column], grid.sizes[column]));
    }
    let (lattice, dim) = (grid.lattice, grid.lattice.dim());
    for (block, q) in coordinates(grid, codes).chunks_exact(dim).enumerate() {
        if !is_point(lattice, q) {
            return Err(format!("{q:?} is no point of {lattice}"));
        }
        let steps: Vec<f64> = (block * dim..(block + 1) * dim)
            .map(|column| {
                let row = grid.table.row(column).mapv(f64::from);
                let x = x.get(column).copied().map_or(0.0, f64::from);
                (x.clamp(row[3], row[4]) - row[0]) / row[1]
            })
            .collect();
        let weight = |i: usize| lattice.step(i).powi(2);
        let found: f64 = (0..dim).map(|i| weight(i) * (steps[i] - f64::from(q[i])).powi(2)).sum();
        let least = least_distance(lattice, &steps, words);
        let bound = bound(lattice, &steps);
        let right = found <= least + bound;
        if !right {
            return Err(format!(
                "block {block}: {q:?} at {found}, the nearest is at {least}, bound {bound:.1e}"
            ));
        }
    }
    Ok(())
}

/// Whether these coordinates, in steps, are a point of the lattice: as the lattices are defined.
pub(super) fn is_point(lattice: Lattice, q: &[i32]) -> bool {
    let m = q[0] & 1;
    let alike = q.iter().all(|q| q & 1 == m);
    let sum: i64 = q.iter().map(|&q| i64::from(q)).sum();
    match lattice {
        Lattice::Z => true,
        Lattice::A(_) => {
            let p = in_one_more(&q.iter().map(|&q| f64::from(q)).collect::<Vec<_>>());
            // Numbers of up to 2^23 in sums of as many as 2^12.
            p.iter().all(|p| (p - p.round()).abs() < 1e-3)
        }
        Lattice::D(_) => sum % 2 == 0,
        Lattice::E8 => alike && sum % 4 == 0,
        Lattice::Leech24 => {
            let word = q.iter().rev().fold(0, |word, q| word << 1 | (q >> 1 & 1) as u32);
            alike && golay::word(word) == word && (sum - 4 * i64::from(m)) % 8 == 0
        }
    }
}

/// How much farther than the nearest point one may be that rounding makes the nearest, at these steps.
fn bound(lattice: Lattice, steps: &[f64]) -> f64 {
    let dim = lattice.dim() as f64;
    // The steps are off by three roundings, 1 / step being one of them.
    let off = |steps: f64| 4.0 * U * steps.abs();
    if let Lattice::A(n) = lattice {
        // Coordinate k in n + 1 dimensions, from the last on, is the sum of what is behind less `part`, which is off by three
        // roundings at most and the difference by one; what is added to the sum is off by one more than its steps, the sum by one
        // at each addition, and both stay in all coordinates before.
        let (mut behind, mut total) = (0.0_f64, 0.0);
        for k in (1..=n).rev() {
            let part = steps[k - 1].abs() / if k == n { 1.0 } else { (k + 1) as f64 };
            total += 8.0 * U * part + U * behind.abs();
            behind += steps[k - 1].signum() * part / k as f64;
            total += U * (k as f64 * behind.abs() + 5.0 * part);
        }
        // The two points differ by 3 at most in each of them; their least distance is √2 there, and 1 here.
        return 3.0 * total;
    }
    // That counts twice the distance of two points that are each within reach; and the costs are sums of dim squares of up
    // to twice the reach.
    let of = |i: usize| {
        let reach = lattice.reach(i) + off(steps[i]);
        let cost = 4.0 * reach * reach * (dim + 8.0) * U;
        lattice.step(i).powi(2) * (4.0 * reach * off(steps[i]) + cost)
    };
    (0..steps.len()).map(of).sum()
}

/// The coordinates in n + 1 dimensions of a point of the space of An, whose first, …, n-th are along (1, −1, 0, …), …,
/// (1, …, 1, −n), as its definition has them.
fn in_one_more(steps: &[f64]) -> Vec<f64> {
    let n = steps.len();
    let mut p = vec![0.0; n + 1];
    for (k, &steps) in (1..).zip(steps) {
        // Along a vector of squared length k (k + 1).
        let along = if k == n { steps / n as f64 } else { steps / (k * (k + 1)) as f64 };
        p[..k].iter_mut().for_each(|p| *p += along);
        p[k] -= k as f64 * along;
    }
    p
}

/// The squared distance of the nearest point, in units of the lattice: by trying all that can be.
fn least_distance(lattice: Lattice, steps: &[f64], words: &[u32]) -> f64 {
    match lattice {
        Lattice::Leech24 => {
            let by_word = |m: f64| words.iter().map(move |&word| least_of_word(steps, m, word));
            by_word(0.0).chain(by_word(1.0)).fold(f64::INFINITY, f64::min) / 8.0
        }
        Lattice::D(dim) if dim > 8 => {
            // Rounded, or rounded but for one coordinate.
            let off = |i: usize| (steps[i] - steps[i].round()).abs();
            let rounded: f64 = (0..dim).map(|i| off(i).powi(2)).sum();
            let even = steps.iter().map(|steps| steps.round()).sum::<f64>() % 2.0 == 0.0;
            let other = |i: usize| rounded + (1.0 - off(i)).powi(2) - off(i).powi(2);
            if even { rounded } else { (0..dim).map(other).fold(f64::INFINITY, f64::min) }
        }
        Lattice::A(n) if n > 8 => {
            // Any whole numbers, moved one by one, always the cheapest, until they sum to 0.
            let y = in_one_more(steps);
            let mut p: Vec<f64> = y.iter().map(|y| y.round()).collect();
            let mut sum: f64 = p.iter().sum();
            while sum != 0.0 {
                let cost = |&k: &usize| sum.signum() * (y[k] - p[k]);
                let cheapest = (0..=n).min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("n + 1");
                p[cheapest] -= sum.signum();
                sum -= sum.signum();
            }
            p.iter().zip(&y).map(|(p, y)| (p - y).powi(2)).sum::<f64>() / 2.0
        }
        _ => {
            let mut least = f64::INFINITY;
            try_all(lattice, steps, &mut Vec::new(), 0.0, &mut least);
            least
        }
    }
}

/// Goes through all points within reach of `steps` that begin with `q`, at `distance` so far, unless they are farther
/// than the least.
fn try_all(lattice: Lattice, steps: &[f64], q: &mut Vec<i32>, distance: f64, least: &mut f64) {
    let i = q.len();
    if i == steps.len() {
        if is_point(lattice, q) {
            *least = distance;
        }
        return;
    }
    let reach = lattice.reach(i) + 1e-9;
    for next in (steps[i] - reach).ceil() as i32..=(steps[i] + reach).floor() as i32 {
        let further = distance + lattice.step(i).powi(2) * (steps[i] - f64::from(next)).powi(2);
        if further < *least {
            q.push(next);
            try_all(lattice, steps, q, further, least);
            q.pop();
        }
    }
}

/// The least squared distance of the points m + 2c + 4z, c being the word, in steps.
fn least_of_word(steps: &[f64], m: f64, word: u32) -> f64 {
    let (mut sum, mut parity, mut greatest) = (0.0, m, 0.0_f64);
    for (i, &steps) in steps.iter().enumerate() {
        let from = steps - m - f64::from(word >> i & 1) * 2.0;
        let z = (from / 4.0).round();
        let off = (from - 4.0 * z).abs();
        (sum, parity, greatest) = (sum + off * off, parity + z, greatest.max(off));
    }
    if parity % 2.0 == 0.0 { sum } else { sum + (4.0 - greatest).powi(2) - greatest * greatest }
}
