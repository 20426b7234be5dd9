//! Check of `segment_mean` against float64.

use ndarray::{Array2, array, s};

use super::Check;
use super::oracle::{U, by_code, sum_bound};
use crate::error::Result;

/// What a mean holds before: it has to be there still if the code has no mass.
const BEFORE: f32 = 7.25;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // Around a chunk (256 rows) and a group of 256 chunks; with codes that have no rows; with rows, order and
    // means beyond a shard of 256 KiB, and more partial sums than fit in one.
    let shapes = [
        (0, 4, 3),
        (1, 1, 1),
        (255, 3, 7),
        (256, 1, 300),
        (257, 5, 1),
        (1100, 64, 2),
        (5000, 33, 3000),
        (70_000, 3, 1),
        (70_000, 2, 5),
    ];
    for (n, d, k) in shapes {
        let x = check.normals(n, d, 2.0);
        let codes = check.codes(n, k);
        compare(check, &format!("n {n}, d {d}, k {k}"), &x, &codes, k, None)?;
        // Code 0 weighs nothing.
        let rng = check.rng();
        let weights = codes.mapv(|code| if code == 0 { 0.0 } else { rng.uniform() });
        compare(check, &format!("n {n}, d {d}, k {k}, weighted"), &x, &codes, k, Some(&weights))?;
    }

    let engine = check.engine();
    let x = engine.upload(array![[1.0_f32], [2.0]].view())?;
    let order = engine.upload(array![[5_u32], [1]].view())?;
    let offsets = engine.upload(array![[0_u32], [1], [9]].view())?;
    let mut means = engine.upload(array![[BEFORE], [BEFORE]].view())?;
    let mut mass = engine.uninitialized(2, 1)?;
    let mut recorder = engine.recorder();
    recorder.segment_mean(&x, &order, &offsets, None, &mut means, &mut mass)?;
    recorder.submit()?;
    check.same_bits("rows and offsets past the end are passed over", means.download()?, &[BEFORE, 2.0]);
    check.same_bits("rows and offsets past the end weigh nothing", mass.download()?, &[0.0, 1.0]);
    Ok(())
}

fn compare(
    check: &mut Check,
    case: &str,
    x: &Array2<f32>,
    codes: &Array2<u32>,
    k: usize,
    weights: Option<&Array2<f32>>,
) -> Result<()> {
    let engine = check.engine();
    let d = x.ncols();
    let (order, offsets) = by_code(codes, k);
    let uploaded = match weights {
        Some(weights) => Some(engine.upload(weights.view())?),
        None => None,
    };
    let mut means = engine.upload(Array2::from_elem((k, d), BEFORE).view())?;
    let (mut sums, mut mass) = (engine.uninitialized(k, d)?, engine.uninitialized(k, 1)?);
    let rows = engine.upload(x.view())?;
    let places = engine.upload(order.view())?;
    let device_offsets = engine.upload(offsets.view())?;
    let mut recorder = engine.recorder();
    recorder.segment_sum(&rows, &places, &device_offsets, uploaded.as_ref(), &mut sums, &mut mass)?;
    recorder.segment_mean(&rows, &places, &device_offsets, uploaded.as_ref(), &mut means, &mut mass)?;
    recorder.submit()?;

    let weight = |row: usize| weights.map_or(1.0, |weights| f64::from(weights[[row, 0]]));
    let (mut want, mut bounds) = (Vec::new(), Vec::new());
    let (mut want_sums, mut sum_bounds) = (Vec::new(), Vec::new());
    let (mut want_mass, mut mass_bounds) = (Vec::new(), Vec::new());
    for code in 0..k {
        let run = order.slice(s![offsets[[code, 0]] as usize..offsets[[code + 1, 0]] as usize, 0]);
        // The longest chain of additions: within a chunk, a group, and over the groups.
        let chunks = run.len().div_ceil(256);
        let chain = run.len().min(256) + chunks.min(256) + chunks.div_ceil(256);
        let total: f64 = run.iter().map(|&row| weight(row as usize)).sum();
        let mass_bound = sum_bound(chain, total);
        want_mass.push(total);
        mass_bounds.push(mass_bound);
        for j in 0..d {
            let terms = || run.iter().map(|&row| weight(row as usize) * f64::from(x[[row as usize, j]]));
            let sum_error = sum_bound(chain, terms().map(f64::abs).sum());
            want_sums.push(terms().sum::<f64>());
            sum_bounds.push(sum_error);
            if total == 0.0 {
                want.push(f64::from(BEFORE));
                bounds.push(0.0);
                continue;
            }
            let mean = terms().sum::<f64>() / total;
            // The quotient takes over both relative errors and adds its own, which WGSL allows 2.5 ulp (5 U);
            // 1.01 is for products of errors.
            want.push(mean);
            bounds.push(1.01 * (sum_error / total + mean.abs() * (mass_bound / total + 5.0 * U)));
        }
    }
    check.close(&format!("{case}: means"), means.download()?, &want, |at| bounds[at]);
    check.close(&format!("{case}: sums"), sums.download()?, &want_sums, |at| sum_bounds[at]);
    check.close(&format!("{case}: mass"), mass.download()?, &want_mass, |at| mass_bounds[at]);
    Ok(())
}
