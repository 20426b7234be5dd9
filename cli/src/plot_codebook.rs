//! `wgvq plot codebook`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use wgvq::{Result, Vectors, io};

use crate::Verdict;
use crate::args::{Common, NamedOutputs};
use crate::figures::print_json;
use crate::plot_plane::Plane;
use crate::stdout::say;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq plot codebook vq.safetensors plane.npy")]
pub struct PlotCodebook {
    /// The model file, of vectors of two dimensions
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// Vectors to draw: files as `train` takes them
    #[arg(value_name = "DATA")]
    pub data: Vec<PathBuf>,
    /// The picture to write [default: MODEL.svg]
    #[arg(short, long, value_name = "MODEL.svg")]
    pub output: Option<PathBuf>,
}

pub fn run(command: &PlotCodebook, common: &Common) -> Result<Verdict> {
    let output = command.output.clone().unwrap_or_else(|| command.model.with_extension("svg"));
    common.reads(command.data.iter().chain([&command.model]))?.writes_picture(&output)?;
    let quantizer = wgvq::load(&command.model)?.quantizer;
    let data = if command.data.is_empty() { None } else { Some(io::open_all(&command.data)?) };
    let data = data.as_ref().map(|data| data as &dyn Vectors);
    let plane = Plane::of(&*quantizer, &common.engine()?, data)?;
    report(&plane, &quantizer.spec().to_string(), &output, common)
}

/// Draws `plane` as the picture of `spec`, and says so.
pub fn report(plane: &Plane, spec: &str, output: &Path, common: &Common) -> Result<Verdict> {
    plane.draw(output, common.force, spec)?;
    if common.json {
        print_json(&json!({
            "plot": output.display().to_string(),
            "spec": spec,
            "points": plane.seen(&plane.points).count(),
            "truncated": plane.seen(&plane.others).count(),
            "vectors": plane.vectors.len(),
        }))?;
    } else {
        say!("{}", output.display());
    }
    Ok(Verdict::Done)
}
