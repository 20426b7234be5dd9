//! `wgvq eval`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use wgvq::coding::{Method, Writer};
use wgvq::metrics::{Aqe, Metric};
use wgvq::ndarray::{ArrayView2, Axis};
use wgvq::settings::Spelling;
use wgvq::{
    Batching, Codes, Context, EncodedBatch, Engine, Error, Evaluation, Model, Quantizer, Result, Vectors,
    decode_batches, encode_batches, io,
};

use crate::args::{Common, Data};
use crate::codes::{self, CodesFile};
use crate::figures::{Figures, LossOf};
use crate::progress::Progress;
use crate::settings::{ENCODE_SETTINGS, EncodeSettings};
use crate::{Verdict, interrupt, words};

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq eval vectors.npy -m rq.safetensors --codes codes.npy --max-mse 0.6")]
pub struct Eval {
    #[command(flatten)]
    pub data: Data,
    /// The model file
    #[arg(short, long, value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    #[command(flatten)]
    pub settings: EncodeSettings,
    /// Judge these codes instead of encoding anew
    #[arg(long, value_name = "CODES.npy", conflicts_with = ENCODE_SETTINGS)]
    pub codes: Option<PathBuf>,
    /// The norms whose mean of the errors is reported as aqe, by their orders
    #[arg(long, value_name = "ORDERS", value_delimiter = ',', value_parser = parse_order, default_values_t = Aqe::ORDERS)]
    pub norms: Vec<u32>,
    /// Exit with status 1 if the mean squared error is above this
    #[arg(long, value_parser = parse_threshold)]
    pub max_mse: Option<f64>,
}

pub fn run(command: &Eval, common: &Common) -> Result<Verdict> {
    let aqe = Aqe::new(command.norms.clone()).context(|| "--norms")?;
    let model = wgvq::load_as(&command.model, &command.settings.0, Spelling::Flag)?;
    let data = io::open_all(&command.data.data)?;
    let engine = common.engine()?;
    let mut norms = Norms { aqe, distance: MeanDistance::of(&*model.quantizer)? };
    let start = Instant::now();
    // What the codes would take range-coded, and take in their file.
    let mut coded = Writer::measure(codes::header(&model, Some(&engine), Method::Range))?;
    let mut stored = None;
    let found = match &command.codes {
        Some(path) => {
            let codes = CodesFile::open(path, &model)?;
            stored = Some(codes.stored_bits());
            judge_codes(&model, &engine, &data, &codes, &mut norms, &mut coded, common)?
        }
        None => judge_by(&*model.quantizer, &engine, &data, common, common.memory(), &mut norms, |batch| {
            coded.append(batch.codes.view())
        })?,
    };
    let distance = norms.distance;
    let coded = coded.finish()?;
    let seconds = start.elapsed().as_secs_f64();
    Figures::new(&engine, &*model.quantizer, &found, LossOf::Given, seconds)
        .with("metric", distance.as_ref().map(|distance| distance.metric.to_string()))
        .with("mean_distance", distance.as_ref().and_then(MeanDistance::mean))
        .with("range_coded_bits", coded.bits_per_vector())
        .with("stored_bits_per_vector", stored)
        .print(common)?;
    match command.max_mse {
        Some(limit) if found.distortion.mse() > limit => {
            words::complain(format_args!(
                "the mse {}, {}, is above --max-mse {limit}",
                found.distortion.mse(),
                LossOf::Given
            ));
            Ok(Verdict::Missed)
        }
        _ => Ok(Verdict::Done),
    }
}

/// [`judge_by`] no further norms than the squared error.
pub fn judge(
    quantizer: &dyn Quantizer,
    engine: &Engine,
    data: &dyn Vectors,
    common: &Common,
    memory: u64,
    sink: impl FnMut(&EncodedBatch) -> Result<()> + Send,
) -> Result<Evaluation> {
    let mut none = Norms { aqe: Aqe::new(Vec::new())?, distance: None };
    judge_by(quantizer, engine, data, common, memory, &mut none, sink)
}

/// Values that are decoded at a time.
const DECODED: usize = 1 << 16;

/// Bytes that this takes: codes and values, on the host and on the device, and as much that is kept for the next use.
pub const BESIDE: u64 = 2 * 4 * 4 * DECODED as u64;

/// What is added up of errors besides their squares.
#[derive(Default)]
pub struct Norms {
    aqe: Aqe,
    distance: Option<MeanDistance>,
}

impl Norms {
    fn is_empty(&self) -> bool {
        self.aqe.is_empty() && self.distance.is_none()
    }
}

/// The mean distance by the metric of a codebook that was trained by another than the squared distance.
struct MeanDistance {
    metric: Metric,
    sum: f64,
    rows: usize,
}

impl MeanDistance {
    fn of(quantizer: &dyn Quantizer) -> Result<Option<Self>> {
        let settings = quantizer.settings();
        let metric = settings.get("metric").and_then(|metric| metric.as_str()).map(str::parse).transpose()?;
        Ok(metric.map(|metric| Self { metric, sum: 0.0, rows: 0 }))
    }

    /// Adds the rows of `x` and what they decode to.
    fn add(&mut self, x: ArrayView2<f32>, decoded: ArrayView2<f32>) {
        let pairs = x.outer_iter().zip(decoded.outer_iter());
        self.sum += pairs.map(|(x, decoded)| self.metric.distance(x, decoded)).sum::<f64>();
        self.rows += x.nrows();
    }

    fn mean(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.sum / self.rows as f64)
    }
}

/// Encodes the data in batches that stay within `memory`, adds up what is lost, also by `norms`, for which the codes are
/// decoded, and passes each batch on to `sink`.
pub fn judge_by(
    quantizer: &dyn Quantizer,
    engine: &Engine,
    data: &dyn Vectors,
    common: &Common,
    memory: u64,
    norms: &mut Norms,
    mut sink: impl FnMut(&EncodedBatch) -> Result<()> + Send,
) -> Result<Evaluation> {
    let coder = quantizer.prepare(engine)?;
    let decoder = if norms.is_empty() { None } else { Some(quantizer.encoder(engine)?) };
    let mut found = Evaluation::new(&*coder);
    found.aqe = norms.aqe.clone();
    let mut progress = Progress::new(common, "encode", "vectors", data.len());
    // What is decoded lies beside the batches.
    let memory = if decoder.is_some() { memory.saturating_sub(BESIDE) } else { memory };
    let batching = Batching::within(memory, &*coder, engine);
    encode_batches(&*coder, engine, data, 0..data.len(), batching, |batch| {
        found.add_encoded(batch);
        if let Some(decoder) = &decoder {
            // A few at a time, beside which the batch is large.
            let rows = (DECODED / batch.x.ncols().max(1)).max(1);
            let parts = batch.x.axis_chunks_iter(Axis(0), rows);
            for (x, codes) in parts.zip(batch.codes.axis_chunks_iter(Axis(0), rows)) {
                let codes = Codes::new(codes.to_owned(), coder.codebook_sizes())?;
                let decoded = decoder.decode(&codes)?;
                found.aqe.add(x, decoded.view());
                if let Some(distance) = &mut norms.distance {
                    distance.add(x, decoded.view());
                }
            }
        }
        progress.add(batch.rows.len(), String::new());
        if interrupt::asked() {
            return Err(Error::cancelled("stopped; nothing was written"));
        }
        sink(batch)
    })?;
    progress.finish();
    Ok(found)
}

/// Decodes the codes and compares the result with the data, in float64.
fn judge_codes(
    model: &Model,
    engine: &Engine,
    data: &dyn Vectors,
    codes: &CodesFile,
    norms: &mut Norms,
    coded: &mut Writer,
    common: &Common,
) -> Result<Evaluation> {
    if codes.rows() != data.len() {
        return Err(Error::input(format!(
            "codes of {} vectors, and the data has {}",
            codes.rows(),
            data.len()
        )));
    }
    if model.quantizer.dim() != data.dim() {
        return Err(Error::input(format!(
            "the model has dimension {}, the data {}",
            model.quantizer.dim(),
            data.dim()
        )));
    }
    let coder = model.quantizer.prepare(engine)?;
    let mut found = Evaluation::new(&*coder);
    found.aqe = norms.aqe.clone();
    let mut progress = Progress::new(common, "eval", "vectors", data.len());
    let batching = Batching::within(common.memory(), &*coder, engine);
    let read = |rows| codes.read(rows);
    decode_batches(&*coder, engine, read, 0..data.len(), batching, |rows, codes, decoded| {
        let x = data.read_rows(rows.clone())?;
        progress.add(rows.len(), String::new());
        found.add_decoded(x.view(), codes, decoded);
        if let Some(distance) = &mut norms.distance {
            distance.add(x.view(), decoded);
        }
        coded.append(codes)
    })?;
    progress.finish();
    Ok(found)
}

fn parse_order(text: &str) -> Result<u32> {
    let order = text.parse().ok().filter(|order| (1..=Aqe::MOST).contains(order));
    order.ok_or_else(|| Error::input(format!("must be whole numbers of 1 to {}, such as 1,2", Aqe::MOST)))
}

fn parse_threshold(text: &str) -> Result<f64> {
    match text.parse::<f64>() {
        Ok(number) if !number.is_nan() => Ok(number),
        _ => Err(Error::input(format!("{text:?} is no number to hold an error against"))),
    }
}
