//! `wgvq equalize`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wgvq::{Equalized, Error, Projection, Result, Vectors, io};

use crate::args::{Common, Data, NamedOutputs};
use crate::figures::{Figures, LossOf};
use crate::settings::EqualizedSettings;
use crate::{Verdict, eval};

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  wgvq equalize curve.safetensors vectors.npy --by curve -o equal.safetensors"
)]
pub struct Equalize {
    /// A model of SFVQ
    pub model: PathBuf,
    #[command(flatten)]
    pub data: Data,
    /// The model file to write
    #[arg(short, long, value_name = "EQUALIZED.safetensors")]
    pub output: PathBuf,
    /// Codewords [default: as many as the curve has corners]
    #[arg(long, value_name = "K")]
    pub codewords: Option<usize>,
    #[command(flatten)]
    pub settings: EqualizedSettings,
}

/// Bytes beside each vector: its place on the curve, its number, its run, and what sorting takes.
const BESIDE: u64 = 28;

pub fn run(command: &Equalize, common: &Common) -> Result<Verdict> {
    let inputs = command.data.data.iter().chain([&command.model]);
    common.reads(inputs)?.writes_model(&command.output)?;
    let model = wgvq::load(&command.model)?;
    let spec = model.quantizer.spec();
    let Some(curve) = model.quantizer.curve() else {
        return Err(Error::input(format!(
            "{}: a model of {spec} has no curve; SFVQ has one (wgvq train --spec SFVQ6)",
            command.model.display()
        )));
    };
    let data = io::open_all(&command.data.data)?;
    let k = command.codewords.unwrap_or(curve.nrows());
    let (n, dim) = (data.len(), data.dim());
    let left = common.memory_beside(
        BESIDE * n as u64 + Projection::bytes(n, dim),
        format_args!("equalizing by {n} x {dim} vectors"),
        "take a part of them",
    )?;
    let engine = common.engine()?;
    let start = Instant::now();
    let equalized = Equalized::of(&engine, curve, &data, k)?;
    let is_by_curve = command.settings.0.get("by").is_some_and(|by| by == "curve");
    let equalized = if is_by_curve { equalized.by_curve() } else { equalized };
    let equalized = equalized.at_scale(model.quantizer.scale());
    let seconds = start.elapsed().as_secs_f64();
    let found = eval::judge(&*equalized, &engine, &data, common, left, |_| Ok(()))?;
    let record = json!({
        "trainer": "equalize",
        "of": spec.to_string(),
        "vectors": data.len(),
        "mse": found.distortion.mse(),
        "loss_of": LossOf::TrainedOn,
    });
    equalized.save(&command.output, common.force, record)?;
    Figures::new(&engine, &*equalized, &found, LossOf::TrainedOn, seconds)
        .with("by", equalized.settings()["by"].clone())
        .print(common)?;
    Ok(Verdict::Done)
}
