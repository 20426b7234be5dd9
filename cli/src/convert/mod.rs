//! `wgvq convert`: models here, indexes in a file of their own.

mod index;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use wgvq::coding::Method;
use wgvq::faiss::{Reader, Writer};
use wgvq::io::finish_together;
use wgvq::{Context, Error, Result};

use crate::args::{Common, NamedOutputs};
use crate::codes::{self, CodesFile, CodesWriter, blocks, check_name, has_extension};
use crate::figures::print_json;
use crate::index::EXTENSION;
use crate::progress::Progress;
use crate::stdout::say;
use crate::{Verdict, interrupt};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq convert opq.safetensors codes.npy -o opq.faiss\n  wgvq convert opq.faiss -o opq.safetensors --codes codes.npy\n  wgvq convert base.wgvqi -o base.faiss\n  wgvq convert ivf.faiss -o ivf.wgvqi\n\nWhat goes to FAISS, and what comes from there: VQ, PQ, RQ, PRQ, LSQ, PLSQ, SQ of whole numbers, OPQ and RR before them, and indexes of these."
)]
pub struct Convert {
    /// A model, an index of wgvq, or an index file of FAISS
    #[arg(value_name = "MODEL.safetensors|NAME.wgvqi|INDEX.faiss")]
    pub input: PathBuf,
    /// The codes of a model's vectors, to go into the index
    #[arg(value_name = "CODES")]
    pub of: Option<PathBuf>,
    /// What to write: an index file of FAISS; of one a model if the name ends in .safetensors, or an index if it ends in .wgvqi
    #[arg(short, long, value_name = "INDEX.faiss|MODEL.safetensors|NAME.wgvqi")]
    pub output: PathBuf,
    /// Write the codes of an index too
    #[arg(long, value_name = "CODES.npy|CODES.wgvq|CODES.parquet|CODES.arrow")]
    pub codes: Option<PathBuf>,
}

/// The extension of models.
const MODEL: &str = "safetensors";

/// The extensions that FAISS's files have.
const INDEX: [&str; 2] = ["faiss", "index"];

pub fn run(command: &Convert, common: &Common) -> Result<Verdict> {
    if has_extension(&command.output, MODEL) {
        return from_faiss(command, common);
    }
    if has_extension(&command.output, EXTENSION) {
        return index::from_faiss(command, common);
    }
    if INDEX.iter().any(|extension| has_extension(&command.output, extension)) {
        let is_index = command.input.is_dir() || has_extension(&command.input, EXTENSION);
        return if is_index { index::to_faiss(command, common) } else { to_faiss(command, common) };
    }
    Err(Error::input(format!(
        "{}: the name ends in .{MODEL} for a model, in .{EXTENSION} for an index, or in .{} for an index of FAISS",
        command.output.display(),
        INDEX.join(" or .")
    )))
}

fn to_faiss(command: &Convert, common: &Common) -> Result<Verdict> {
    if command.codes.is_some() {
        return Err(Error::input(
            "--codes is where the codes of an index go; those of a model stand behind it: wgvq convert MODEL CODES -o INDEX",
        ));
    }
    common.reads(command.of.iter().chain([&command.input]))?.writes(&command.output)?;
    let model = wgvq::load(&command.input)?;
    let of = command.of.as_ref().map(|path| CodesFile::open(path, &model)).transpose()?;
    let start = Instant::now();
    let rows = of.as_ref().map(CodesFile::rows);
    let context = || command.input.display();
    let mut writer = Writer::create(&command.output, &model, rows, common.force).context(context)?;
    if let (Some(path), Some(file)) = (&command.of, &of) {
        copy(common, file.rows(), model.quantizer.codebook_sizes().len(), |rows| {
            writer.append(file.read(rows)?.view()).context(|| path.display())
        })?;
    }
    writer.finish()?;
    report(
        common,
        json!({
            "spec": model.quantizer.spec().to_string(),
            "dim": model.quantizer.dim(),
            "codes": rows,
            "index": Reader::open(&command.output)?.name(),
            "seconds": start.elapsed().as_secs_f64(),
        }),
    )
}

fn from_faiss(command: &Convert, common: &Common) -> Result<Verdict> {
    if let Some(codes) = &command.of {
        return Err(Error::input(format!(
            "{}: an index has codes of its own; --codes says where they go",
            codes.display()
        )));
    }
    let mut claims = common.reads([&command.input])?;
    claims.writes_model(&command.output)?;
    if let Some(path) = &command.codes {
        claims.writes(path)?;
        check_name(path)?;
    }
    let start = Instant::now();
    let reader = Reader::open(&command.input)?;
    let quantizer = reader.quantizer();
    if command.codes.is_some() && reader.rows().unwrap_or_default() == 0 {
        return Err(Error::input(format!(
            "{}: {} has no codes; leave --codes out",
            command.input.display(),
            reader.name()
        )));
    }
    let (model, hash) = reader.begin_model(&command.output, common.force)?;
    if let (Some(path), Some(rows)) = (&command.codes, reader.rows()) {
        let header = codes::header_of(quantizer, hash, None, Method::Range);
        let mut writer = CodesWriter::create(path, header, rows, common.force)?;
        copy(common, rows, quantizer.codebook_sizes().len(), |rows| writer.append(&reader.read(rows)?))?;
        // No model is to be beside the codes of another: plain ones do not say whose they are.
        finish_together([model, writer.complete()?])?;
    } else {
        model.finish()?;
    }
    report(
        common,
        json!({
            "spec": quantizer.spec().to_string(),
            "dim": quantizer.dim(),
            "codes": reader.rows(),
            "codes_written": command.codes.is_some(),
            "index": reader.name(),
            "metric": if reader.is_by_inner_product() { "ip" } else { "l2" },
            "seconds": start.elapsed().as_secs_f64(),
        }),
    )
}

/// Hands all rows of codes to `each`, block by block.
fn copy(
    common: &Common,
    rows: usize,
    columns: usize,
    mut each: impl FnMut(std::ops::Range<usize>) -> Result<()>,
) -> Result<()> {
    let mut progress = Progress::new(common, "convert", "vectors", rows);
    for block in blocks(rows, columns) {
        if interrupt::asked() {
            return Err(Error::cancelled("stopped; nothing was written"));
        }
        let n = block.len();
        each(block)?;
        progress.add(n, String::new());
    }
    progress.finish();
    Ok(())
}

fn report(common: &Common, facts: Value) -> Result<Verdict> {
    if common.json {
        print_json(&facts)?;
    } else if !common.quiet {
        let codes = match (facts["codes"].as_u64(), &facts["codes_written"]) {
            (Some(n @ 1..), Value::Bool(false)) => {
                format!("; the codes of {n} vectors were left out (--codes)")
            }
            (Some(n @ 1..), _) => format!(" and the codes of {n} vectors"),
            _ => String::new(),
        };
        let by = if facts["metric"] == "ip" { ", by inner product: search with --metric ip" } else { "" };
        let text = |key: &str| facts[key].as_str().unwrap_or_default().to_string();
        say!("{} = {}, {} dimensions{codes}{by}", text("spec"), text("index"), facts["dim"]);
    }
    Ok(Verdict::Done)
}
