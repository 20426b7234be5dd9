//! The arguments of the command line.

mod settings;
mod training;

pub use settings::{ENCODE_SETTINGS, EncodeSettings, KMeansSettings, TrainSettings, TrainerSettings};
pub use training::{Train, TrainerChoice};

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use wgvq::coding::Method;
use wgvq::curves::Curve;
use wgvq::io::Claims;
use wgvq::search::MOST_NEIGHBOURS;
use wgvq::{By, Context, Core, Engine, Error, Result};

/// Vector quantization on every GPU: train codebooks, compress embeddings and measure what was lost.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Do the main job from end to end on a bundled sample of real embeddings
    Demo(Demo),
    /// Train a quantizer on vectors and write a model file
    Train(Box<Train>),
    /// Turn vectors into codes
    Encode(Encode),
    /// Turn codes back into vectors
    Decode(Decode),
    /// Measure distortion, rate and codebook use
    Eval(Eval),
    /// Check every byte of a file of packed codes
    Test(Test),
    /// Find the exact nearest neighbours of queries
    Truth(Truth),
    /// Find nearest neighbours among codes, and measure the recall
    Search(Search),
    /// Resample the curve of an SFVQ so that all codes occur about equally often
    Equalize(Equalize),
    /// Train over a range of codebook sizes and name the knee
    Elbow(Elbow),
    /// Say where labels lie along an ordered codebook, and move vectors along it
    Interpret(Interpret),
    /// Measure how evenly codes occur, and so what a code gives away
    Privacy(Privacy),
    /// Put vectors in the order of a space-filling curve
    Order(Order),
    /// Draw the curves of training runs, or a space-filling curve
    Plot(Plot),
    /// Say what a model, codes or data file holds
    Inspect(Inspect),
    /// List devices and say which one `auto` takes, and why
    Devices,
    /// Check every kernel on a device against float64
    Selftest(Selftest),
    /// Measure throughput against the device's own peaks
    Bench(Bench),
}

/// Options of every command.
#[derive(Args, Debug)]
pub struct Common {
    /// Device: auto, cpu, gpu, gpu:N or gpu:NAME
    #[arg(long, global = true, default_value = "auto", env = "WGVQ_DEVICE")]
    pub device: String,
    /// Seed of everything random
    #[arg(long, global = true, default_value_t = 0)]
    pub seed: u64,
    /// CPU threads [default: all cores]
    #[arg(long, global = true)]
    pub threads: Option<usize>,
    /// Memory to stay within, such as 512MiB or 2GB [default: a quarter of RAM]
    #[arg(long, global = true, value_parser = parse_bytes)]
    pub memory: Option<u64>,
    /// Print one JSON document on stdout instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Overwrite outputs that exist
    #[arg(long, global = true)]
    pub force: bool,
    /// No progress, only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; twice for debugging
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Which vectors.
#[derive(Args, Debug)]
pub struct Data {
    /// Files, directories or globs: .npy .npz[:array] .fvecs .bvecs .ivecs .fbin .u8bin .i8bin .ibin
    /// .safetensors[:tensor] .parquet[:column]
    #[arg(required = true, value_name = "DATA")]
    pub data: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Interpret {
    /// The model file, of one codebook
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    #[command(flatten)]
    pub data: Data,
    /// Labels of the vectors, one whole number each
    #[arg(long, value_name = "LABELS.npy")]
    pub labels: Option<PathBuf>,
    /// Draw the histogram of the labels along the codebook
    #[arg(long, value_name = "MAP.svg", requires = "labels")]
    pub heat_map: Option<PathBuf>,
    /// List the R vectors nearest to codewords along the codebook
    #[arg(long, value_name = "R", value_parser = parse_neighbours)]
    pub nearest: Option<usize>,
    /// Move the vectors by ALPHA times the step from codeword S to the next
    #[arg(long, value_name = "S,ALPHA", value_parser = parse_shift, requires = "output")]
    pub shift: Option<(usize, f32)>,
    /// The file to write the moved vectors to: .npy or .fvecs, f32
    #[arg(short, long, value_name = "SHIFTED.npy", requires = "shift")]
    pub output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Privacy {
    /// The model file, of one codebook
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub settings: EncodeSettings,
    /// Draw the counts of the codewords and how these are distributed
    #[arg(long, value_name = "PRIVACY.svg")]
    pub plot: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[command(subcommand_negates_reqs = true)]
pub struct Plot {
    #[command(subcommand)]
    pub picture: Option<Picture>,
    /// Logs of training by gradient, of `wgvq train --log`
    #[arg(required = true, value_name = "RUN.jsonl")]
    pub logs: Vec<PathBuf>,
    /// The picture to write [default: RUN.svg]
    #[arg(short, long, value_name = "RUN.svg")]
    pub output: Option<PathBuf>,
}

/// What else than training runs there is to draw.
#[derive(Debug, Subcommand)]
pub enum Picture {
    /// Draw a space-filling curve through the unit square, from light to dark along its length
    Curve(PlotCurve),
}

#[derive(Args, Debug)]
pub struct PlotCurve {
    /// The curve: hilbert, peano, lebesgue or sierpinski
    #[arg(long)]
    pub curve: Curve,
    /// Recursions
    #[arg(long)]
    pub depth: u32,
    /// The picture to write [default: CURVE.svg]
    #[arg(short, long, value_name = "CURVE.svg")]
    pub output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Order {
    #[command(flatten)]
    pub data: Data,
    /// The vectors file to write: .npy or .fvecs, f32
    #[arg(short, long, value_name = "ORDERED.npy")]
    pub output: PathBuf,
    /// The curve: hilbert or lebesgue, or peano or sierpinski for vectors of two dimensions
    #[arg(long)]
    pub curve: Curve,
    /// Write the numbers of the rows in their new order too, (n, 1)
    #[arg(long, value_name = "ORDER.npy")]
    pub indices: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Encode {
    #[command(flatten)]
    pub data: Data,
    /// The model file
    #[arg(short, long, value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// The codes file to write: (n, m) unsigned integers, or packed if the name ends in .wgvq
    #[arg(short, long, value_name = "CODES.npy|CODES.wgvq")]
    pub output: PathBuf,
    #[command(flatten)]
    pub settings: EncodeSettings,
    /// Pack the codes into a checked container: packed, huffman or range
    #[arg(long, value_name = "METHOD", num_args = 0..=1, require_equals = true, default_missing_value = "range")]
    pub pack: Option<Method>,
    /// Go on where an interrupted run of the same command stopped
    #[arg(long)]
    pub resume: bool,
}

#[derive(Args, Debug)]
pub struct Decode {
    /// The codes file
    pub codes: PathBuf,
    /// The model file
    #[arg(short, long, value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// The vectors file to write: .npy or .fvecs, f32
    #[arg(short, long, value_name = "OUT.npy")]
    pub output: PathBuf,
}

#[derive(Args, Debug)]
pub struct Eval {
    #[command(flatten)]
    pub data: Data,
    /// The model file
    #[arg(short, long, value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    #[command(flatten)]
    pub settings: EncodeSettings,
    /// Judge these codes instead of encoding anew
    #[arg(long, value_name = "CODES.npy", conflicts_with = ENCODE_SETTINGS)]
    pub codes: Option<PathBuf>,
    /// Exit with status 1 if the mean squared error is above this
    #[arg(long, value_parser = parse_threshold)]
    pub max_mse: Option<f64>,
}

#[derive(Args, Debug)]
pub struct Truth {
    /// The vectors to search: a file, directory or glob
    pub base: PathBuf,
    /// The vectors to search for
    pub queries: PathBuf,
    /// Neighbours per query, 1 to 1024
    #[arg(short, default_value_t = 100, value_parser = parse_neighbours)]
    pub k: usize,
    /// What "near" means
    #[arg(long, value_enum, default_value_t = MetricName::L2)]
    pub metric: MetricName,
    /// The file to write, (queries, k) row numbers, the nearest first: .ivecs or .npy
    #[arg(short, long, value_name = "GT.ivecs")]
    pub output: PathBuf,
    /// Write the distances too, (queries, k): .fvecs or .npy
    #[arg(long, value_name = "FILE.fvecs")]
    pub distances: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum MetricName {
    /// Squared Euclidean distance
    L2,
    /// The largest inner product; its distance is -x.q
    #[value(name = "ip")]
    InnerProduct,
    /// 1 - cosine
    Cosine,
}

#[derive(Args, Debug)]
pub struct Search {
    /// The vectors to search for
    pub queries: PathBuf,
    /// The codes to search
    #[arg(long, value_name = "CODES.npy")]
    pub codes: PathBuf,
    /// The model file
    #[arg(short, long, value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// Neighbours per query, 1 to 1024
    #[arg(short, default_value_t = 100, value_parser = parse_neighbours)]
    pub k: usize,
    /// The file to write, (queries, k) row numbers, the nearest first: .ivecs or .npy
    #[arg(short, long, value_name = "IDS.ivecs")]
    pub output: Option<PathBuf>,
    /// The true neighbours, as `truth` writes them, to measure the recall against
    #[arg(long, value_name = "GT.ivecs")]
    pub truth: Option<PathBuf>,
    /// Measure the recall at these ranks, up to k [default: those of 1,10,100]
    #[arg(long, value_name = "RANKS", value_delimiter = ',', requires = "truth")]
    pub recall_at: Option<Vec<usize>>,
}

#[derive(Args, Debug)]
pub struct Demo {
    /// The folder for the report
    #[arg(short, long, value_name = "FOLDER", default_value = "wgvq-demo")]
    pub output: PathBuf,
}

#[derive(Args, Debug)]
pub struct Elbow {
    #[command(flatten)]
    pub data: Data,
    /// Codebook sizes: a range such as 2..256 (24 sizes at most) or a list such as 2,4,8
    #[arg(long, value_parser = crate::elbow::parse_ks)]
    pub k: std::vec::Vec<usize>,
    /// Draw the curve to this SVG file
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    #[command(flatten)]
    pub settings: KMeansSettings,
}

#[derive(Args, Debug)]
pub struct Equalize {
    /// A model of SFVQ
    pub model: PathBuf,
    #[command(flatten)]
    pub data: Data,
    /// The model file to write
    #[arg(short, long, value_name = "EQUALIZED.safetensors")]
    pub output: PathBuf,
    /// Codewords [default: as many as the curve has corners]
    #[arg(long, value_name = "K")]
    pub codewords: Option<usize>,
    /// How a vector finds its codeword: the nearest codeword, or the part of the curve it projects to
    #[arg(long, default_value_t)]
    pub by: By,
}

#[derive(Args, Debug)]
pub struct Bench {
    /// Only the measurements of this name: assign, project, kmeans, encode, upload or readback
    #[arg(long)]
    pub only: Option<crate::bench::Measurement>,
    /// One shape N,D,K in place of the named ones
    #[arg(long, value_parser = crate::bench::parse_shape)]
    pub shape: Option<crate::bench::Shape>,
    /// Timed runs of each measurement, after one that warms up
    #[arg(long, default_value_t = 5)]
    pub repeat: usize,
}

#[derive(Args, Debug)]
pub struct Inspect {
    /// A model, codes or data file
    pub file: PathBuf,
}

#[derive(Args, Debug)]
pub struct Test {
    /// A file of packed codes
    #[arg(value_name = "CODES.wgvq")]
    pub file: PathBuf,
}

/// Ways to run the tiled kernels on a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CoreChoice {
    /// The one that the engine takes
    Auto,
    /// In registers, as on a software rasteriser
    Direct,
    /// Staged in workgroup memory, as on a GPU
    Staged,
    /// Both, one after the other
    All,
}

impl CoreChoice {
    /// The cores to run; `None` is the engine's own choice.
    pub fn cores(self) -> &'static [Option<Core>] {
        match self {
            CoreChoice::Auto => &[None],
            CoreChoice::Direct => &[Some(Core::Direct)],
            CoreChoice::Staged => &[Some(Core::Staged)],
            CoreChoice::All => &[Some(Core::Direct), Some(Core::Staged)],
        }
    }
}

#[derive(Args, Debug)]
pub struct Selftest {
    /// Only kernels whose name contains this
    #[arg(default_value = "")]
    pub filter: String,
    /// How the tiled kernels run on a GPU
    #[arg(long, value_enum, default_value_t = CoreChoice::Auto)]
    pub core: CoreChoice,
}

impl Common {
    /// The engine of `--device`, with a line on why where the user left the choice to us.
    pub fn engine(&self) -> Result<Engine> {
        self.engine_with(None)
    }

    /// [`engine`](Self::engine), its tiled kernels on the given core.
    pub fn engine_with(&self, core: Option<Core>) -> Result<Engine> {
        // An empty WGVQ_DEVICE is as good as none.
        let device = if self.device.is_empty() { "auto" } else { &self.device };
        let builder = Engine::builder().device(device);
        let builder = core.into_iter().fold(builder, wgvq::EngineBuilder::core);
        let engine = builder.build().context(|| "--device")?;
        if self.device == "auto" {
            log::info!("running on {}: {}", engine.name(), engine.reason());
        }
        Ok(engine)
    }

    pub fn log_level(&self) -> log::LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => log::LevelFilter::Error,
            (false, 0) => log::LevelFilter::Warn,
            (false, 1) => log::LevelFilter::Info,
            _ => log::LevelFilter::Debug,
        }
    }

    pub fn start_threads(&self) -> Result<()> {
        let Some(threads) = self.threads else { return Ok(()) };
        if threads == 0 || threads > MOST_THREADS {
            return Err(Error::input(format!("--threads {threads}: give 1 to {MOST_THREADS}")));
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|error| Error::input(format!("--threads {threads}: {error}")))
    }

    /// Bytes to stay within.
    pub fn memory(&self) -> u64 {
        self.memory.unwrap_or_else(|| {
            let mut system = sysinfo::System::new();
            system.refresh_memory();
            system.total_memory() / 4
        })
    }

    /// The claims of a command that reads these files; what it writes comes next.
    pub fn reads<'a>(&self, inputs: impl IntoIterator<Item = &'a PathBuf>) -> Result<Claims> {
        let mut claims = Claims::new(self.force);
        inputs.into_iter().try_for_each(|input| claims.reads(input))?;
        Ok(claims)
    }
}

/// Outputs whose names have to end in something.
pub trait NamedOutputs {
    /// Claims a model file.
    fn writes_model(&mut self, path: &Path) -> Result<()>;
    /// Claims a picture.
    fn writes_picture(&mut self, path: &Path) -> Result<()>;
}

impl NamedOutputs for Claims {
    fn writes_model(&mut self, path: &Path) -> Result<()> {
        self.writes(path)?;
        check_extension(path, "model file", "safetensors")
    }

    fn writes_picture(&mut self, path: &Path) -> Result<()> {
        self.writes(path)?;
        check_extension(path, "plot", "svg")
    }
}

fn check_extension(path: &Path, what: &str, extension: &str) -> Result<()> {
    if path.extension().is_some_and(|own| own == extension) {
        return Ok(());
    }
    Err(Error::input(format!("{}: a {what}'s name ends in .{extension}", path.display())))
}

fn parse_threshold(text: &str) -> Result<f64> {
    match text.parse::<f64>() {
        Ok(number) if !number.is_nan() => Ok(number),
        _ => Err(Error::input(format!("{text:?} is no number to hold an error against"))),
    }
}

fn parse_shift(text: &str) -> Result<(usize, f32)> {
    let parts = text.split_once(',');
    let shift =
        parts.and_then(|(s, alpha)| Some((s.trim().parse().ok()?, alpha.trim().parse::<f32>().ok()?)));
    shift.filter(|(_, alpha)| alpha.is_finite()).ok_or_else(|| {
        Error::input(format!(
            "{text:?} is no shift; write the codeword to step from and a factor, as in 12,1.5"
        ))
    })
}

fn parse_neighbours(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(k @ 1..=MOST_NEIGHBOURS) => Ok(k),
        _ => Err(Error::input(format!("{text} neighbours; give 1 to {MOST_NEIGHBOURS}"))),
    }
}

/// More threads than any machine has cores only get in one another's way.
const MOST_THREADS: usize = 1024;

fn parse_bytes(text: &str) -> Result<u64> {
    let wrong =
        || Error::input(format!("{text:?} is no amount of memory; write it like 512MiB, 2GB or 1000000"));
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: u64 = match unit.trim().to_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let bytes = number.parse::<f64>().map_err(|_| wrong())? * factor as f64;
    if bytes < f64::from(1 << 20) {
        return Err(Error::input(format!("{text} is too little memory; give at least 1MiB")));
    }
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory() {
        assert_eq!(parse_bytes("512MiB").unwrap(), 512 << 20);
        assert_eq!(parse_bytes("1.5 GB").unwrap(), 1_500_000_000);
        assert_eq!(parse_bytes("2000000").unwrap(), 2_000_000);
        for wrong in ["", "MiB", "5 apples", "-1GB", "10", "1.2.3GB"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }
}
