//! `wgvq privacy`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use wgvq::privacy::{Measure, Occurrence};
use wgvq::{Result, io};

use crate::Verdict;
use crate::args::{Common, Data, NamedOutputs};
use crate::figures::{LossOf, print_json};
use crate::settings::EncodeSettings;
use crate::stdout::say;
use crate::{eval, occurrence_plot, one_codebook};

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq privacy equal.safetensors vectors.npy --plot privacy.svg")]
pub struct Privacy {
    /// The model file, of one codebook
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub settings: EncodeSettings,
    /// Draw the counts of the codewords and how these are distributed
    #[arg(long, value_name = "PRIVACY.svg")]
    pub plot: Option<PathBuf>,
}

pub fn run(command: &Privacy, common: &Common) -> Result<Verdict> {
    let mut claims = common.reads(command.data.data.iter().chain([&command.model]))?;
    command.plot.iter().try_for_each(|path| claims.writes_picture(path))?;
    let model = one_codebook::load_with(&command.model, &command.settings.0)?;
    let data = io::open_all(&command.data.data)?;
    let engine = common.engine()?;
    let judged = eval::judge(&*model.quantizer, &engine, &data, common, common.memory(), |_| Ok(()))?;
    let counts = judged.usage[0].counts();
    let found = Occurrence::of(counts)?;
    let (mse, relative) = (judged.distortion.mse(), judged.distortion.relative_mse());
    let spec = model.quantizer.spec().to_string();
    if let Some(path) = &command.plot {
        occurrence_plot::draw(
            path,
            common.force,
            &format!("{spec}, {} vectors", data.rows()),
            counts,
            &found,
        )?;
    }
    if common.json {
        print_json(&json!({
            "spec": spec,
            "n": data.rows(),
            "dim": data.dim(),
            "mse": mse,
            "relative_mse": relative,
            "loss_of": LossOf::Given,
            "occurrence": found,
            "counts": counts,
            "device": engine.name(),
        }))?;
        return Ok(Verdict::Done);
    }
    say!(
        "{spec}: {} vectors on {} codewords, mse {mse:.6}, {}",
        found.vectors,
        found.codewords,
        LossOf::Given
    );
    say!("{:<28} {:>12} {:>14}", "", "found", "uniform code");
    let row = |name: &str, Measure { found, ideal }: Measure| say!("{name:<28} {found:>12.4} {ideal:>14.4}");
    row("standard deviation", found.standard_deviation);
    row("KL divergence, bits", found.divergence);
    row("sparseness l2/l1", found.sparseness);
    row("worst-case disclosure, bits", found.worst_case);
    row("mean disclosure, bits", found.mean);
    Ok(Verdict::Done)
}
