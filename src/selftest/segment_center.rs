//! Check of `segment_center` against float64.

use ndarray::{Array2, array, s};

use super::Check;
use super::oracle::{U, by_code, sum_bound};
use crate::error::Result;
use crate::ops::Bisection;

/// What a centre holds before: it has to be there still if the code has no mass.
const BEFORE: f32 = 7.25;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // Around a chunk (256 rows); with codes that have no rows; with rows, order and centres beyond a shard of 256 KiB.
    let shapes =
        [(0, 4, 3), (1, 1, 1), (256, 2, 300), (257, 5, 1), (1100, 64, 2), (5000, 33, 2500), (70_000, 1, 1)];
    for (n, d, k) in shapes {
        let x = check.normals(n, d, 2.0);
        let codes = check.codes(n, k);
        // Code 0 weighs nothing.
        let rng = check.rng();
        let weights = codes.mapv(|code| if code == 0 { 0.0 } else { rng.uniform() });
        for power in [1, 3] {
            compare(check, &format!("n {n}, d {d}, k {k}, power {power}"), &x, &codes, k, power, None)?;
        }
        compare(check, &format!("n {n}, d {d}, k {k}, weighted"), &x, &codes, k, 1, Some(&weights))?;
    }

    let engine = check.engine();
    let x = engine.upload(array![[1.0_f32], [2.0]].view())?;
    let order = engine.upload(array![[5_u32], [1]].view())?;
    let offsets = engine.upload(array![[0_u32], [1], [9]].view())?;
    let mass = engine.upload(array![[0.0_f32], [1.0]].view())?;
    let mut centers = engine.upload(array![[BEFORE], [BEFORE]].view())?;
    let mut recorder = engine.recorder();
    recorder.segment_center(&x, &order, &offsets, None, &mass, 1, 2.0, &mut centers)?;
    recorder.submit()?;
    check.same_bits("rows and offsets past the end are passed over", centers.download()?, &[BEFORE, 2.0]);
    Ok(())
}

fn compare(
    check: &mut Check,
    case: &str,
    x: &Array2<f32>,
    codes: &Array2<u32>,
    k: usize,
    power: u32,
    weights: Option<&Array2<f32>>,
) -> Result<()> {
    let engine = check.engine();
    let d = x.ncols();
    let (order, offsets) = by_code(codes, k);
    let weight = |row: usize| weights.map_or(1.0, |weights| f64::from(weights[[row, 0]]));
    let run = |code: usize| order.slice(s![offsets[[code, 0]] as usize..offsets[[code + 1, 0]] as usize, 0]);
    let mass: Vec<f64> = (0..k).map(|code| run(code).iter().map(|&row| weight(row as usize)).sum()).collect();
    let reach = x.iter().fold(0.0_f32, |most, value| most.max(value.abs()));

    let uploaded = match weights {
        Some(weights) => Some(engine.upload(weights.view())?),
        None => None,
    };
    let mut centers = engine.upload(Array2::from_elem((k, d), BEFORE).view())?;
    let rows = engine.upload(x.view())?;
    let places = engine.upload(order.view())?;
    let device_offsets = engine.upload(offsets.view())?;
    let device_mass = engine.upload(Array2::from_shape_fn((k, 1), |(code, _)| mass[code] as f32).view())?;
    let mut recorder = engine.recorder();
    recorder.segment_center(
        &rows,
        &places,
        &device_offsets,
        uploaded.as_ref(),
        &device_mass,
        power,
        reach,
        &mut centers,
    )?;
    recorder.submit()?;

    let (mut want, mut bounds) = (Vec::new(), Vec::new());
    for (code, &mass) in mass.iter().enumerate() {
        // The longest chain of additions: within a chunk, a group, and over the groups.
        let chunks = run(code).len().div_ceil(256);
        let chain = run(code).len().min(256) + chunks.min(256) + chunks.div_ceil(256);
        for j in 0..d {
            if mass == 0.0 {
                want.push(f64::from(BEFORE));
                bounds.push(0.0);
                continue;
            }
            let terms: Vec<(f64, f64)> = run(code)
                .iter()
                .map(|&row| (weight(row as usize), f64::from(x[[row as usize, j]])))
                .collect();
            if power == 1 && weights.is_none() {
                // Signs add up to whole numbers.
                let mut values: Vec<f32> = terms.iter().map(|(_, x)| *x as f32).collect();
                values.sort_by(f32::total_cmp);
                let median = values[(values.len() - 1) / 2];
                want.push(median.into());
                bounds.push(slack(reach, median));
                continue;
            }
            let (low, high) = bracket(&terms, power, chain);
            want.push((low + high) / 2.0);
            // The last step, which may be made past the point, and all halvings that would have followed; and the
            // rounding of the sums of steps once these have more digits than a float.
            let size = low.abs().max(high.abs());
            let rounding = f64::from(Bisection::ROUNDS) * U * size;
            bounds.push((high - low) / 2.0 + slack(reach, size as f32) + rounding);
        }
    }
    check.close(case, centers.download()?, &want, |at| bounds[at]);
    Ok(())
}

/// How far a centre may be from where the search would end without rounding.
fn slack(reach: f32, center: f32) -> f64 {
    // Steps start from a power of two that is at least half of the reach, and at most the reach.
    Bisection::slack(reach * 0.5_f32.powi(Bisection::ROUNDS as i32 - 1), center).into()
}

/// The least and the largest point at which a sum in f32 may have either sign or be 0.
fn bracket(terms: &[(f64, f64)], power: u32, chain: usize) -> (f64, f64) {
    let slope = |at: f64, direction: f64| {
        let pulls = || {
            terms.iter().map(|(w, x)| {
                let error = x - at;
                let sign = if error == 0.0 { 0.0 } else { error.signum() };
                w * sign * error.abs().powi(power as i32 - 1)
            })
        };
        // Each term is the product of rounded factors, one of them a difference.
        let rounding = sum_bound(chain + 2 * power as usize, pulls().map(f64::abs).sum());
        pulls().sum::<f64>() + direction * rounding
    };
    let values = || terms.iter().filter(|(w, _)| *w > 0.0).map(|(_, x)| *x);
    let ends = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let search = |direction: f64, below: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = ends;
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if below(slope(middle, direction)) { low = middle } else { high = middle }
        }
        if direction < 0.0 { low } else { high }
    };
    (search(-1.0, &|slope| slope > 0.0), search(1.0, &|slope| slope >= 0.0))
}
