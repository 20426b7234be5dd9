//! `wgvq index search`

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wgvq::index::{Found, Query};
use wgvq::ndarray::Array2;
use wgvq::{Context, Error, Result, Vectors, io};

use super::{Which, ids};
use crate::Verdict;
use crate::args::{Common, parse_neighbours};
use crate::figures::print_json;
use crate::search::{Rows, result_bytes};
use crate::stdout::{print, say};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq index search base.wgvqi queries.npy -k 10\n  wgvq index search base.wgvqi queries.npy -k 10 --nprobe 32 --depth 100 -o ids.npy --distances distances.npy"
)]
pub struct Search {
    #[command(flatten)]
    which: Which,
    /// The vectors to search for
    queries: PathBuf,
    /// Neighbours per query, 1 to 1024
    #[arg(short, default_value_t = 10, value_parser = parse_neighbours)]
    k: usize,
    /// Lists to look into for each query
    #[arg(long, default_value_t = 16, value_name = "LISTS")]
    nprobe: usize,
    /// How many of the nearest by their codes are compared once more [default: 4 for each neighbour]
    #[arg(long, value_name = "ROWS")]
    depth: Option<usize>,
    /// Look among vectors with these ids alone: a file of one per row (.npy .ivecs .ibin .parquet:column, or .txt of lines)
    #[arg(long, value_name = "IDS")]
    filter: Option<PathBuf>,
    /// The file to write, (queries, k) ids, the nearest first: .npy or .ivecs; or .jsonl or .txt, with distances [default: print them]
    #[arg(short, long, value_name = "IDS.npy")]
    output: Option<PathBuf>,
    /// Write the distances too, (queries, k): .npy or .fvecs
    #[arg(long, value_name = "FILE.npy")]
    distances: Option<PathBuf>,
}

pub fn run(command: &Search, common: &Common) -> Result<Verdict> {
    let mut claims = common.reads([&command.queries].into_iter().chain(&command.filter))?;
    command.output.iter().try_for_each(|path| claims.writes(path))?;
    command.distances.iter().try_for_each(|path| claims.writes(path)).context(|| "--distances")?;
    command.output.iter().chain(&command.distances).try_for_each(|path| command.which.keep_out(path))?;
    let index = command.which.open()?;
    let queries = io::open(&command.queries)?;
    let (count, k) = (queries.len(), command.k);
    common.check_memory(
        result_bytes(count, k),
        format_args!("the {k} neighbours of {count} queries"),
        "take fewer queries at a time",
    )?;
    let filter = command.filter.as_deref().map(ids::read).transpose().context(|| "--filter")?;
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
    match &command.output {
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
            command.output.is_none().then(|| (0..count).map(|q| neighbours(&found, q)).collect::<Vec<_>>());
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
    } else if command.output.is_some() && !common.quiet {
        say!("{k} neighbours of {count} queries among {} vectors in {seconds:.3} s", index.len());
    }
    Ok(Verdict::Done)
}

/// The neighbours of a query as JSON.
fn neighbours(found: &Found, query: usize) -> serde_json::Value {
    let (ids, distances) = found.of(query);
    json!({ "query": query, "ids": ids, "distances": distances })
}

/// A line for each neighbour: query, rank, id and distance.
fn text(found: &Found) -> String {
    let mut text = String::new();
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
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension {
        "txt" => return io::write_file(path, text(found).as_bytes(), common.force),
        "jsonl" => {
            let lines: String = (0..count).map(|query| format!("{}\n", neighbours(found, query))).collect();
            return io::write_file(path, lines.as_bytes(), common.force);
        }
        _ => {}
    }
    if let Some(query) = (0..count).find(|&query| found.of(query).0.len() < k) {
        return Err(Error::input(format!(
            "{}: query {query} has {} neighbours and not {k}, and rows are of one length; write .jsonl or .txt, or take a \
             larger --nprobe or a smaller -k",
            path.display(),
            found.of(query).0.len()
        )));
    }
    let rows = |ids: Vec<u64>| Array2::from_shape_vec((count, k), ids).expect("k neighbours of each query");
    let ids = rows((0..count).flat_map(|query| found.of(query).0.iter().copied()).collect());
    let distances = match distances {
        Some(path) => {
            let all = (0..count).flat_map(|query| found.of(query).1.iter().copied()).collect();
            let mut file = Rows::<f32>::create(path, count, k, common)?;
            file.fill(Array2::from_shape_vec((count, k), all).expect("k neighbours of each query"))?;
            Some(file)
        }
        None => None,
    };
    if extension == "ivecs" {
        if let Some(large) = ids.iter().find(|&&id| i32::try_from(id).is_err()) {
            return Err(Error::input(format!(
                "{}: the id {large} is over what .ivecs holds; write .npy",
                path.display()
            )));
        }
        let mut file = Rows::<i32>::create(path, count, k, common)?;
        file.fill(ids.mapv(|id| id as i32))?;
        file.finish()?;
    } else {
        let mut file = Rows::<u64>::create(path, count, k, common)?;
        file.fill(ids)?;
        file.finish()?;
    }
    distances.map_or(Ok(()), Rows::finish)
}
