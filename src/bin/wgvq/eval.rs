//! `wgvq eval`

use std::time::Instant;

use wgvq::io::IndexFile;
use wgvq::metrics::{Distortion, Usage};
use wgvq::{Batching, Engine, Error, Model, Result, Vectors, decode_batches, encode_batches, io};

use crate::Verdict;
use crate::args::{Common, Eval};
use crate::decode::read_codes;
use crate::figures::{Figures, Loss};
use crate::progress::Progress;

pub fn run(command: &Eval, common: &Common) -> Result<Verdict> {
    let model = wgvq::load(&command.model)?;
    let data = io::open_all(&command.data.data)?;
    let engine = common.engine()?;
    let start = Instant::now();
    let (distortion, usage) = match &command.codes {
        Some(path) => {
            let codes = IndexFile::open(path)?;
            judge_codes(&model, &engine, &data, &codes, common)?
        }
        None => judge(&model, &engine, &data, common)?,
    };
    let seconds = start.elapsed().as_secs_f64();
    Figures::new(&engine, &*model.quantizer, Loss::from(&distortion), &usage, seconds).print(common)?;
    match command.max_mse {
        Some(limit) if distortion.mse() > limit => {
            eprintln!("wgvq: the mse {} is above --max-mse {limit}", distortion.mse());
            Ok(Verdict::Missed)
        }
        _ => Ok(Verdict::Done),
    }
}

/// Encodes the data and adds up what is lost.
fn judge(
    model: &Model,
    engine: &Engine,
    data: &dyn Vectors,
    common: &Common,
) -> Result<(Distortion, Vec<Usage>)> {
    let coder = model.quantizer.prepare(engine)?;
    let mut tally = Tally::new(&coder.codebook_sizes(), common, data.len());
    let batching = Batching::within(common.memory(), data.dim());
    encode_batches(&*coder, engine, data, 0..data.len(), batching, |batch| {
        tally.count(&batch.codes.view());
        tally.distortion.add_errors(batch.x.view(), batch.distances.iter().map(|&error| error.into()));
        Ok(())
    })?;
    Ok(tally.finish())
}

/// Decodes the codes and compares the result with the data, in float64.
fn judge_codes(
    model: &Model,
    engine: &Engine,
    data: &dyn Vectors,
    codes: &IndexFile,
    common: &Common,
) -> Result<(Distortion, Vec<Usage>)> {
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
    let mut tally = Tally::new(&coder.codebook_sizes(), common, data.len());
    let batching = Batching::within(common.memory(), data.dim());
    let read = |rows| read_codes(codes, rows);
    decode_batches(&*coder, engine, read, 0..data.len(), batching, |rows, codes, decoded| {
        let x = data.read_rows(rows)?;
        tally.count(&codes);
        tally.distortion.add(x.view(), decoded);
        Ok(())
    })?;
    Ok(tally.finish())
}

/// What adds up over the batches.
struct Tally {
    distortion: Distortion,
    usage: Vec<Usage>,
    progress: Progress,
}

impl Tally {
    fn new(codebook_sizes: &[usize], common: &Common, n: usize) -> Self {
        Self {
            distortion: Distortion::default(),
            usage: codebook_sizes.iter().map(|&k| Usage::new(k)).collect(),
            progress: Progress::new(common, "eval", "vectors", n),
        }
    }

    fn count(&mut self, codes: &wgvq::ndarray::ArrayView2<u32>) {
        for (usage, column) in self.usage.iter_mut().zip(codes.columns()) {
            usage.add(column.iter().copied());
        }
        self.progress.add(codes.nrows(), String::new());
    }

    fn finish(self) -> (Distortion, Vec<Usage>) {
        self.progress.finish();
        (self.distortion, self.usage)
    }
}
