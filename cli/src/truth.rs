//! `wgvq truth`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wgvq::search::Search;
use wgvq::{Context, Result, io};

use crate::Verdict;
use crate::args::{Common, Near, parse_neighbours};
use crate::figures::print_json;
use crate::search::{self, Rows, watch};
use crate::stdout::say;

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  wgvq truth base.fvecs queries.fvecs -k 100 --metric cosine -o truth.ivecs"
)]
pub struct Truth {
    /// The vectors to search: a file, directory or glob
    pub base: PathBuf,
    /// The vectors to search for
    pub queries: PathBuf,
    /// Neighbours per query, 1 to 1024
    #[arg(short, default_value_t = 100, value_parser = parse_neighbours)]
    pub k: usize,
    #[command(flatten)]
    pub near: Near,
    /// The file to write, (queries, k) row numbers, the nearest first: .ivecs or .npy
    #[arg(short, long, value_name = "GT.ivecs")]
    pub output: PathBuf,
    /// Write the distances too, (queries, k): .fvecs or .npy
    #[arg(long, value_name = "FILE.fvecs")]
    pub distances: Option<PathBuf>,
}

pub fn run(command: &Truth, common: &Common) -> Result<Verdict> {
    let mut claims = common.reads([&command.base, &command.queries])?;
    claims.writes(&command.output)?;
    command.distances.iter().try_for_each(|path| claims.writes(path)).context(|| "--distances")?;
    let base = io::open(&command.base)?;
    let queries = io::open(&command.queries)?;
    let (count, k) = (queries.rows(), command.k);
    let left = common.memory_beside(
        search::result_bytes(count, k),
        format_args!("the {k} neighbours of {count} queries"),
        "take fewer queries at a time",
    )?;
    let engine = common.engine()?;
    let mut ids = Rows::<i32>::create(&command.output, count, k, common)?;
    let mut distances = match &command.distances {
        Some(path) => Some(Rows::<f32>::create(path, count, k, common)?),
        None => None,
    };

    let start = Instant::now();
    let search = Search::nearest(k).memory(left).watch(watch("truth", common));
    let found = search.flat(&engine, command.near.metric, &base, &queries)?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(distances) = &mut distances {
        distances.fill(found.f32_distances()?)?;
    }
    ids.fill(found.ids.mapv(|id| id as i32))?;
    // Neither has its name before both are whole.
    ids.finish()?;
    distances.map_or(Ok(()), Rows::finish)?;
    let per_second = count as f64 / seconds;
    if common.json {
        print_json(&json!({
            "n": base.rows(),
            "dim": base.dim(),
            "queries": count,
            "k": k,
            "metric": command.near.metric.to_string(),
            "seconds": seconds,
            "queries_per_second": per_second,
            "device": engine.name(),
        }))?;
    } else if !common.quiet {
        let (n, device) = (base.rows(), engine.name());
        say!("{k} neighbours of {count} queries among {n} vectors in {seconds:.3} s on {device}");
    }
    Ok(Verdict::Done)
}
