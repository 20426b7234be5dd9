//! Seconds of repeated runs, and what stands for them.

use std::time::Instant;

use wgvq::{Engine, KernelTime, Recorder, Result};

/// Seconds a timed run lasts at least: what is shorter is repeated within the run.
const RUN_SECONDS: f64 = 0.02;

/// Times what `record` records: per run as often as makes the run long enough to be timed.
pub fn time(
    engine: &Engine,
    repeat: usize,
    mut record: impl FnMut(&mut Recorder<'static>) -> Result<()>,
) -> Result<Vec<f64>> {
    let mut once = |times: usize| -> Result<f64> {
        let start = Instant::now();
        for _ in 0..times {
            let mut recorder = engine.recorder();
            record(&mut recorder)?;
            recorder.submit()?;
        }
        engine.wait()?;
        Ok(start.elapsed().as_secs_f64())
    };
    once(1)?;
    let times = (RUN_SECONDS / once(1)?.max(1e-9)).ceil().clamp(1.0, 1000.0) as usize;
    (0..repeat).map(|_| Ok(once(times)? / times as f64)).collect()
}

/// The time of each kernel that `record` records.
pub fn time_kernels(
    engine: &Engine,
    mut record: impl FnMut(&mut Recorder<'static>) -> Result<()>,
) -> Result<Vec<KernelTime>> {
    let mut recorder = engine.recorder().timed();
    record(&mut recorder)?;
    recorder.submit_timed()
}

/// Times work that starts and ends on the host.
pub fn time_host(repeat: usize, mut work: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    work()?;
    (0..repeat)
        .map(|_| {
            let start = Instant::now();
            work()?;
            Ok(start.elapsed().as_secs_f64())
        })
        .collect()
}

/// A peak is what the device can do undisturbed.
pub fn shortest(seconds: &[f64]) -> f64 {
    seconds.iter().copied().fold(f64::INFINITY, f64::min)
}

pub fn median(seconds: &[f64]) -> f64 {
    quantile(seconds, 0.5)
}

/// The interquartile range: how far apart the middle half of the runs lies. One run that was disturbed does not move it.
pub fn spread(seconds: &[f64]) -> f64 {
    quantile(seconds, 0.75) - quantile(seconds, 0.25)
}

/// The value below which that share of the runs lies, on the line between the two runs that are next to it.
fn quantile(seconds: &[f64], share: f64) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = share * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + at.fract() * (above - below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_spread_is_that_of_the_middle_half() {
        assert_eq!(spread(&[1.0]), 0.0);
        assert_eq!(spread(&[5.0, 1.0, 2.0, 100.0, 4.0]), 3.0);
    }
}
