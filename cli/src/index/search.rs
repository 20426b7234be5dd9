//! `wgvq index search`

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wgvq::index::{CURVE_K, DEPTH, Effort, Found, Index, PROBES, Predicate, Query};
use wgvq::io::NeighbourWriter;
use wgvq::{Context, Error, Result, Vectors};

use super::Which;
use super::shown::Shown;
use crate::Verdict;
use crate::args::{Common, parse_neighbours};
use crate::figures::print_json;
use crate::neighbours::claim;
use crate::recalls::{Judged, Judging, ids_of};
use crate::search::result_bytes;
use crate::stdin::{self, is_dash};
use crate::stdout::{print, say};
use crate::words;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq index search base.wgvqi queries.npy -k 10\n  wgvq index search base.wgvqi queries.npy -k 10 --recall .95\n  wgvq index search base.wgvqi queries.npy -k 10 -o ids.npy --truth truth.ivecs --min-recall 10@10=.95\n  wgvq index search base.wgvqi queries.npy --radius 0.25 -o near.parquet\n  wgvq index search base.wgvqi queries.npy -k 10 --where \"year >= 2020 and lang in ('de', 'en')\" --show title\n  wgvq index search base.wgvqi queries.npy -k 10 --nprobe 32 --depth 100 -o ids.npy --distances distances.npy"
)]
pub struct Search {
    #[command(flatten)]
    which: Which,
    /// The vectors to search for, or `-` for an .npy on standard input
    queries: PathBuf,
    /// Neighbours per query, 1 to 1024
    #[arg(short, default_value_t = CURVE_K, value_parser = parse_neighbours)]
    k: usize,
    /// All neighbours within this radius instead: by l2 a squared distance, by cosine 1 less the cosine, by ip the least inner product
    #[arg(long, value_name = "R", conflicts_with_all = ["k", "depth"], allow_negative_numbers = true)]
    radius: Option<f64>,
    /// Look as far as it takes for this 10-recall@10, .95 or another, to be expected; the index has to be built with --recall
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["nprobe", "depth"])]
    recall: Option<f64>,
    #[arg(long, value_name = "LISTS", help = format!("Lists to look into for each query [default: {PROBES}, or what the recall takes that the index was built for]"))]
    nprobe: Option<usize>,
    #[arg(long, value_name = "ROWS", help = format!("How many of the nearest by their codes are compared once more [default: {DEPTH} for each neighbour]"))]
    depth: Option<usize>,
    /// Look among vectors with these ids alone: a file of one per row (.npy .parquet:column .txt), or `-` for standard input
    #[arg(long, value_name = "IDS")]
    filter: Option<PathBuf>,
    /// Look among vectors of which this holds by the columns that were kept: "year >= 2020 and (lang = 'de' or not lang in ('en', 'fr'))";
    /// = != < <= > >=, in, is null, and, or, not, brackets; text between single quotes
    #[arg(long = "where", value_name = "PREDICATE")]
    predicate: Option<Predicate>,
    /// Show a kept column of each neighbour, printed or in .jsonl and .parquet; for several give it several times
    #[arg(long, value_name = "COLUMN")]
    show: Vec<String>,
    /// The file to write, the nearest first: (queries, k) ids as .npy or .ivecs; or .jsonl or .parquet, with distances; within a radius
    /// no .npy, as rows have different lengths [default: print them]
    #[arg(short, long, value_name = "IDS.npy")]
    output: Option<PathBuf>,
    /// Write the distances too, (queries, k): .npy or .fvecs
    #[arg(long, value_name = "FILE.npy")]
    distances: Option<PathBuf>,
    #[command(flatten)]
    judging: Judging,
}

pub fn run(command: &Search, common: &Common) -> Result<Verdict> {
    let mut claims =
        common.reads([&command.queries].into_iter().chain(&command.filter).chain(&command.judging.truth))?;
    claim(&mut claims, command.output.as_deref(), command.distances.as_deref())?;
    let output = command.output.as_deref().filter(|path| !is_dash(path));
    output
        .into_iter()
        .chain(command.distances.as_deref())
        .try_for_each(|path| command.which.keep_out(path))?;
    let index = command.which.open()?;
    Shown::check(&index, &command.show)?;
    let queries = stdin::vectors(&command.queries)?;
    let (count, k) = (queries.len(), command.k);
    common.check_memory(
        result_bytes(count, k),
        format_args!("the {k} neighbours of {count} queries"),
        "take fewer queries at a time",
    )?;
    if command.radius.is_some() && command.judging.truth.is_some() {
        return Err(Error::input(
            "--truth is of the nearest neighbours, and --radius finds others; leave one of them out",
        ));
    }
    let truth = command.judging.read(k, count, None)?;
    let filter = command.filter.as_deref().map(stdin::ids).transpose().context(|| "--filter")?;
    let engine = common.engine()?;
    let searcher = index.searcher(&engine)?;
    let mut query = command.radius.map_or(Query::nearest(k), Query::within);
    if let Some(recall) = command.recall {
        query = query.recall(recall);
    }
    if let Some(lists) = command.nprobe {
        query = query.probes(lists);
    }
    if let Some(depth) = command.depth {
        query = query.depth(depth);
    }
    if let Some(filter) = &filter {
        query = query.among(filter);
    }
    if let Some(predicate) = &command.predicate {
        query = query.matching(predicate);
    }
    let start = Instant::now();
    let found = searcher.search(&queries, &query)?;
    let seconds = start.elapsed().as_secs_f64();
    let effort = found.effort();
    let total: usize = (0..found.queries()).map(|query| found.of(query).0.len()).sum();
    log::info!("{}", described(&index, effort, k));
    let shown = Shown::read(&index, &command.show, &found)?;
    let judged = truth.map(|truth| truth.judge(&ids_of(&found, k))).transpose()?;
    match output {
        Some(path) => {
            let k = command.radius.is_none().then_some(k);
            write(path, command.distances.as_deref(), (&found, &shown), k, common)?;
        }
        None if command.distances.is_some() => {
            return Err(Error::input(
                "--distances goes with -o; without, distances are printed beside the ids",
            ));
        }
        None if !common.json => print(&text(&found, &shown)),
        None => {}
    }
    if common.json {
        let neighbours = output.is_none().then(|| documents(&found, &shown));
        print_json(&json!({
            "spec": index.info().spec,
            "vectors": index.len(),
            "queries": count,
            "k": command.radius.is_none().then_some(k),
            "radius": command.radius,
            "found": total,
            "nprobe": effort.probes,
            "depth": effort.depth,
            "recall": recall_document(&index, effort, command.recall),
            "measured": judged.as_ref().map(Judged::document),
            "missed": judged.as_ref().map(Judged::missed),
            "neighbours": neighbours,
            "seconds": seconds,
            "queries_per_second": count as f64 / seconds,
            "device": engine.name(),
        }))?;
    } else if output.is_some() && !common.quiet {
        let what = match command.radius {
            Some(radius) => format!("{total} neighbours within {radius}"),
            None => format!("{k} neighbours"),
        };
        say!("{what} of {count} queries among {} vectors in {seconds:.3} s", index.len());
    }
    let Some(judged) = judged else { return Ok(Verdict::Done) };
    if !common.json {
        // Beside neighbours on stdout, everything else is on stderr.
        let tell = |line: String| if output.is_none() { words::remark(line) } else { say!("{line}") };
        judged.lines().for_each(tell);
    }
    Ok(if judged.complain() { Verdict::Missed } else { Verdict::Done })
}

/// Queries whose neighbours are written at a time.
const WRITTEN: usize = 1 << 12;

/// What a search has looked at, and what was expected of it.
fn described(index: &Index, effort: Effort, k: usize) -> String {
    let Effort { probes, depth, .. } = effort;
    let looked = format!("looked into {probes} lists for each query and compared {depth} vectors once more");
    let (Some(expected), Some(curve)) = (effort.expected, index.curve()) else { return looked };
    let since = if curve.changed {
        ", as measured before vectors came or went; `index compact` measures anew"
    } else {
        ""
    };
    let of_others = if k == CURVE_K { "" } else { " (other numbers of neighbours were not measured)" };
    format!("{looked}; the expected 10-recall@10 is {expected:.4}{since}{of_others}")
}

/// The recall that was aimed at and what was expected, if the index chose how far to look.
fn recall_document(index: &Index, effort: Effort, wanted: Option<f64>) -> Option<serde_json::Value> {
    let (expected, curve) = (effort.expected?, index.curve()?);
    let wanted = wanted.unwrap_or(curve.wanted);
    Some(json!({ "wanted": wanted, "expected_10@10": expected, "changed": curve.changed }))
}

/// The neighbours of each query as JSON.
fn documents(found: &Found, shown: &Shown) -> Vec<serde_json::Value> {
    let mut first = 0;
    let document = |query| {
        let (ids, distances) = found.of(query);
        let mut document = json!({ "query": query, "ids": ids, "distances": distances });
        if !shown.is_empty() {
            document["columns"] = shown.document(first..first + ids.len()).into();
        }
        first += ids.len();
        document
    };
    (0..found.queries()).map(document).collect()
}

/// A line for each neighbour: query, rank, id, distance, and what is shown of it.
fn text(found: &Found, shown: &Shown) -> String {
    let mut text = format!("query\trank\tid\tdistance{}\n", shown.header());
    let mut neighbour = 0;
    for query in 0..found.queries() {
        let (ids, distances) = found.of(query);
        for (rank, (id, distance)) in ids.iter().zip(distances).enumerate() {
            text += &format!("{query}\t{}\t{id}\t{distance}{}\n", rank + 1, shown.line(neighbour));
            neighbour += 1;
        }
    }
    text
}

/// Writes what was found: k neighbours of each query, or fewer of each where the index has no more, or those within a radius.
fn write(
    path: &Path,
    distances: Option<&Path>,
    (found, shown): (&Found, &Shown),
    k: Option<usize>,
    common: &Common,
) -> Result<()> {
    let count = found.queries();
    let largest = (0..count).flat_map(|query| found.of(query).0).max().copied().unwrap_or(0);
    let mut writer = match k {
        _ if !shown.is_empty() => {
            if distances.is_some() {
                return Err(Error::input(
                    "--show goes with files that have the distances; leave --distances out",
                ));
            }
            NeighbourWriter::create_with_columns(path, count, &shown.schema(), common.force)?
        }
        Some(k) => {
            let width = if count == 0 { k } else { found.of(0).0.len() };
            NeighbourWriter::create(path, distances, (count, width), largest, common.force)?
        }
        None => NeighbourWriter::create_varying(path, distances, count, largest, common.force)?,
    };
    let mut done = 0;
    for first in (0..count).step_by(WRITTEN) {
        let (mut ids, mut near, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for query in first..count.min(first + WRITTEN) {
            let (own, distances) = found.of(query);
            ids.extend(own);
            near.extend(distances.iter().map(|&distance| f64::from(distance)));
            ends.push(ids.len());
        }
        let columns = shown.of(done..done + ids.len());
        done += ids.len();
        writer.append_with_columns(&ids, &near, &ends, &columns)?;
    }
    writer.finish()
}
