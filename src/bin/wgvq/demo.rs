//! `wgvq demo`: the main job from end to end on the sample that the program carries.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::json;
use wgvq::io::{self, Dataset, RowWriter};
use wgvq::ndarray::Array2;
use wgvq::train::KMeans;
use wgvq::{Batching, Codes, Context, Engine, Error, Evaluation, Quantizer, Result, Vq, encode_batches};

use crate::Verdict;
use crate::args::{Common, Demo};
use crate::figures::{Figures, print_json};
use crate::plots::{self, Labels, Series};
use crate::stdout::say;

/// Sentence embeddings of dictionary entries: `data/README.md` tells where they come from.
const SAMPLE: &[u8] = include_bytes!("../../../data/wordnet.npy");

/// The codebook sizes that are tried; the files are those of the last one.
const SIZES: [usize; 4] = [16, 64, 256, 1024];

pub fn run(command: &Demo, common: &Common) -> Result<Verdict> {
    let folder = command.output.as_path();
    fs::create_dir_all(folder).context(|| folder.display())?;
    let mut found = fs::read_dir(folder).context(|| folder.display())?;
    let earlier_report = folder.join("report.html").exists() && folder.join("figures.json").exists();
    if found.next().is_some() && !earlier_report && !common.force {
        return Err(Error::input(format!(
            "{}: holds other files; give an empty folder, or --force to write among them",
            folder.display()
        )));
    }
    let sample = folder.join("sample.npy");
    io::write_file(&sample, SAMPLE, true)?;
    let data = io::open(&sample)?;
    let engine = common.engine()?;
    if !common.json {
        say!("running on {}: {}", engine.name(), engine.reason());
        say!("sample: {} sentence embeddings × {} dimensions, f32\n", data.rows(), data.dim());
    }

    let mut runs = Vec::new();
    for k in SIZES {
        runs.push(run_size(&engine, &data, k, common.seed, folder)?);
    }
    write_report(folder, &runs, &engine)?;
    if common.json {
        let figures: Vec<_> = runs.iter().map(|run| &run.figures).collect();
        print_json(&json!({ "runs": figures, "report": folder, "device": engine.name() }))?;
        return Ok(Verdict::Done);
    }
    say!("{}", table(&runs).trim_end());
    say!("\nreport: {}", folder.join("report.html").display());
    Ok(Verdict::Done)
}

/// What one codebook size came to.
struct Run {
    figures: Figures,
    history: Vec<f64>,
    counts: Vec<f64>,
    train_seconds: f64,
    decode_rate: f64,
}

fn run_size(engine: &Engine, data: &Dataset, k: usize, seed: u64, folder: &Path) -> Result<Run> {
    let start = Instant::now();
    let found = KMeans::new(k).seed(seed).fit(engine, data)?;
    let train_seconds = start.elapsed().as_secs_f64();
    let vq = Vq::new(found.codebook)?;
    vq.save(&folder.join("model.safetensors"), true, json!({ "trainer": "kmeans" }))?;

    let coder = vq.prepare(engine)?;
    let mut measured = Evaluation::new(&*coder);
    let mut values = Vec::with_capacity(data.rows());
    let mut out = RowWriter::<u16>::create(folder.join("codes.npy"), data.rows(), 1, true)?;
    let start = Instant::now();
    encode_batches(&*coder, engine, data, 0..data.rows(), Batching::of_coder(&*coder, engine), |batch| {
        measured.add_encoded(&batch);
        values.extend(batch.codes.iter().copied());
        out.append(&batch.codes.iter().map(|&code| code as u16).collect::<Vec<_>>())
    })?;
    let seconds = start.elapsed().as_secs_f64();
    out.finish()?;

    let codes = Codes::new(Array2::from_shape_vec((data.rows(), 1), values).expect("a column"), vec![k])?;
    let start = Instant::now();
    let decoded = vq.decode(engine, &codes)?;
    let decode_rate = data.rows() as f64 / start.elapsed().as_secs_f64();
    let mut back = RowWriter::<f32>::create(folder.join("decoded.npy"), data.rows(), data.dim(), true)?;
    back.append(decoded.as_slice().expect("decoded rows are contiguous"))?;
    back.finish()?;

    let counts = measured.usage[0].counts().iter().map(|&count| count as f64).collect();
    let figures = Figures::new(engine, &vq, &measured, seconds);
    Ok(Run { figures, history: found.history, counts, train_seconds, decode_rate })
}

fn table(runs: &[Run]) -> String {
    let mut text = format!(
        "{:<8} {:>8} {:>9} {:>6} {:>8} {:>11} {:>5} {:>9} {:>11} {:>11}\n",
        "spec", "mse", "lost", "bits", "entropy", "perplexity", "dead", "train s", "encode/s", "decode/s"
    );
    for run in runs {
        let f = &run.figures;
        text += &format!(
            "{:<8} {:>8.4} {:>7.1} % {:>6.1} {:>8.2} {:>11.1} {:>5} {:>9.3} {:>11.0} {:>11.0}\n",
            f.spec,
            f.mse.unwrap_or(0.0),
            100.0 * f.relative_mse.unwrap_or(0.0),
            f.bits_per_vector,
            f.entropy_bits,
            f.perplexity[0],
            f.dead[0],
            run.train_seconds,
            f.vectors_per_second,
            run.decode_rate
        );
    }
    text
}

fn write_report(folder: &Path, runs: &[Run], engine: &Engine) -> Result<()> {
    let labels =
        Labels { title: "Rate and distortion", x: "bits per vector", y: "share of the variance lost" };
    let points =
        runs.iter().map(|run| (run.figures.bits_per_vector, run.figures.relative_mse.unwrap_or(0.0)));
    let series = [Series { name: "VQ", points: points.collect() }];
    plots::lines(&folder.join("rate-distortion.svg"), true, &labels, &series, None)?;

    let labels = Labels { title: "k-means", x: "iteration", y: "mse" };
    let series: Vec<_> = runs
        .iter()
        .map(|run| Series {
            name: &run.figures.spec,
            points: run.history.iter().enumerate().map(|(at, &mse)| (at as f64, mse)).collect(),
        })
        .collect();
    plots::lines(&folder.join("training.svg"), true, &labels, &series, None)?;

    let last = &runs[runs.len() - 1];
    let title = format!("Use of the codewords of {}", last.figures.spec);
    let labels = Labels { title: &title, x: "codeword, by use", y: "vectors" };
    let mut counts = last.counts.clone();
    counts.sort_by(|a, b| b.total_cmp(a));
    plots::bars(&folder.join("usage.svg"), true, &labels, &counts)?;

    let figures: Vec<_> = runs.iter().map(|run| &run.figures).collect();
    let document = serde_json::to_string_pretty(&json!({ "runs": figures, "device": engine.name() }))
        .map_err(|error| Error::input(format!("the report is no JSON: {error}")))?;
    io::write_file(folder.join("figures.json"), document.as_bytes(), true)?;
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>wgvq demo</title>\
         <style>body{{font-family:sans-serif;max-width:60em;margin:2em auto}}pre{{overflow-x:auto}}</style>\
         <h1>wgvq demo</h1><p>{} vectors × {} dimensions on {}.</p><pre>{}</pre>\
         <p><img src=\"rate-distortion.svg\"><p><img src=\"training.svg\"><p><img src=\"usage.svg\">\n",
        runs[0].figures.n,
        runs[0].figures.dim,
        engine.name(),
        table(runs)
    );
    io::write_file(folder.join("report.html"), page.as_bytes(), true)
}
