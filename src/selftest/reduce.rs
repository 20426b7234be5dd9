//! Check of `reduce`: sums, minima and maxima of columns of every number of levels, and squared norms.

use ndarray::{Array2, array};

use super::Check;
use super::oracle::sum_bound;
use crate::engine::Matrix;
use crate::error::Result;

pub(super) fn check(check: &mut Check) -> Result<()> {
    // One, two and three levels; the last two are over 256 KiB.
    for n in [1, 2, 255, 256, 257, 1000, 65_536, 65_537, 70_000] {
        let values = check.normals(n, 1, 0.5);
        sum(check, &format!("{n} normals"), &values)?;
        extremes(check, &format!("{n} normals"), &values)?;
        // Whole numbers from −3 to 3: sums are exact, and extremes tie.
        let whole = check.codes(n, 7).mapv(|code| code as f32 - 3.0);
        sum(check, &format!("{n} whole numbers"), &whole)?;
        extremes(check, &format!("{n} whole numbers"), &whole)?;
    }
    // The only extreme is the very last value.
    let mut last = Array2::zeros((769, 1));
    last[[768, 0]] = -1.0;
    extremes(check, "an extreme at the end", &last)?;
    extremes(check, "another extreme at the end", &-last)?;
    // More than one row; the last is over 256 KiB.
    for (n, d) in [(1, 1), (3, 85), (2, 128), (1, 300), (257, 3), (1031, 65)] {
        let values = check.normals(n, d, 0.5);
        squares(check, &format!("{n} × {d} normals"), &values)?;
        let whole = values.mapv(|value| value.round().clamp(-3.0, 3.0));
        squares(check, &format!("{n} × {d} whole numbers"), &whole)?;
    }
    nothing(check)
}

fn squares(check: &mut Check, case: &str, values: &Array2<f32>) -> Result<()> {
    let engine = check.engine();
    let mut sums = engine.upload(array![[7.0_f32], [8.0], [9.0]].view())?;
    let mut recorder = engine.recorder();
    recorder.reduce_squares(&engine.upload(values.view())?, &mut sums, 1)?;
    recorder.submit()?;
    let want: f64 = values.iter().map(|&value| f64::from(value).powi(2)).sum();
    let bounds = [0.0, tree_bound(values, want), 0.0];
    check.close(&format!("squares of {case}"), sums.download()?, &[7.0, want, 9.0], |at| bounds[at]);
    Ok(())
}

/// Eight roundings per level, and those of squares; sums of whole numbers are exact.
fn tree_bound(values: &Array2<f32>, magnitude: f64) -> f64 {
    let levels = (1..).find(|&levels| values.len() <= 256_usize.pow(levels)).expect("some power") as usize;
    let exact = values.iter().all(|value| value.fract() == 0.0);
    if exact { 0.0 } else { sum_bound(8 * levels, magnitude) }
}

fn sum(check: &mut Check, case: &str, values: &Array2<f32>) -> Result<()> {
    let engine = check.engine();
    let mut sums = engine.upload(array![[7.0_f32], [8.0], [9.0]].view())?;
    let mut recorder = engine.recorder();
    recorder.reduce_sum(&engine.upload(values.view())?, &mut sums, 1)?;
    recorder.submit()?;
    let want: f64 = values.iter().map(|&value| f64::from(value)).sum();
    let magnitude: f64 = values.iter().map(|&value| f64::from(value).abs()).sum();
    let bounds = [0.0, tree_bound(values, magnitude), 0.0];
    check.close(&format!("sum of {case}"), sums.download()?, &[7.0, want, 9.0], |at| bounds[at]);
    Ok(())
}

fn extremes(check: &mut Check, case: &str, values: &Array2<f32>) -> Result<()> {
    let engine = check.engine();
    let column = engine.upload(values.view())?;
    let (mut best, mut index) = results(check)?;
    let mut recorder = engine.recorder();
    recorder.reduce_min(&column, &mut best, &mut index, 0)?;
    recorder.reduce_max(&column, &mut best, &mut index, 2)?;
    recorder.submit()?;

    let first_best = |sign: f32| {
        let values = values.iter().map(|value| sign * value).enumerate();
        values
            .fold((0, f32::INFINITY), |best, (row, value)| if value < best.1 { (row, value) } else { best })
            .0
    };
    let (least, greatest) = (first_best(1.0), first_best(-1.0));
    let want = [values[[least, 0]], 0.5, values[[greatest, 0]]];
    check.same_bits(&format!("extremes of {case}"), best.download()?, &want);
    check.same(&format!("rows of {case}"), index.download()?, &[least as u32, 5, greatest as u32]);
    Ok(())
}

fn results(check: &Check) -> Result<(Matrix<f32>, Matrix<u32>)> {
    let engine = check.engine();
    Ok((
        engine.upload(array![[0.5_f32], [0.5], [0.5]].view())?,
        engine.upload(array![[5_u32], [5], [5]].view())?,
    ))
}

fn nothing(check: &mut Check) -> Result<()> {
    sum(check, "nothing", &Array2::zeros((0, 1)))?;
    squares(check, "nothing", &Array2::zeros((0, 3)))?;
    let engine = check.engine();
    let none = engine.zeros(0, 1)?;
    let one = engine.zeros(1, 1)?;
    let (mut best, mut index) = results(check)?;
    let mut recorder = engine.recorder();
    check.holds(
        "the least of nothing",
        "an error",
        recorder.reduce_min(&none, &mut best, &mut index, 0).is_err(),
    );
    check.holds("slot 3 of 3", "an error", recorder.reduce_sum(&one, &mut best, 3).is_err());
    let row = engine.zeros(1, 2)?;
    check.holds("a row", "an error", recorder.reduce_max(&row, &mut best, &mut index, 0).is_err());
    recorder.submit()
}

#[cfg(test)]
mod tests {
    use crate::engine::Engine;

    /// The bits of the sum of the same values on `engine`, and of their squares.
    fn sums_on(engine: &Engine) -> Vec<u32> {
        let mut rng = crate::rng::Rng::new(11, 0);
        let values = ndarray::Array2::from_shape_simple_fn((199_990, 1), || rng.normal());
        let wide = values.to_shape((2857, 70)).unwrap();
        let mut sums = engine.zeros(2, 1).unwrap();
        let mut recorder = engine.recorder();
        recorder.reduce_sum(&engine.upload(values.view()).unwrap(), &mut sums, 0).unwrap();
        recorder.reduce_squares(&engine.upload(wide.view()).unwrap(), &mut sums, 1).unwrap();
        recorder.submit().unwrap();
        sums.download().unwrap().column(0).iter().map(|sum| sum.to_bits()).collect()
    }

    #[test]
    fn a_sum_has_the_same_bits_whatever_the_shards_and_threads() {
        let cpu = sums_on(&Engine::cpu());
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one_thread.install(|| sums_on(&Engine::cpu())), cpu);
        let Some(whole) = crate::test_gpu() else { return };
        let sharded = Engine::builder().device("gpu").max_binding(256 << 10).build().unwrap();
        assert_eq!(sums_on(&sharded), sums_on(&whole));
    }
}
