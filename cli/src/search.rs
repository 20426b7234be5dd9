//! `wgvq search`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wgvq::search::Search;
use wgvq::{Error, Result};

use crate::args::{Common, NamedOutputs, Near, parse_neighbours};
use crate::codes::CodesFile;
use crate::figures::print_json;
use crate::neighbours::{self, Destination, Found};
use crate::plots::{self, Labels, Scale, Scales, Series};
use crate::progress::Progress;
use crate::recalls::{Judged, Judging};
use crate::stdin::{self, is_dash};
use crate::stdout::say;
use crate::{Verdict, interrupt, words};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq search queries.npy --codes codes.wgvq -m rq.safetensors -k 10 --ids ids.txt -o found.parquet\n  \
                  wgvq search queries.npy --codes codes.wgvq -m rq.safetensors -k 10 --truth truth.ivecs --min-recall 10@10=.95"
)]
pub struct Options {
    /// The vectors to search for; - reads an .npy file from standard input
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
    #[command(flatten)]
    pub near: Near,
    /// Where the neighbours go, the nearest first: .ivecs or .npy (ids), .jsonl or .parquet (ids and distances); - prints
    /// them
    #[arg(short, long, value_name = "FOUND.parquet")]
    pub output: Option<PathBuf>,
    /// Write the distances beside ids alone: .fvecs or .npy
    #[arg(long, value_name = "FILE.fvecs", requires = "output")]
    pub distances: Option<PathBuf>,
    /// What to call each row: .npy, .parquet[:column] or .txt with a number in each line; - reads lines from standard input
    /// [default: row numbers from 0]
    #[arg(long, value_name = "IDS.txt", requires = "output")]
    pub ids: Option<PathBuf>,
    #[command(flatten)]
    pub judging: Judging,
    /// Draw both recalls at every rank from 1 to k, or to 100
    #[arg(long, value_name = "RECALL.svg", requires = "truth")]
    pub plot: Option<PathBuf>,
}

/// The last rank of a picture.
const LAST_DRAWN: usize = 100;

pub fn run(command: &Options, common: &Common) -> Result<Verdict> {
    let inputs = [&command.queries, &command.codes, &command.model];
    let mut claims = common.reads(inputs.into_iter().chain(&command.judging.truth).chain(&command.ids))?;
    neighbours::claim(&mut claims, command.output.as_deref(), command.distances.as_deref())?;
    command.plot.iter().try_for_each(|path| claims.writes_picture(path))?;
    let model = wgvq::load(&command.model)?;
    let codes = CodesFile::open(&command.codes, &model)?;
    let (n, k) = (codes.rows(), command.k);
    let own = own_ids(command, n)?;
    let queries = stdin::vectors(&command.queries)?;
    let count = queries.rows();
    let left = common.memory_beside(
        result_bytes(count, k) + own.as_ref().map_or(0, |ids| 8 * ids.len() as u64),
        format_args!("the {k} neighbours of {count} queries"),
        "take fewer queries at a time",
    )?;
    let truth = command.judging.read(k, count, Some(n))?;
    let engine = common.engine()?;
    let largest = match &own {
        Some(ids) => ids.iter().copied().max().unwrap_or(0),
        None => n.saturating_sub(1) as u64,
    };
    let (output, beside) = (command.output.as_deref(), command.distances.as_deref());
    let output = Destination::begin(output, beside, (count, k), largest, common)?;

    let start = Instant::now();
    let search = Search::nearest(k).memory(left).watch(watch("search", common));
    let neighbours = search.codes(
        &engine,
        command.near.metric,
        &*model.quantizer,
        n,
        |rows| codes.read(rows),
        &queries,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    let judged = truth.as_ref().map(|truth| truth.judge(&neighbours.ids)).transpose()?;
    let found = Found { neighbours: &neighbours, own: own.as_deref() };
    let on_stdout = output.is_stdout();
    output.take(&found, common)?;
    let (spec, device) = (model.quantizer.spec().to_string(), engine.name());
    if let (Some(path), Some(truth)) = (&command.plot, &truth) {
        let [one, all] = truth.curves(&neighbours.ids, k.min(LAST_DRAWN))?;
        let title = format!("{count} queries among {n} codes of {spec}");
        let labels = Labels { title: &title, x: "T", y: "recall" };
        let scales = Scales { x: Scale::Decades, y: Scale::Even };
        let lines = [("1-recall@T", one), ("T-recall@T", all)];
        let lines = lines.map(|(name, points)| Series { name: name.into(), points });
        plots::lines(path, common.force, &labels, scales, &lines, None)?;
    }
    let verdict = match &judged {
        Some(judged) if judged.complain() => Verdict::Missed,
        _ => Verdict::Done,
    };
    if common.json {
        print_json(&json!({
            "spec": spec,
            "n": n,
            "queries": count,
            "k": k,
            "metric": command.near.metric.to_string(),
            "recall": judged.as_ref().map(Judged::document),
            "missed": judged.as_ref().map(Judged::missed),
            "neighbours": on_stdout.then(|| found.document()),
            "seconds": seconds,
            "queries_per_second": count as f64 / seconds,
            "device": device,
        }))?;
        return Ok(verdict);
    }
    // Beside neighbours on stdout, everything else is on stderr.
    let tell = |line: String| if on_stdout { words::remark(line) } else { say!("{line}") };
    judged.iter().flat_map(Judged::lines).for_each(tell);
    if !common.quiet {
        tell(format!(
            "{k} neighbours of {count} queries among {n} codes of {spec} in {seconds:.3} s on {device}"
        ));
    }
    Ok(verdict)
}

/// The user's ids of the `n` rows.
fn own_ids(command: &Options, n: usize) -> Result<Option<Vec<u64>>> {
    let Some(path) = &command.ids else { return Ok(None) };
    if is_dash(path) && is_dash(&command.queries) {
        return Err(Error::input("standard input is either the queries or --ids; name a file for the other"));
    }
    let ids = stdin::ids(path)?;
    if ids.len() != n {
        let (path, found) = (path.display(), ids.len());
        return Err(Error::input(format!("--ids {path}: {found} ids, and there are {n} codes")));
    }
    Ok(Some(ids))
}

/// Bytes that the neighbours take, with true ones beside them or on their way to a file.
pub fn result_bytes(queries: usize, k: usize) -> u64 {
    20 * queries as u64 * k as u64
}

/// Shows how far a search is, and lets Ctrl-C end it.
pub fn watch(what: &'static str, common: &Common) -> impl FnMut(usize, usize) -> Result<()> + Send {
    let mut shown: Option<(Progress, usize)> = None;
    move |done, total| {
        let (progress, before) =
            shown.get_or_insert_with(|| (Progress::new(common, what, "vectors", total), 0));
        progress.add(done - *before, String::new());
        *before = done;
        if interrupt::asked() && done < total {
            return Err(Error::cancelled("stopped; nothing was written"));
        }
        Ok(())
    }
}
