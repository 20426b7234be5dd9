//! The measurements: what is timed, and what follows from the time.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use wgvq::kernels::Polyline;
use wgvq::metrics::Metric;
use wgvq::ops::Distribution;
use wgvq::{Batching, Codebook, Engine, KernelTime, Matrix, Quantizer, Recorder, Result, Vq, encode_batches};

use super::peaks::Peaks;
use super::shape::Shape;
use super::timing::{median, time, time_host, time_kernels};

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
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

impl Measurement {
    /// Whether it multiplies all vectors with all codewords, rather than moving vectors alone.
    pub fn computes(self) -> bool {
        !matches!(self, Self::Upload | Self::Readback)
    }

    /// Whether its scores may be computed in 16 bits.
    fn assigns(self) -> bool {
        matches!(self, Self::Assign | Self::Kmeans | Self::Encode)
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Assign => "assign",
            Self::Project => "project",
            Self::Kmeans => "kmeans",
            Self::Encode => "encode",
            Self::Upload => "upload",
            Self::Readback => "readback",
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    pub name: Measurement,
    #[serde(flatten)]
    pub shape: Shape,
    /// Each timed run.
    pub seconds: Vec<f64>,
    pub median_seconds: f64,
    /// 2·n·d·k operations per second, where the time goes there.
    pub gflops_median: Option<f64>,
    pub share_of_multiply_add: Option<f64>,
    /// Where scores are computed in bf16.
    pub share_of_multiply_add_bf16: Option<f64>,
    /// Where scores are computed in f16, for some codebooks at least.
    pub share_of_multiply_add_f16: Option<f64>,
    /// Operations for each byte of vectors, codewords, codes and distances.
    pub intensity: Option<f64>,
    /// Vectors per second.
    pub vectors_per_second: f64,
    /// Bytes of vectors per second.
    pub gbs_median: f64,
    pub share_of_copy: Option<f64>,
    /// Vectors that `assign` looked at again as a share of all, where it is known.
    pub looked_again: Option<f64>,
    /// How the tiled kernels cut the work, on a GPU.
    pub tile: Option<String>,
    /// Where the time goes, by the device's own clock, if it has one: one run of what is recorded.
    #[serde(skip_deserializing)]
    pub kernels: Vec<KernelTime>,
}

pub fn measure(
    engine: &Engine,
    name: Measurement,
    shape: Shape,
    repeat: usize,
    peaks: &Peaks,
) -> Result<Record> {
    let before = engine.looks();
    let (seconds, kernels) = time_of(engine, name, shape, repeat)?;
    let looks = engine.looks().zip(before).map(|(after, before)| after.since(before));
    let looked_again = looks.filter(|looks| looks.vectors > 0).map(|looks| looks.share());
    let tile = engine.tile(shape.k, shape.d).filter(|_| name.computes());
    if let Some(tile) = &tile {
        log::info!("{name} of {shape}: tile {tile}");
    }
    Ok(Record { looked_again, tile, kernels, ..Record::new(name, shape, seconds, peaks) })
}

impl Record {
    fn new(name: Measurement, shape: Shape, seconds: Vec<f64>, peaks: &Peaks) -> Self {
        let median = median(&seconds);
        let gflops = name.computes().then(|| shape.operations() / median / 1e9);
        let gbs = 4.0 * (shape.n * shape.d) as f64 / median / 1e9;
        let of_half = |peak: Option<f64>| {
            let peak = peak.filter(|_| name.assigns());
            gflops.zip(peak).map(|(gflops, peak)| gflops / peak)
        };
        Self {
            name,
            shape,
            seconds,
            median_seconds: median,
            gflops_median: gflops,
            share_of_multiply_add: gflops.map(|gflops| gflops / peaks.multiply_add_gflops),
            share_of_multiply_add_bf16: of_half(peaks.multiply_add_bf16_gflops),
            share_of_multiply_add_f16: of_half(peaks.multiply_add_f16_gflops),
            intensity: name.computes().then(|| shape.intensity()),
            vectors_per_second: shape.n as f64 / median,
            gbs_median: gbs,
            share_of_copy: Some(gbs / peaks.copy_gbs),
            looked_again: None,
            tile: None,
            kernels: Vec::new(),
        }
    }

    /// Measures it once more; the runs of both times count.
    pub fn measure_again(&mut self, engine: &Engine, repeat: usize, peaks: &Peaks) -> Result<()> {
        let (seconds, _) = time_of(engine, self.name, self.shape, repeat)?;
        let seconds = [std::mem::take(&mut self.seconds), seconds].concat();
        let (looked_again, tile, kernels) =
            (self.looked_again, self.tile.take(), std::mem::take(&mut self.kernels));
        *self = Self { looked_again, tile, kernels, ..Self::new(self.name, self.shape, seconds, peaks) };
        Ok(())
    }
}

/// The seconds of each run, and those of each kernel where kernels are recorded.
fn time_of(
    engine: &Engine,
    name: Measurement,
    shape: Shape,
    repeat: usize,
) -> Result<(Vec<f64>, Vec<KernelTime>)> {
    let Shape { n, d, k } = shape;
    let x = random(engine, n, d, 1)?;
    let codewords = random(engine, k, d, 2)?.download()?;
    let both = |record: &mut dyn FnMut(&mut Recorder<'static>) -> Result<()>| {
        Ok((time(engine, repeat, &mut *record)?, time_kernels(engine, record)?))
    };
    let host = |work: &mut dyn FnMut() -> Result<()>| Ok((time_host(repeat, work)?, Vec::new()));
    match name {
        Measurement::Assign => {
            let codebook = Codebook::new(engine, codewords.view(), Metric::SquaredL2)?;
            let (mut codes, mut distances) = (engine.zeros(n, 1)?, engine.zeros(n, 1)?);
            both(&mut |recorder| recorder.assign(&x, &codebook, &mut codes, &mut distances))
        }
        Measurement::Project => {
            let curve = Polyline::new(engine, codewords.view())?;
            let (mut segments, mut positions) = (engine.zeros(n, 1)?, engine.zeros(n, 1)?);
            let mut distances = engine.zeros(n, 1)?;
            both(&mut |recorder| {
                recorder.curve_project(&x, &curve, &mut segments, &mut positions, &mut distances)
            })
        }
        Measurement::Kmeans => {
            let mut codebook = Codebook::new(engine, codewords.view(), Metric::SquaredL2)?;
            let (mut codes, mut distances) = (engine.zeros(n, 1)?, engine.zeros(n, 1)?);
            let (mut order, mut offsets) = (engine.zeros(n, 1)?, engine.zeros(k + 1, 1)?);
            let mut mass = engine.zeros(k, 1)?;
            both(&mut |recorder| {
                recorder.prepare_codebook(&mut codebook)?;
                recorder.assign(&x, &codebook, &mut codes, &mut distances)?;
                recorder.counting_sort(&codes, k, &mut order, &mut offsets)?;
                recorder.segment_mean(&x, &order, &offsets, None, codebook.codewords_mut(), &mut mass)
            })
        }
        Measurement::Encode => {
            let x = x.download()?;
            let coder = Vq::new(codewords)?.prepare(engine)?;
            host(&mut || {
                encode_batches(&*coder, engine, &x, 0..n, Batching::of_coder(&*coder, engine), |_| Ok(()))
            })
        }
        Measurement::Upload => {
            let x = x.download()?;
            host(&mut || {
                let _uploaded = engine.upload(x.view())?;
                engine.recorder().submit()?;
                engine.wait()
            })
        }
        Measurement::Readback => host(&mut || x.download().map(drop)),
    }
}

fn random(engine: &Engine, rows: usize, cols: usize, seed: u64) -> Result<Matrix<f32>> {
    let mut matrix = engine.zeros(rows, cols)?;
    let mut recorder = engine.recorder();
    recorder.random_fill(Distribution::Normal, seed, 0, &mut matrix)?;
    recorder.submit()?;
    Ok(matrix)
}
