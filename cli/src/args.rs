//! The command line: its commands, and what is common to all of them.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use wgvq::io::Claims;
use wgvq::metrics::Metric;
use wgvq::search::MOST_NEIGHBOURS;
use wgvq::{Context, Core, Engine, EngineBuilder, Error, Precision, Result};

use crate::bench::Bench;
use crate::completions::Completions;
use crate::convert::Convert;
use crate::decode::Decode;
use crate::demo::Demo;
use crate::elbow::Elbow;
use crate::encode::Encode;
use crate::equalize::Equalize;
use crate::eval::Eval;
use crate::inspect::Inspect;
use crate::interpret::Interpret;
use crate::man::Man;
use crate::order::Order;
use crate::plot::Plot;
use crate::privacy::Privacy;
use crate::repack::Repack;
use crate::report::Report;
use crate::selftest::Selftest;
use crate::test::Test;
use crate::train::Train;
use crate::truth::Truth;
use crate::tune::Tune;

/// Vector quantization on every GPU: train codebooks, compress embeddings and measure what was lost.
#[derive(Debug, Parser)]
#[command(name = "wgvq", version, max_term_width = 100)]
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
    /// Turn a file of codes into one of another kind
    Repack(Repack),
    /// Turn a model and its codes into an index file of FAISS, or such a file into these
    Convert(Convert),
    /// Find the exact nearest neighbours of queries
    Truth(Truth),
    /// Find nearest neighbours among codes, and measure the recall
    Search(crate::search::Options),
    /// Keep vectors as codes with ids on disk, to be searched, added to and removed from
    Index(crate::index::Options),
    /// Try quantizers and indexes on a sample, and say which to take and what to type for it
    Tune(Tune),
    /// Try the same, and draw it on a page
    Report(Report),
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
    /// Print what a shell needs to complete commands and options
    Completions(Completions),
    /// Write the manual pages of all commands
    Man(Man),
}

/// Options of every command.
#[derive(Args, Debug)]
pub struct Common {
    /// Device: auto, cpu, gpu, gpu:N or gpu:NAME
    #[arg(long, global = true, default_value = "auto", env = "WGVQ_DEVICE")]
    pub device: String,
    /// What scores are computed with: auto (what is fastest), f32, bf16 or f16; codes are the same
    #[arg(long, global = true, default_value_t)]
    pub precision: Precision,
    /// Take the usual shapes of tiles on a GPU, rather than measure once which are the fastest
    #[arg(long, global = true)]
    pub no_tune: bool,
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

/// What a search is by.
#[derive(Args, Debug)]
pub struct Near {
    /// What "near" means: l2, l1, m:P (the sum of |x - q|^P, such as m:3), ip (the largest inner product; its distance is
    /// -x.q) or cosine (1 - cos)
    #[arg(long, default_value_t)]
    pub metric: Metric,
}

/// Which vectors.
#[derive(Args, Debug)]
pub struct Data {
    /// Files, directories or globs: .npy .npz[:array] .fvecs .bvecs .ivecs .fbin .u8bin .i8bin .ibin
    /// .safetensors[:tensor] .parquet[:column] .arrow[:column] .feather[:column]
    #[arg(required = true, value_name = "DATA")]
    pub data: Vec<PathBuf>,
}

impl Common {
    /// The engine of `--device`, with a line on why where the user left the choice to us.
    pub fn engine(&self) -> Result<Engine> {
        self.open(Engine::builder().tune(!self.no_tune))
    }

    /// The engine of `--device` for a self-test: its tiled kernels on the given core, and on every tile without a measurement.
    pub fn engine_with(&self, core: Option<Core>) -> Result<Engine> {
        self.open(core.into_iter().fold(Engine::builder(), EngineBuilder::core))
    }

    fn open(&self, builder: EngineBuilder) -> Result<Engine> {
        // An empty WGVQ_DEVICE is as good as none.
        let device = if self.device.is_empty() { "auto" } else { &self.device };
        let opened = builder.device(device).precision(self.precision).build();
        let engine = opened.context(|| match self.precision {
            Precision::Auto => format!("--device {device}"),
            precision => format!("--device {device} --precision {precision}"),
        })?;
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

pub fn parse_neighbours(text: &str) -> Result<usize> {
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
