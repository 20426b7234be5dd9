//! `wgvq demo`: the main job from end to end on the sample that the program carries.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::{Map, Value, json};
use wgvq::io::{self, Dataset, RowWriter};
use wgvq::metrics::Metric;
use wgvq::ndarray::Array2;
use wgvq::search::{Recall, Search};
use wgvq::{
    Batching, Codes, Context, Engine, Error, Evaluation, Result, Spec, Training, encode_batches, sample,
};

use crate::Verdict;
use crate::args::{Common, Data, Near};
use crate::figures::{Figures, Loss, LossOf, print_json};
use crate::plots::{self, Labels, Scales, Series};
use crate::report::{self, Report};
use crate::stdout::say;
use crate::tune::Wish;
use crate::words::html;

#[derive(Args, Debug)]
pub struct Demo {
    /// The folder for the report
    #[arg(short, long, value_name = "FOLDER", default_value = "wgvq-demo")]
    pub output: PathBuf,
    /// Try all that `wgvq report` tries on the sample instead, which takes minutes, and write the page that it writes
    #[arg(long)]
    pub report: bool,
}

/// The recall that is looked for by [`Demo::report`], and for how long: the figures of a page are told with little of the time.
const WANTED: &str = "10@10=.9";
const BUDGET: &str = "3m";

/// The quantizers that are tried, the smallest codes first; the files are those of the last one.
const SPECS: [&str; 5] = ["VQ1024", "RQ8x8", "PQ16x8", "PQ48x8", "OPQ48,PQ48x8"];

/// One vector in as many is kept from the training, and judged.
const HELD_OUT: usize = 4;

/// Neighbours that are searched for, and those that recalls are of.
const NEIGHBOURS: usize = 10;

pub fn run(command: &Demo, common: &Common) -> Result<Verdict> {
    let folder = command.output.as_path();
    fs::create_dir_all(folder).context(|| folder.display())?;
    let mut found = fs::read_dir(folder).context(|| folder.display())?;
    if found.next().is_some() && !holds_sample(folder) && !common.force {
        return Err(Error::input(format!(
            "{}: holds other files; give an empty folder, or --force to write among them",
            folder.display()
        )));
    }
    let (sample, queries) = (folder.join(SAMPLE), folder.join("queries.npy"));
    io::write_file(&sample, sample::VECTORS, true)?;
    io::write_file(&queries, sample::QUERIES, true)?;
    if command.report {
        let wish = Wish {
            bytes: None,
            recall: Some(WANTED.parse()?),
            budget: BUDGET.parse()?,
            queries: Some(queries),
            near: Near { metric: Metric::default() },
        };
        let output = folder.join(PAGE);
        let report = Report { data: Data { data: vec![sample] }, wish, labels: None, output };
        return report::write(&report, true, common);
    }
    let (data, queries) = (io::open(&sample)?, io::open(&queries)?);
    common.check_memory(needed(&data)?, "the demo", "train on fewer vectors of your own")?;
    let engine = common.engine()?;
    if !common.json {
        say!("running on {}: {}", engine.name(), engine.reason());
        say!("sample: {} sentence embeddings × {} dimensions, f32", data.rows(), data.dim());
        say!("loss: {}", LossOf::HeldOut);
        say!(
            "recall: how many of {} queries find their nearest among {NEIGHBOURS}, and what share of the true {NEIGHBOURS}\n",
            queries.rows()
        );
    }

    let truth = Search::nearest(NEIGHBOURS).flat(&engine, Metric::SquaredL2, &data, &queries)?;
    let (held_out, rest): (Vec<_>, Vec<_>) = (0..data.rows()).partition(|row| row % HELD_OUT == HELD_OUT - 1);
    let task = Task {
        engine: &engine,
        data: &data,
        trained_on: data.gather(&rest)?,
        held_out: data.gather(&held_out)?,
        queries: &queries,
        truth: truth.ids,
        folder,
    };
    let mut runs = Vec::new();
    if !common.json {
        say!("{HEADER}");
    }
    for spec in SPECS {
        let run = task.run(spec.parse()?, common.seed)?;
        if !common.json {
            say!("{}", run.line());
        }
        runs.push(run);
    }
    write_report(folder, &runs, &data, &engine)?;
    if common.json {
        print_json(&json!({ "runs": figures(&runs), "report": folder, "device": engine.name() }))?;
        return Ok(Verdict::Done);
    }
    say!("\nreport: {}", folder.join(PAGE).display());
    Ok(Verdict::Done)
}

/// Files of the folder: the vectors, and the report.
const SAMPLE: &str = "sample.npy";
const PAGE: &str = "report.html";

/// Whether the folder is that of an earlier demo, whose files may be replaced.
fn holds_sample(folder: &Path) -> bool {
    let mut found = Vec::new();
    let file = io::open_file(folder.join(SAMPLE));
    let most = sample::VECTORS.len() as u64 + 1;
    file.is_ok_and(|file| file.take(most).read_to_end(&mut found).is_ok() && found == sample::VECTORS)
}

/// Bytes that the quantizers take at most, beside the vectors as read, held out, decoded and on their way.
fn needed(data: &Dataset) -> Result<u64> {
    let (n, d) = (data.rows(), data.dim());
    let of = |spec: &str| Ok(Training::new(spec.parse()?).holds(n, d)?.bytes(n, d));
    let needed: Vec<u64> = SPECS.into_iter().map(of).collect::<Result<_>>()?;
    Ok(needed.into_iter().max().unwrap_or(0) + 16 * (n * d) as u64)
}

/// What every quantizer is to do.
struct Task<'a> {
    engine: &'a Engine,
    data: &'a Dataset,
    trained_on: Array2<f32>,
    held_out: Array2<f32>,
    queries: &'a Dataset,
    /// The rows that are nearest to each query.
    truth: Array2<u32>,
    folder: &'a Path,
}

/// What one quantizer came to.
struct Run {
    figures: Figures,
    /// Uses of the codewords of the first codebook.
    counts: Vec<f64>,
    train_seconds: f64,
    decode_rate: f64,
    /// 1-recall@10 and 10-recall@10.
    recalls: [(Recall, f64); 2],
}

impl Task<'_> {
    fn run(&self, spec: Spec, seed: u64) -> Result<Run> {
        let (engine, data, folder) = (self.engine, self.data, self.folder);
        let n = data.rows();
        let start = Instant::now();
        let trained = Training::new(spec).seed(seed).fit(engine, &self.trained_on, &mut ())?;
        let train_seconds = start.elapsed().as_secs_f64();
        let quantizer = &*trained.quantizer;
        quantizer.save(&folder.join("model.safetensors"), true, json!({ "trainer": "kmeans" }))?;

        let coder = quantizer.prepare(engine)?;
        let sizes = quantizer.codebook_sizes();
        let mut measured = Evaluation::new(&*coder);
        let mut values = Vec::with_capacity(n * sizes.len());
        let mut out = RowWriter::<u16>::create(folder.join("codes.npy"), n, sizes.len(), true)?;
        let start = Instant::now();
        encode_batches(&*coder, engine, data, 0..n, Batching::of_coder(&*coder, engine), |batch| {
            measured.add_encoded(batch);
            values.extend(batch.codes.iter().copied());
            out.append(&batch.codes.iter().map(|&code| code as u16).collect::<Vec<_>>())
        })?;
        let seconds = start.elapsed().as_secs_f64();
        out.finish()?;

        let codes = Array2::from_shape_vec((n, sizes.len()), values).expect("m codes per row");
        let codes = Codes::new(codes, sizes)?;
        let start = Instant::now();
        let decoded = quantizer.decode(engine, &codes)?;
        let decode_rate = n as f64 / start.elapsed().as_secs_f64();
        let mut back = RowWriter::<f32>::create(folder.join("decoded.npy"), n, data.dim(), true)?;
        back.append(decoded.as_slice().expect("decoded rows are contiguous"))?;
        back.finish()?;

        let read = |rows| Ok(codes.rows(rows).to_owned());
        let found =
            Search::nearest(NEIGHBOURS).codes(engine, Metric::SquaredL2, quantizer, n, read, self.queries)?;
        let recall = |of| {
            let recall = Recall::new(of, NEIGHBOURS)?;
            Ok::<_, Error>((recall, recall.measure(found.ids.view(), self.truth.view())?))
        };
        let recalls = [recall(1)?, recall(NEIGHBOURS)?];

        let counts = measured.usage[0].counts().iter().map(|&count| count as f64).collect();
        let judged = Evaluation::of(&*coder, engine, &self.held_out)?;
        let loss = Loss::new(&judged.distortion, LossOf::HeldOut);
        let mut figures = Figures::of_loss(engine, quantizer, loss, &measured.usage, seconds);
        figures.vectors_per_second = n as f64 / seconds;
        Ok(Run { figures, counts, train_seconds, decode_rate, recalls })
    }
}

const HEADER: &str = "spec            bytes  smaller     mse     lost  1-recall@10  10-recall@10  train s    encode/s    decode/s";

impl Run {
    fn line(&self) -> String {
        let f = &self.figures;
        format!(
            "{:<14} {:>6.1} {:>7.0}× {:>7.4} {:>6.1} % {:>12.3} {:>13.3} {:>8.2} {:>11.0} {:>11.0}",
            f.spec,
            f.bits_per_vector / 8.0,
            32.0 * f.dim as f64 / f.bits_per_vector,
            f.mse.unwrap_or(0.0),
            100.0 * f.relative_mse.unwrap_or(0.0),
            self.recalls[0].1,
            self.recalls[1].1,
            self.train_seconds,
            f.vectors_per_second,
            self.decode_rate
        )
    }
}

fn figures(runs: &[Run]) -> Vec<Value> {
    let figures = |run: &Run| {
        let mut figures = json!(run.figures);
        let named = run.recalls.iter().map(|(recall, value)| (recall.to_string(), json!(value)));
        figures["recall"] = named.collect::<Map<_, _>>().into();
        figures
    };
    runs.iter().map(figures).collect()
}

fn write_report(folder: &Path, runs: &[Run], data: &Dataset, engine: &Engine) -> Result<()> {
    let chart = |file: &str, labels: Labels, figure: fn(&Run) -> f64| {
        let series: Vec<_> = runs
            .iter()
            .map(|run| Series {
                name: run.figures.spec.clone(),
                points: vec![(run.figures.bits_per_vector / 8.0, figure(run))],
            })
            .collect();
        plots::lines(&folder.join(file), true, &labels, Scales::default(), &series, None)
    };
    let x = "bytes per vector";
    let y = format!("share of the variance lost, {}", LossOf::HeldOut);
    let labels = Labels { title: "Rate and distortion", x, y: &y };
    chart("rate-distortion.svg", labels, |run| run.figures.relative_mse.unwrap_or(0.0))?;
    let labels = Labels { title: "Rate and recall", x, y: "1-recall@10" };
    chart("recall.svg", labels, |run| run.recalls[0].1)?;

    let last = &runs[runs.len() - 1];
    let title = format!("Use of the first codebook of {}", last.figures.spec);
    let labels = Labels { title: &title, x: "codeword, by use", y: "vectors" };
    let mut counts = last.counts.clone();
    counts.sort_by(|a, b| b.total_cmp(a));
    plots::bars(&folder.join("usage.svg"), true, &labels, &counts)?;

    let document = serde_json::to_string_pretty(&json!({ "runs": figures(runs), "device": engine.name() }))
        .map_err(|error| Error::input(format!("the report is no JSON: {error}")))?;
    io::write_file(folder.join("figures.json"), document.as_bytes(), true)?;
    let lines: Vec<String> = runs.iter().map(Run::line).collect();
    let table = [HEADER.to_string(), lines.join("\n")].join("\n");
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>wgvq demo</title>\
         <style>body{{font-family:sans-serif;max-width:60em;margin:2em auto}}pre{{overflow-x:auto}}</style>\
         <h1>wgvq demo</h1><p>{} vectors × {} dimensions on {}. The loss is {}.</p><pre>{}</pre>\
         <p><img src=\"rate-distortion.svg\"><p><img src=\"recall.svg\"><p><img src=\"usage.svg\">\n",
        data.rows(),
        data.dim(),
        html(engine.name()),
        LossOf::HeldOut,
        table
    );
    io::write_file(folder.join(PAGE), page.as_bytes(), true)
}
