//! `wgvq eval`

use std::time::Instant;

use wgvq::io::IndexFile;
use wgvq::{Batching, Engine, Error, Evaluation, Model, Result, Vectors, decode_batches, encode_batches, io};

use crate::Verdict;
use crate::args::{Common, Eval};
use crate::decode::read_codes;
use crate::figures::Figures;
use crate::progress::Progress;

pub fn run(command: &Eval, common: &Common) -> Result<Verdict> {
    let model = wgvq::load(&command.model)?;
    let data = io::open_all(&command.data.data)?;
    let engine = common.engine()?;
    let start = Instant::now();
    let found = match &command.codes {
        Some(path) => {
            let codes = IndexFile::open(path)?;
            judge_codes(&model, &engine, &data, &codes, common)?
        }
        None => judge(&model, &engine, &data, common)?,
    };
    let seconds = start.elapsed().as_secs_f64();
    Figures::new(&engine, &*model.quantizer, &found, seconds).print(common)?;
    match command.max_mse {
        Some(limit) if found.distortion.mse() > limit => {
            eprintln!("wgvq: the mse {} is above --max-mse {limit}", found.distortion.mse());
            Ok(Verdict::Missed)
        }
        _ => Ok(Verdict::Done),
    }
}

/// Encodes the data and adds up what is lost.
fn judge(model: &Model, engine: &Engine, data: &dyn Vectors, common: &Common) -> Result<Evaluation> {
    let coder = model.quantizer.prepare(engine)?;
    let mut found = Evaluation::new(&coder.codebook_sizes());
    let mut progress = Progress::new(common, "eval", "vectors", data.len());
    let batching = Batching::within(common.memory(), &*coder);
    encode_batches(&*coder, engine, data, 0..data.len(), batching, |batch| {
        found.add_encoded(&batch);
        progress.add(batch.rows.len(), String::new());
        Ok(())
    })?;
    progress.finish();
    Ok(found)
}

/// Decodes the codes and compares the result with the data, in float64.
fn judge_codes(
    model: &Model,
    engine: &Engine,
    data: &dyn Vectors,
    codes: &IndexFile,
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
    let mut found = Evaluation::new(&coder.codebook_sizes());
    let mut progress = Progress::new(common, "eval", "vectors", data.len());
    let batching = Batching::within(common.memory(), &*coder);
    let read = |rows| read_codes(codes, rows);
    decode_batches(&*coder, engine, read, 0..data.len(), batching, |rows, codes, decoded| {
        let x = data.read_rows(rows.clone())?;
        progress.add(rows.len(), String::new());
        found.add_decoded(x.view(), codes, decoded);
        Ok(())
    })?;
    progress.finish();
    Ok(found)
}
