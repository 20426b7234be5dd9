//! Check of `to_half`: numbers of f16 are those of the vectors but for a rounding, and each vector's part of the bound is what
//! its lengths say.

use half::f16;
use ndarray::{Array2, concatenate, s};

use super::Check;
use crate::certified::bounds::HalfBound;
use crate::error::Result;
use crate::kernels::to_half::Halves;

pub(super) fn check(check: &mut Check) -> Result<()> {
    for (n, d) in [(1, 1), (9, 3), (70, 33), (40, 128), (5, 384)] {
        let (x, mean) = (check.normals(n, d, 2.0), check.normals(1, d, 2.0));
        // The second half of the dimensions so much smaller that some of them fall below the numbers of f16.
        let scales = Array2::from_shape_fn((n, d), |(row, i)| {
            (2.0_f32).powi(row as i32 % 60 - 30) * if 2 * i < d { 1.0 } else { 1.0 / 4e5 }
        });
        compare(check, &format!("n {n}, d {d}"), &((x - 2.0) * scales + &mean), &mean)?;
    }
    // Zero, what is smaller than any that is scaled as the others are, and what is too large.
    let zero = Array2::zeros((1, 36));
    let x = check.normals(3, 36, 0.0);
    let x = concatenate(ndarray::Axis(0), &[zero.view(), (&x * 1e-25).view(), (&x * 1e20).view()]);
    compare(check, "zero, small and large", &x.expect("the same width"), &zero)
}

fn compare(check: &mut Check, case: &str, x: &Array2<f32>, mean: &Array2<f32>) -> Result<()> {
    let engine = check.engine();
    let ((n, d), rows) = (x.dim(), x.nrows() + 3);
    let mut to = Halves::allocate(&engine, rows, d)?;
    // In quads, as it comes from a prepared codebook.
    let mut padded = Array2::zeros((1, d.next_multiple_of(4)));
    padded.slice_mut(s![.., ..d]).assign(mean);
    let mut recorder = engine.recorder();
    recorder.round_to_half(&engine.upload(x.view())?, 0..n, &engine.upload(padded.view())?, &mut to, rows)?;
    recorder.submit()?;
    let (halves, numbers) = (to.halves.download()?, to.numbers.download()?);
    let is_far =
        |row: usize| row >= n || (0..d).any(|i| (x[[row, i]] - mean[[0, i]]).abs() >= (1_u64 << 50) as f32);
    // What a row has in dimension i, taken back to its scale.
    let value = |row: usize, i: usize| {
        let bits = (halves[[row, i / 2]] >> (16 * (i % 2))) as u16;
        f16::from_bits(bits).to_f64() * f64::from(numbers[[row, 0]])
    };
    let centred = |row: usize, i: usize| match i < d && !is_far(row) {
        true => f64::from(x[[row, i]] - mean[[0, i]]),
        false => 0.0,
    };
    let wide = 2 * halves.ncols();
    let places: Vec<(usize, usize)> = (0..rows).flat_map(|row| (0..wide).map(move |i| (row, i))).collect();
    let want: Vec<f64> = places.iter().map(|&(row, i)| centred(row, i)).collect();
    let got = places.iter().map(|&(row, i)| value(row, i) as f32);
    // A number is cut off after eleven digits at worst; one that is smaller than any in f16 becomes 0.
    check.close(&format!("{case}, numbers"), got, &want, |at| {
        let (row, _) = places[at];
        want[at].abs() / 1024.0 + f64::from(numbers[[row, 0]]) / 16384.0
    });

    let bound = HalfBound::f16_on_gpu(wide);
    let sum = |of: &dyn Fn(usize) -> f64| -> f64 { (0..wide).map(|i| of(i) * of(i)).sum() };
    let square = |row: usize| sum(&|i| centred(row, i));
    let part = |row: usize| {
        let lost = sum(&|i| centred(row, i) - value(row, i));
        let below = f64::from(numbers[[row, 0]]).powi(2) / f64::from(1 << 20);
        0.5 * (f64::from(bound.square) * square(row) + f64::from(bound.lost) * lost) + below
    };
    let near: Vec<usize> = (0..rows).filter(|&row| !is_far(row)).collect();
    let share = (d + 6) as f64 * super::oracle::U * 2.0;
    let want: Vec<f64> = near.iter().map(|&row| 0.5 * square(row)).collect();
    check.close(&format!("{case}, half norms"), near.iter().map(|&row| numbers[[row, 1]]), &want, |at| {
        share * want[at] + f64::from(f32::MIN_POSITIVE)
    });
    let want: Vec<f64> = near.iter().map(|&row| part(row)).collect();
    check.close(&format!("{case}, parts"), near.iter().map(|&row| numbers[[row, 2]]), &want, |at| {
        share * want[at] + 2.0 * f64::from(bound.constant)
    });
    let far: Vec<f32> =
        (0..rows).filter(|&row| is_far(row)).flat_map(|row| numbers.row(row).to_vec()).collect();
    let want: Vec<f32> = [0.0, 3e38, 0.0, 0.0].repeat(far.len() / 4);
    check.same_bits(&format!("{case}, far"), far, &want);
    Ok(())
}
