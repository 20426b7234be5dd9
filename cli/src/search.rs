//! `wgvq search`

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::{Map, json};
use wgvq::io::{IndexFile, RowElement, RowWriter};
use wgvq::ndarray::Array2;
use wgvq::search::{self, Search};
use wgvq::{Error, Result, io};

use crate::args::{Common, NamedOutputs, Near, parse_neighbours};
use crate::codes::CodesFile;
use crate::figures::print_json;
use crate::plots::{self, Labels, Scale, Scales, Series};
use crate::progress::Progress;
use crate::stdout::say;
use crate::{Verdict, interrupt};

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  wgvq search queries.npy --codes codes.wgvq -m rq.safetensors -k 10 --truth truth.ivecs"
)]
pub struct Options {
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
    #[command(flatten)]
    pub near: Near,
    /// The file to write, (queries, k) row numbers, the nearest first: .ivecs or .npy
    #[arg(short, long, value_name = "IDS.ivecs")]
    pub output: Option<PathBuf>,
    /// The true neighbours, as `truth` writes them, to measure the recall against
    #[arg(long, value_name = "GT.ivecs")]
    pub truth: Option<PathBuf>,
    /// Measure the recall at these ranks, up to k [default: those of 1,10,100]
    #[arg(long, value_name = "RANKS", value_delimiter = ',', requires = "truth")]
    pub recall_at: Option<Vec<usize>>,
    /// Draw the recall at every rank from 1 to k, or to 100
    #[arg(long, value_name = "RECALL.svg", requires = "truth")]
    pub plot: Option<PathBuf>,
}

/// The last rank of a picture.
const LAST_DRAWN: usize = 100;

pub fn run(command: &Options, common: &Common) -> Result<Verdict> {
    let inputs = [&command.queries, &command.codes, &command.model];
    let mut claims = common.reads(inputs.into_iter().chain(&command.truth))?;
    command.output.iter().try_for_each(|path| claims.writes(path))?;
    command.plot.iter().try_for_each(|path| claims.writes_picture(path))?;
    let model = wgvq::load(&command.model)?;
    let codes = CodesFile::open(&command.codes, &model)?;
    let queries = io::open(&command.queries)?;
    let (n, count, k) = (codes.rows(), queries.rows(), command.k);
    let left = common.memory_beside(
        result_bytes(count, k),
        format_args!("the {k} neighbours of {count} queries"),
        "take fewer queries at a time",
    )?;
    let truth = match &command.truth {
        Some(path) => Some(Truth::read(path, command, count, n)?),
        None => None,
    };
    let engine = common.engine()?;
    let output = match &command.output {
        Some(path) => Some(Rows::<i32>::create(path, count, k, common)?),
        None => None,
    };

    let start = Instant::now();
    let search = Search::nearest(k).memory(left).watch(watch("search", common));
    let found = search.codes(
        &engine,
        command.near.metric,
        &*model.quantizer,
        n,
        |rows| codes.read(rows),
        &queries,
    )?;
    let seconds = start.elapsed().as_secs_f64();
    let recalls = match &truth {
        Some(truth) => Some(truth.recalls(&found.ids, &truth.at)?),
        None => None,
    };
    if let Some(mut output) = output {
        output.fill(found.ids.mapv(|id| id as i32))?;
        output.finish()?;
    }
    let (spec, device) = (model.quantizer.spec().to_string(), engine.name());
    if let (Some(path), Some(truth)) = (&command.plot, &truth) {
        let ranks: Vec<usize> = (1..=k.min(LAST_DRAWN)).collect();
        let recalls = truth.recalls(&found.ids, &ranks)?;
        let points = recalls.into_iter().map(|(at, recall)| (at as f64, recall)).collect();
        let title = format!("{count} queries among {n} codes of {spec}");
        let labels = Labels { title: &title, x: "T", y: "recall@T" };
        let scales = Scales { x: Scale::Decades, y: Scale::Even };
        plots::lines(path, common.force, &labels, scales, &[Series { name: spec.clone(), points }], None)?;
    }
    let per_second = count as f64 / seconds;
    if common.json {
        let recalls = recalls.map(|recalls| {
            recalls.into_iter().map(|(at, recall)| (at.to_string(), json!(recall))).collect::<Map<_, _>>()
        });
        print_json(&json!({
            "spec": spec,
            "n": n,
            "queries": count,
            "k": k,
            "metric": command.near.metric.to_string(),
            "recall": recalls,
            "seconds": seconds,
            "queries_per_second": per_second,
            "device": device,
        }))?;
        return Ok(Verdict::Done);
    }
    for (at, recall) in recalls.into_iter().flatten() {
        say!("recall@{at:<10} {recall:.4}");
    }
    if !common.quiet {
        say!("{k} neighbours of {count} queries among {n} codes of {spec} in {seconds:.3} s on {device}");
    }
    Ok(Verdict::Done)
}

/// Bytes that the neighbours take, with true ones beside them or on their way to a file.
pub fn result_bytes(queries: usize, k: usize) -> u64 {
    20 * queries as u64 * k as u64
}

/// The true neighbours, and where to ask for the recall.
struct Truth {
    ids: Array2<u32>,
    at: Vec<usize>,
}

impl Truth {
    /// Reads the true neighbours of `queries` queries among `n` vectors.
    fn read(path: &Path, command: &Options, queries: usize, n: usize) -> Result<Self> {
        let at = match &command.recall_at {
            Some(at) => at.clone(),
            None => [1, 10, 100].into_iter().filter(|&at| at <= command.k).collect(),
        };
        if let Some(wrong) = at.iter().find(|&&at| at == 0 || at > command.k) {
            let k = command.k;
            return Err(Error::input(format!(
                "--recall-at {wrong} of {k} neighbours; give 1 to {k}, or a larger -k"
            )));
        }
        let file = IndexFile::open(path)?;
        if file.rows() != queries {
            let (path, rows) = (path.display(), file.rows());
            return Err(Error::input(format!(
                "{path}: neighbours of {rows} queries, and there are {queries}"
            )));
        }
        let ids = file.to_array()?;
        if let Some(((row, column), id)) = ids.indexed_iter().find(|(_, id)| **id as usize >= n) {
            let path = path.display();
            return Err(Error::input(format!(
                "{path}: the id at row {row}, column {column} is {id}; there are {n} codes"
            )));
        }
        Ok(Self { ids, at })
    }

    /// The recall of what was found at each of the ranks.
    fn recalls(&self, found: &Array2<u32>, ranks: &[usize]) -> Result<Vec<(usize, f64)>> {
        let recall = |&at| Ok((at, search::recall(found.view(), self.ids.view(), at)?));
        ranks.iter().map(recall).collect()
    }
}

/// A file of rows that are written all at once; its name and place are tried before the work begins.
pub struct Rows<T>(RowWriter<T>);

impl<T: RowElement> Rows<T> {
    pub fn create(path: &Path, rows: usize, columns: usize, common: &Common) -> Result<Self> {
        Ok(Self(RowWriter::create(path, rows, columns, common.force)?))
    }

    /// Writes all rows, still under a name that is not the file's.
    pub fn fill(&mut self, rows: Array2<T>) -> Result<()> {
        self.0.append(rows.as_slice().expect("results are in standard layout"))
    }

    pub fn finish(self) -> Result<()> {
        self.0.finish()
    }
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
