//! `wgvq bench`: throughput, held against what the same device can do at best.

use std::fmt;
use std::time::Instant;

use clap::Args;
use clap::ValueEnum;
use serde::Serialize;
use wgvq::kernels::Polyline;
use wgvq::metrics::Metric;
use wgvq::ops::{Distribution, MULTIPLY_ADD_CHAINS};
use wgvq::{
    Batching, Codebook, Engine, Error, KernelTime, Matrix, Quantizer, Recorder, Result, Vq, encode_batches,
};

use crate::Verdict;
use crate::args::Common;
use crate::figures::print_json;
use crate::stdout::say;

#[derive(Args, Debug)]
pub struct Bench {
    /// Only the measurements of this name: assign, project, kmeans, encode, upload or readback
    #[arg(long)]
    pub only: Option<Measurement>,
    /// One shape N,D,K in place of the named ones
    #[arg(long, value_parser = parse_shape)]
    pub shape: Option<Shape>,
    /// Timed runs of each measurement, after one that warms up
    #[arg(long, default_value_t = 5)]
    pub repeat: usize,
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measurement {
    /// The nearest codeword of every vector, all on the device
    Assign,
    /// The nearest point of a curve of so many corners, all on the device
    Project,
    /// A k-means iteration, all on the device
    Kmeans,
    /// Encoding from host memory to host memory
    Encode,
    /// Vectors to the device
    Upload,
    /// Vectors from the device
    Readback,
}

/// n vectors, d dimensions, k codewords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shape {
    pub n: usize,
    pub d: usize,
    pub k: usize,
}

impl Shape {
    /// About what a measurement of it takes.
    fn bytes(&self) -> u64 {
        COPIES.saturating_mul(self.n.saturating_add(self.k).saturating_mul(self.d)) as u64
    }
}

/// The shapes that are measured unless one is asked for.
const SHAPES: [Shape; 5] = [
    Shape { n: 100_000, d: 128, k: 256 },
    Shape { n: 200_000, d: 16, k: 256 },
    Shape { n: 100_000, d: 384, k: 1024 },
    Shape { n: 1_000_000, d: 128, k: 1024 },
    Shape { n: 65_536, d: 128, k: 65_536 },
];

/// Values of a matrix at most: 16 GiB.
const LARGEST: usize = 1 << 32;

/// Bytes of a value: on the device, on the host and on the way between.
const COPIES: usize = 12;

/// Products n·d·k beyond which a shape is left out on a software rasteriser.
const SOFTWARE_LIMIT: usize = 4_000_000_000;

/// Seconds a timed run lasts at least: what is shorter is repeated within the run.
const RUN_SECONDS: f64 = 0.02;

/// What the device can do at best, measured on the spot.
#[derive(Debug, Serialize)]
struct Peaks {
    /// Bytes read and written by a copy on the device, in 10⁹ per second.
    copy_gbs: f64,
    /// Fused multiply-adds, counted as two operations, in 10⁹ per second.
    multiply_add_gflops: f64,
}

#[derive(Debug, Serialize)]
struct Record {
    name: Measurement,
    #[serde(flatten)]
    shape: Shape,
    /// Each timed run.
    seconds: Vec<f64>,
    median_seconds: f64,
    /// 2·n·d·k operations per second, where the time goes there.
    gflops_median: Option<f64>,
    share_of_multiply_add: Option<f64>,
    /// Vectors per second.
    vectors_per_second: f64,
    /// Bytes of vectors per second.
    gbs_median: f64,
    share_of_copy: Option<f64>,
    /// Vectors that `assign` looked at again as a share of all, where it is known.
    looked_again: Option<f64>,
    /// Where the time goes, by the device's own clock, if it has one: one run of what is recorded.
    kernels: Vec<KernelTime>,
}

pub fn run(command: &Bench, common: &Common) -> Result<Verdict> {
    if command.repeat == 0 {
        return Err(Error::input("--repeat 0: at least one run is needed"));
    }
    if let Some(shape) = command.shape {
        let what = format!("measuring {} x {} vectors", shape.n, shape.d);
        common.check_memory(shape.bytes(), what, "take fewer of them")?;
    }
    let engine = common.engine()?;
    let peaks = measure_peaks(&engine, command.repeat)?;
    if !common.json {
        say!("{}: {}", engine.name(), engine.reason());
        say!("copy {:.1} GB/s, multiply-add {:.1} GFLOP/s\n", peaks.copy_gbs, peaks.multiply_add_gflops);
        say!(
            "{:<9} {:>8} {:>5} {:>6} {:>11} {:>9} {:>7} {:>8} {:>7} {:>12} {:>8}",
            "",
            "n",
            "d",
            "k",
            "median ms",
            "GFLOP/s",
            "of peak",
            "GB/s",
            "of copy",
            "vectors/s",
            "again"
        );
    }
    let mut records = Vec::new();
    for shape in shapes(command, &engine, common.memory()) {
        // One corner is no curve.
        let possible = |name: &Measurement| *name != Measurement::Project || shape.k > 1;
        for name in measurements(command).into_iter().filter(possible) {
            let record = measure(&engine, name, shape, command.repeat, &peaks)?;
            if !common.json {
                say!("{record}");
            }
            records.push(record);
        }
    }
    if !common.json && records.iter().any(|record| record.share_of_multiply_add.is_some_and(|s| s > 1.0)) {
        say!(
            "\nOver 100 % of peak: the peak is that of f32, which scores in bf16 pass; or it was measured while the machine was busy."
        );
    }
    if common.json {
        let info = engine.adapter_info();
        print_json(&serde_json::json!({
            "device": engine.name(),
            "backend": info.map(|info| info.backend.to_string()),
            "driver": info.map(|info| format!("{} {}", info.driver, info.driver_info)),
            "threads": rayon::current_num_threads(),
            "version": env!("CARGO_PKG_VERSION"),
            "peaks": peaks,
            "results": records,
        }))?;
    }
    Ok(Verdict::Done)
}

fn measurements(command: &Bench) -> Vec<Measurement> {
    command.only.map_or_else(|| Measurement::value_variants().to_vec(), |only| vec![only])
}

fn shapes(command: &Bench, engine: &Engine, memory: u64) -> Vec<Shape> {
    if let Some(shape) = command.shape {
        return vec![shape];
    }
    let quick = |shape: &Shape| !engine.is_software() || shape.n * shape.d * shape.k <= SOFTWARE_LIMIT;
    SHAPES.into_iter().filter(|shape| quick(shape) && shape.bytes() <= memory).collect()
}

fn measure_peaks(engine: &Engine, repeat: usize) -> Result<Peaks> {
    // Larger than any cache, smaller than any binding limit.
    let rows = 1 << 24;
    let source = engine.zeros::<f32>(rows, 1)?;
    let mut target = engine.zeros::<f32>(rows, 1)?;
    let seconds = time(engine, repeat, |recorder| recorder.copy(&source, &mut target))?;
    let copy_gbs = 2.0 * 4.0 * rows as f64 / shortest(&seconds) / 1e9;

    let (elements, rounds) =
        if engine.is_gpu() && !engine.is_software() { (1 << 20, 4096) } else { (4096, 1024) };
    let mut sums = engine.zeros::<f32>(elements, 1)?;
    let seconds = time(engine, repeat, |recorder| recorder.multiply_add(&mut sums, rounds, 0.999, 0.001))?;
    let operations = 2.0 * MULTIPLY_ADD_CHAINS as f64 * elements as f64 * f64::from(rounds);
    Ok(Peaks { copy_gbs, multiply_add_gflops: operations / shortest(&seconds) / 1e9 })
}

fn measure(engine: &Engine, name: Measurement, shape: Shape, repeat: usize, peaks: &Peaks) -> Result<Record> {
    let Shape { n, d, k } = shape;
    let x = random(engine, n, d, 1)?;
    let codewords = random(engine, k, d, 2)?.download()?;
    let mut kernels = Vec::new();
    let before = engine.looks();
    let seconds = match name {
        Measurement::Assign => {
            let codebook = Codebook::new(engine, codewords.view(), Metric::SquaredL2)?;
            let (mut codes, mut distances) = (engine.zeros(n, 1)?, engine.zeros(n, 1)?);
            let mut assign =
                |recorder: &mut Recorder<'static>| recorder.assign(&x, &codebook, &mut codes, &mut distances);
            let seconds = time(engine, repeat, &mut assign)?;
            kernels = time_kernels(engine, assign)?;
            seconds
        }
        Measurement::Project => {
            let curve = Polyline::new(engine, codewords.view())?;
            let (mut segments, mut positions) = (engine.zeros(n, 1)?, engine.zeros(n, 1)?);
            let mut distances = engine.zeros(n, 1)?;
            let mut project = |recorder: &mut Recorder<'static>| {
                recorder.curve_project(&x, &curve, &mut segments, &mut positions, &mut distances)
            };
            let seconds = time(engine, repeat, &mut project)?;
            kernels = time_kernels(engine, project)?;
            seconds
        }
        Measurement::Kmeans => {
            let mut codebook = Codebook::new(engine, codewords.view(), Metric::SquaredL2)?;
            let (mut codes, mut distances) = (engine.zeros(n, 1)?, engine.zeros(n, 1)?);
            let (mut order, mut offsets) = (engine.zeros(n, 1)?, engine.zeros(k + 1, 1)?);
            let mut mass = engine.zeros(k, 1)?;
            let mut iterate = |recorder: &mut Recorder<'static>| {
                recorder.prepare_codebook(&mut codebook)?;
                recorder.assign(&x, &codebook, &mut codes, &mut distances)?;
                recorder.counting_sort(&codes, k, &mut order, &mut offsets)?;
                recorder.segment_mean(&x, &order, &offsets, None, codebook.codewords_mut(), &mut mass)
            };
            let seconds = time(engine, repeat, &mut iterate)?;
            kernels = time_kernels(engine, iterate)?;
            seconds
        }
        Measurement::Encode => {
            let x = x.download()?;
            let coder = Vq::new(codewords)?.prepare(engine)?;
            time_host(repeat, || {
                encode_batches(&*coder, engine, &x, 0..n, Batching::of_coder(&*coder, engine), |_| Ok(()))
            })?
        }
        Measurement::Upload => {
            let x = x.download()?;
            time_host(repeat, || {
                let _uploaded = engine.upload(x.view())?;
                engine.recorder().submit()?;
                engine.wait()
            })?
        }
        Measurement::Readback => time_host(repeat, || x.download().map(drop))?,
    };
    let median = median(&seconds);
    let computes = !matches!(name, Measurement::Upload | Measurement::Readback);
    let gflops = computes.then(|| 2.0 * (n * d) as f64 * k as f64 / median / 1e9);
    let gbs = 4.0 * (n * d) as f64 / median / 1e9;
    let looks = engine.looks().zip(before).map(|(after, before)| after.since(before));
    Ok(Record {
        name,
        shape,
        seconds,
        looked_again: looks.filter(|looks| looks.vectors > 0).map(|looks| looks.share()),
        median_seconds: median,
        gflops_median: gflops,
        share_of_multiply_add: gflops.map(|gflops| gflops / peaks.multiply_add_gflops),
        vectors_per_second: n as f64 / median,
        gbs_median: gbs,
        share_of_copy: (!computes).then_some(gbs / peaks.copy_gbs),
        kernels,
    })
}

fn random(engine: &Engine, rows: usize, cols: usize, seed: u64) -> Result<Matrix<f32>> {
    let mut matrix = engine.zeros(rows, cols)?;
    let mut recorder = engine.recorder();
    recorder.random_fill(Distribution::Normal, seed, 0, &mut matrix)?;
    recorder.submit()?;
    Ok(matrix)
}

/// Times what `record` records: per run as often as makes the run long enough to be timed.
fn time(
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
fn time_kernels(
    engine: &Engine,
    mut record: impl FnMut(&mut Recorder<'static>) -> Result<()>,
) -> Result<Vec<KernelTime>> {
    let mut recorder = engine.recorder().timed();
    record(&mut recorder)?;
    recorder.submit_timed()
}

/// Times work that starts and ends on the host.
fn time_host(repeat: usize, mut work: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
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
fn shortest(seconds: &[f64]) -> f64 {
    seconds.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.to_possible_value().map_or_else(String::new, |name| name.get_name().into());
        let share = |share: Option<f64>| share.map_or_else(String::new, |s| format!("{:.0} %", 100.0 * s));
        let Shape { n, d, k } = self.shape;
        write!(
            f,
            "{name:<9} {n:>8} {d:>5} {k:>6} {:>11.3} {:>9} {:>7} {:>8.2} {:>7} {:>12.0} {:>8}",
            1e3 * self.median_seconds,
            self.gflops_median.map_or_else(String::new, |gflops| format!("{gflops:.1}")),
            share(self.share_of_multiply_add),
            self.gbs_median,
            share(self.share_of_copy),
            self.vectors_per_second,
            self.looked_again.map_or_else(String::new, |share| format!("{:.2} %", 100.0 * share))
        )
    }
}

/// `N,D,K`.
pub fn parse_shape(text: &str) -> Result<Shape> {
    let numbers: Vec<usize> = text.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    match numbers[..] {
        [n, d, k] if n > 0 && d > 0 && k > 0 && text.split(',').count() == 3 => {
            let largest = n.max(k).saturating_mul(d);
            if largest > LARGEST {
                return Err(Error::input(format!(
                    "{text}: {largest} values are too many; at most {LARGEST}"
                )));
            }
            Ok(Shape { n, d, k })
        }
        _ => Err(Error::input(format!("{text:?} is no shape; write N,D,K such as 100000,128,1024"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_three_positive_numbers() {
        assert_eq!(parse_shape("10, 2,3").unwrap(), Shape { n: 10, d: 2, k: 3 });
        for wrong in ["", "1,2", "1,2,0", "1,2,3,4", "a,2,3", "1,,2,3"] {
            assert!(parse_shape(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
