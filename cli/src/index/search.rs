//! `wgvq index search`

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wgvq::index::{DEPTH, Found, PROBES, Query};
use wgvq::io::NeighbourWriter;
use wgvq::{Context, Error, Result, Vectors};

use super::Which;
use crate::Verdict;
use crate::args::{Common, parse_neighbours};
use crate::figures::print_json;
use crate::neighbours::claim;
use crate::search::result_bytes;
use crate::stdin::{self, is_dash};
use crate::stdout::{print, say};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq index search base.wgvqi queries.npy -k 10\n  wgvq index search base.wgvqi queries.npy -k 10 --nprobe 32 --depth 100 -o ids.npy --distances distances.npy"
)]
pub struct Search {
    #[command(flatten)]
    which: Which,
    /// The vectors to search for, or `-` for an .npy on standard input
    queries: PathBuf,
    /// Neighbours per query, 1 to 1024
    #[arg(short, default_value_t = 10, value_parser = parse_neighbours)]
    k: usize,
    /// Lists to look into for each query
    #[arg(long, default_value_t = PROBES, value_name = "LISTS")]
    nprobe: usize,
    #[arg(long, value_name = "ROWS", help = format!("How many of the nearest by their codes are compared once more [default: {DEPTH} for each neighbour]"))]
    depth: Option<usize>,
    /// Look among vectors with these ids alone: a file of one per row (.npy .parquet:column .txt), or `-` for standard input
    #[arg(long, value_name = "IDS")]
    filter: Option<PathBuf>,
    /// The file to write, the nearest first: (queries, k) ids as .npy or .ivecs; or .jsonl or .parquet, with distances [default: print them]
    #[arg(short, long, value_name = "IDS.npy")]
    output: Option<PathBuf>,
    /// Write the distances too, (queries, k): .npy or .fvecs
    #[arg(long, value_name = "FILE.npy")]
    distances: Option<PathBuf>,
}

pub fn run(command: &Search, common: &Common) -> Result<Verdict> {
    let mut claims = common.reads([&command.queries].into_iter().chain(&command.filter))?;
    claim(&mut claims, command.output.as_deref(), command.distances.as_deref())?;
    let output = command.output.as_deref().filter(|path| !is_dash(path));
    output
        .into_iter()
        .chain(command.distances.as_deref())
        .try_for_each(|path| command.which.keep_out(path))?;
    let index = command.which.open()?;
    let queries = stdin::vectors(&command.queries)?;
    let (count, k) = (queries.len(), command.k);
    common.check_memory(
        result_bytes(count, k),
        format_args!("the {k} neighbours of {count} queries"),
        "take fewer queries at a time",
    )?;
    let filter = command.filter.as_deref().map(stdin::ids).transpose().context(|| "--filter")?;
    let engine = common.engine()?;
    let searcher = index.searcher(&engine)?;
    let mut query = Query::nearest(k).probes(command.nprobe);
    if let Some(depth) = command.depth {
        query = query.depth(depth);
    }
    if let Some(filter) = &filter {
        query = query.among(filter);
    }
    let start = Instant::now();
    let found = searcher.search(&queries, &query)?;
    let seconds = start.elapsed().as_secs_f64();
    match output {
        Some(path) => write(path, command.distances.as_deref(), &found, k, common)?,
        None if command.distances.is_some() => {
            return Err(Error::input(
                "--distances goes with -o; without, distances are printed beside the ids",
            ));
        }
        None if !common.json => print(&text(&found)),
        None => {}
    }
    if common.json {
        let neighbours =
            output.is_none().then(|| (0..count).map(|q| in_document(&found, q)).collect::<Vec<_>>());
        print_json(&json!({
            "spec": index.info().spec,
            "vectors": index.len(),
            "queries": count,
            "k": k,
            "nprobe": command.nprobe,
            "neighbours": neighbours,
            "seconds": seconds,
            "queries_per_second": count as f64 / seconds,
            "device": engine.name(),
        }))?;
    } else if output.is_some() && !common.quiet {
        say!("{k} neighbours of {count} queries among {} vectors in {seconds:.3} s", index.len());
    }
    Ok(Verdict::Done)
}

/// The neighbours of a query as JSON.
fn in_document(found: &Found, query: usize) -> serde_json::Value {
    let (ids, distances) = found.of(query);
    json!({ "query": query, "ids": ids, "distances": distances })
}

/// A line for each neighbour: query, rank, id and distance.
fn text(found: &Found) -> String {
    let mut text = String::from("query\trank\tid\tdistance\n");
    for query in 0..found.queries() {
        let (ids, distances) = found.of(query);
        for (rank, (id, distance)) in ids.iter().zip(distances).enumerate() {
            text += &format!("{query}\t{}\t{id}\t{distance}\n", rank + 1);
        }
    }
    text
}

fn write(path: &Path, distances: Option<&Path>, found: &Found, k: usize, common: &Common) -> Result<()> {
    let count = found.queries();
    // Fewer than k where the index has fewer.
    let width = if count == 0 { k } else { found.of(0).0.len() };
    if let Some(query) = (0..count).find(|&query| found.of(query).0.len() != width) {
        return Err(Error::input(format!(
            "{}: query {query} has {} neighbours and query 0 has {width}, and rows are of one length; take a larger --nprobe \
             or a smaller -k, or print them",
            path.display(),
            found.of(query).0.len()
        )));
    }
    let largest = (0..count).flat_map(|query| found.of(query).0).max().copied().unwrap_or(0);
    let mut writer = NeighbourWriter::create(path, distances, (count, width), largest, common.force)?;
    for query in 0..count {
        let (ids, distances) = found.of(query);
        let distances: Vec<f64> = distances.iter().map(|&distance| f64::from(distance)).collect();
        writer.append(ids, &distances)?;
    }
    writer.finish()
}
