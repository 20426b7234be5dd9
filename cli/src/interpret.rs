//! `wgvq interpret`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use wgvq::interpret::{LabelHistogram, OrderedCodebook};
use wgvq::io::{Dataset, IndexFile, RowWriter};
use wgvq::metrics::Metric;
use wgvq::search::{Neighbours, Search};
use wgvq::{Context, Error, Projection, Result, Vectors, io};

use crate::args::{Common, Data, NamedOutputs, parse_neighbours};
use crate::figures::{LossOf, print_json};
use crate::search::watch;
use crate::stdout::say;
use crate::{Verdict, eval, heat_map, interrupt, one_codebook};

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  wgvq interpret curve.safetensors vectors.npy --labels labels.npy --heat-map map.svg"
)]
pub struct Interpret {
    /// The model file, of one codebook
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    #[command(flatten)]
    pub data: Data,
    /// Labels of the vectors, one whole number each
    #[arg(long, value_name = "LABELS.npy")]
    pub labels: Option<PathBuf>,
    /// Draw the histogram of the labels along the codebook
    #[arg(long, value_name = "MAP.svg", requires = "labels")]
    pub heat_map: Option<PathBuf>,
    /// List the R vectors nearest to codewords along the codebook
    #[arg(long, value_name = "R", value_parser = parse_neighbours)]
    pub nearest: Option<usize>,
    /// Move the vectors by ALPHA times the step from codeword S to the next
    #[arg(long, value_name = "S,ALPHA", value_parser = parse_shift, requires = "output")]
    pub shift: Option<(usize, f32)>,
    /// The file to write the moved vectors to: .npy or .fvecs, f32
    #[arg(short, long, value_name = "SHIFTED.npy", requires = "shift")]
    pub output: Option<PathBuf>,
}

/// Codewords whose nearest vectors are printed; with `--json`, all are.
const SHOWN: usize = 32;

/// Codewords that are named of each label.
const NAMED: usize = 3;

/// Bytes beside each vector: its code, its label and its place on a curve.
const BESIDE: u64 = 16;

/// Rows that are moved at a time.
const BATCH: usize = 4096;

pub fn run(command: &Interpret, common: &Common) -> Result<Verdict> {
    let inputs = command.data.data.iter().chain([&command.model]).chain(&command.labels);
    let mut claims = common.reads(inputs)?;
    command.output.iter().try_for_each(|path| claims.writes(path))?;
    command.heat_map.iter().try_for_each(|path| claims.writes_picture(path))?;
    let model = one_codebook::load(&command.model)?;
    let data = io::open_all(&command.data.data)?;
    let (n, dim) = (data.rows(), data.dim());
    let projected = if model.quantizer.curve().is_some() { Projection::bytes(n, dim) } else { 0 };
    let left = common.memory_beside(
        BESIDE * n as u64 + projected,
        format_args!("what is kept of {n} vectors"),
        "take a part of them",
    )?;
    let labels = match &command.labels {
        Some(path) => Some(read_labels(path, data.rows())?),
        None => None,
    };
    let engine = common.engine()?;
    let codebook = OrderedCodebook::new(one_codebook::codewords(&model, &engine)?)?;
    let shift = match (command.shift, &command.output) {
        (Some((s, alpha)), Some(path)) => {
            codebook.direction(s).context(|| "--shift")?;
            Some((
                s,
                alpha,
                RowWriter::create(path, data.rows(), codebook.codewords().ncols(), common.force)?,
            ))
        }
        _ => None,
    };

    let mut codes = Vec::with_capacity(data.rows());
    let judged = eval::judge(&*model.quantizer, &engine, &data, common, left, |batch| {
        codes.extend(batch.codes.iter());
        Ok(())
    })?;
    let k = codebook.codewords().nrows();
    let histogram = match &labels {
        Some(labels) => Some(LabelHistogram::of(labels, &codes, k)?),
        None => None,
    };
    let nearest = match command.nearest {
        Some(r) => {
            let search = Search::nearest(r).memory(left).watch(watch("nearest", common));
            Some(search.flat(&engine, Metric::SquaredL2, &data, codebook.codewords())?)
        }
        None => None,
    };
    if let Some((s, alpha, out)) = shift {
        write_shifted(&codebook, &data, s, alpha, out)?;
    }
    let spec = model.quantizer.spec().to_string();
    if let (Some(path), Some(histogram)) = (&command.heat_map, &histogram) {
        let title = format!("Labels along the codebook of {spec}");
        heat_map::draw(path, common.force, &title, histogram)?;
    }

    // The error to all of the curve, where the codewords are the corners of one.
    let curve_mse = match (model.quantizer.spec().kind().name, model.quantizer.curve()) {
        ("SFVQ", Some(curve)) => Some(Projection::of(&engine, curve, &data)?.mse),
        _ => None,
    };
    let (jumps, order, mse) = (codebook.jumps(), codebook.order(), judged.distortion.mse());
    let used = k - judged.usage[0].dead();
    if common.json {
        print_json(&json!({
            "spec": spec,
            "n": data.rows(),
            "dim": data.dim(),
            "mse": mse,
            "loss_of": LossOf::Given,
            "curve_mse": curve_mse,
            "used": used,
            "jumps": jumps,
            "order": order,
            "labels": histogram.as_ref().map(LabelHistogram::labels),
            "histogram": histogram.as_ref().map(|h| h.counts().outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>()),
            "purity": histogram.as_ref().map(LabelHistogram::purity),
            "normalized_mutual_information": histogram.as_ref().map(LabelHistogram::normalized_mutual_information),
            "order_score": histogram.as_ref().map(LabelHistogram::order_score),
            "nearest": nearest.as_ref().map(|found| nearest_facts(found, labels.as_deref())),
            "device": engine.name(),
        }))?;
        return Ok(Verdict::Done);
    }
    let of = LossOf::Given;
    say!("{spec}: {} vectors on {used} of {k} codewords, mse {mse:.6}, {of}", data.rows());
    if let Some(curve_mse) = curve_mse {
        say!("{:<20} {curve_mse:.6}, {of}", "mse to the curve");
    }
    say!("{:<20} mean {:.4}, longest {:.4}, in all {:.4}", "jumps", jumps.mean, jumps.max, jumps.total);
    say!("{:<20} {}", "order", figure(order));
    if let Some(histogram) = &histogram {
        print_labels(histogram);
    }
    if let Some(found) = &nearest {
        print_nearest(found, labels.as_deref());
    }
    Ok(Verdict::Done)
}

/// One label per vector of the data.
fn read_labels(path: &Path, n: usize) -> Result<Vec<u32>> {
    let file = IndexFile::open_column(path).context(|| "--labels")?;
    if file.rows() != n {
        return Err(Error::input(format!(
            "--labels: {} holds {} labels, and the data {n} vectors; each needs one",
            path.display(),
            file.rows()
        )));
    }
    Ok(file.to_array().context(|| "--labels")?.into_raw_vec_and_offset().0)
}

fn write_shifted(
    codebook: &OrderedCodebook,
    data: &Dataset,
    s: usize,
    alpha: f32,
    mut out: RowWriter<f32>,
) -> Result<()> {
    for first in (0..data.rows()).step_by(BATCH) {
        if interrupt::asked() {
            return Err(Error::cancelled("stopped; nothing was written"));
        }
        let x = data.read_rows(first..(first + BATCH).min(data.rows()))?;
        let shifted = codebook.shift(x.view(), s, alpha).context(|| format!("rows from {first} on"))?;
        out.append(shifted.as_slice().expect("standard layout"))?;
    }
    out.finish()
}

fn print_labels(histogram: &LabelHistogram) {
    say!("{:<20} {:.4}", "purity", histogram.purity());
    say!("{:<20} {}", "mutual information", figure(histogram.normalized_mutual_information()));
    say!("{:<20} {}", "order of labels", figure(histogram.order_score()));
    say!("");
    say!(
        "{:>8} {:>9} {:>6} {:>7} {:>13}  most used codewords",
        "label",
        "vectors",
        "used",
        "median",
        "middle 80 %"
    );
    for (row, label) in histogram.labels().iter().enumerate() {
        let counts = histogram.counts();
        let counts = counts.row(row);
        let total = counts.sum();
        let used = counts.iter().filter(|&&count| count > 0).count();
        let quantile = |share| histogram.quantile(row, share);
        let middle = format!("{} to {}", quantile(0.1), quantile(0.9));
        let mut most: Vec<_> = counts.iter().enumerate().filter(|(_, count)| **count > 0).collect();
        most.sort_by_key(|&(_, &count)| std::cmp::Reverse(count));
        let share = |count: u64| 100.0 * count as f64 / total as f64;
        let most: Vec<_> = most
            .iter()
            .take(NAMED)
            .map(|(code, count)| format!("{code} ({:.0} %)", share(**count)))
            .collect();
        say!("{label:>8} {total:>9} {used:>6} {:>7} {middle:>13}  {}", quantile(0.5), most.join(" "));
    }
}

fn print_nearest(found: &Neighbours, labels: Option<&[u32]>) {
    say!("");
    say!("codeword  nearest rows: distance{}", if labels.is_some() { ", label" } else { "" });
    let k = found.ids.nrows();
    for codeword in (0..k).step_by(k.div_ceil(SHOWN)) {
        let rows = found.ids.row(codeword);
        let rows = rows.iter().zip(found.distances.row(codeword)).map(|(&row, &square)| {
            let label = labels.map_or_else(String::new, |labels| format!(", {}", labels[row as usize]));
            format!("{row}: {:.4}{label}", square.sqrt())
        });
        say!("{codeword:>8}  {}", rows.collect::<Vec<_>>().join("   "));
    }
}

/// For each codeword its nearest rows, the nearest first.
fn nearest_facts(found: &Neighbours, labels: Option<&[u32]>) -> Vec<Value> {
    let facts = |(codeword, rows): (usize, wgvq::ndarray::ArrayView1<u32>)| {
        let distances: Vec<f64> = found.distances.row(codeword).iter().map(|square| square.sqrt()).collect();
        let labels: Option<Vec<u32>> =
            labels.map(|labels| rows.iter().map(|&row| labels[row as usize]).collect());
        json!({ "codeword": codeword, "rows": rows.to_vec(), "distances": distances, "labels": labels })
    };
    found.ids.outer_iter().enumerate().map(facts).collect()
}

/// The number with four digits, or "undefined".
fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".into(), |value| format!("{value:.4}"))
}

fn parse_shift(text: &str) -> Result<(usize, f32)> {
    let parts = text.split_once(',');
    let shift =
        parts.and_then(|(s, alpha)| Some((s.trim().parse().ok()?, alpha.trim().parse::<f32>().ok()?)));
    shift.filter(|(_, alpha)| alpha.is_finite()).ok_or_else(|| {
        Error::input(format!(
            "{text:?} is no shift; write the codeword to step from and a factor, as in 12,1.5"
        ))
    })
}
