//! `wgvq truth`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wgvq::Result;
use wgvq::search::Search;

use crate::Verdict;
use crate::args::{Common, Near, parse_neighbours};
use crate::figures::print_json;
use crate::neighbours::{self, Destination, Found};
use crate::search::{result_bytes, watch};
use crate::stdout::say;
use crate::{stdin, words};

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  wgvq truth base.fvecs queries.fvecs -k 100 --metric cosine -o truth.ivecs"
)]
pub struct Truth {
    /// The vectors to search: a file, directory or glob
    pub base: PathBuf,
    /// The vectors to search for; - reads an .npy file from standard input
    pub queries: PathBuf,
    /// Neighbours per query, 1 to 1024
    #[arg(short, default_value_t = 100, value_parser = parse_neighbours)]
    pub k: usize,
    #[command(flatten)]
    pub near: Near,
    /// Where the neighbours go, the nearest first: .ivecs or .npy (row numbers), .jsonl or .parquet (and distances); -
    /// prints them
    #[arg(short, long, value_name = "GT.ivecs")]
    pub output: PathBuf,
    /// Write the distances beside row numbers alone: .fvecs or .npy
    #[arg(long, value_name = "FILE.fvecs")]
    pub distances: Option<PathBuf>,
}

pub fn run(command: &Truth, common: &Common) -> Result<Verdict> {
    let mut claims = common.reads([&command.base, &command.queries])?;
    let (output, beside) = (Some(command.output.as_path()), command.distances.as_deref());
    neighbours::claim(&mut claims, output, beside)?;
    let base = wgvq::io::open(&command.base)?;
    let queries = stdin::vectors(&command.queries)?;
    let (count, k) = (queries.rows(), command.k);
    let left = common.memory_beside(
        result_bytes(count, k),
        format_args!("the {k} neighbours of {count} queries"),
        "take fewer queries at a time",
    )?;
    let engine = common.engine()?;
    let output = Destination::begin(output, beside, (count, k), base.rows() as u64 - 1, common)?;

    let start = Instant::now();
    let search = Search::nearest(k).memory(left).watch(watch("truth", common));
    let neighbours = search.flat(&engine, command.near.metric, &base, &queries)?;
    let seconds = start.elapsed().as_secs_f64();
    let found = Found { neighbours: &neighbours, own: None };
    let on_stdout = output.is_stdout();
    output.take(&found, common)?;
    if common.json {
        print_json(&json!({
            "n": base.rows(),
            "dim": base.dim(),
            "queries": count,
            "k": k,
            "metric": command.near.metric.to_string(),
            "neighbours": on_stdout.then(|| found.document()),
            "seconds": seconds,
            "queries_per_second": count as f64 / seconds,
            "device": engine.name(),
        }))?;
    } else if !common.quiet {
        let (n, device) = (base.rows(), engine.name());
        let line =
            format!("{k} neighbours of {count} queries among {n} vectors in {seconds:.3} s on {device}");
        if on_stdout { words::remark(line) } else { say!("{line}") }
    }
    Ok(Verdict::Done)
}
