//! `wgvq repack`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wgvq::coding::{Header, Method};
use wgvq::{Context, Error, Result};

use crate::args::Common;
use crate::codes::{self, CodesFile, CodesWriter, PACKED, blocks, check_name, has_extension};
use crate::figures::print_json;
use crate::progress::Progress;
use crate::stdout::say;
use crate::{Verdict, interrupt};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq repack codes.npy -m rq.safetensors -o codes.wgvq\n  wgvq repack codes.wgvq -o codes.parquet"
)]
pub struct Repack {
    /// The codes: .npy, .npz, .ivecs, .ibin, .wgvq, .parquet, .arrow or .feather
    pub codes: PathBuf,
    /// The file to write: plain integers, packed codes, or a table with a byte string for each vector
    #[arg(short, long, value_name = "CODES.npy|CODES.wgvq|CODES.parquet|CODES.arrow")]
    pub output: PathBuf,
    /// The model that the codes are of; plain codes do not say by themselves how large its codebooks are
    #[arg(short, long, value_name = "MODEL.safetensors")]
    pub model: Option<PathBuf>,
    /// How to pack .wgvq: packed, huffman or range
    #[arg(long, value_name = "METHOD")]
    pub pack: Option<Method>,
}

pub fn run(command: &Repack, common: &Common) -> Result<Verdict> {
    common.reads(command.model.iter().chain([&command.codes]))?.writes(&command.output)?;
    check_name(&command.output)?;
    let shown = command.codes.display();
    let is_packed = has_extension(&command.output, PACKED);
    if command.pack.is_some() && !is_packed {
        let output = command.output.display();
        return Err(Error::input(format!("--pack: {output}: the name of packed codes ends in .{PACKED}")));
    }
    let model = command.model.as_ref().map(wgvq::load).transpose()?;
    let file = match &model {
        Some(model) => CodesFile::open(&command.codes, model)?,
        None => CodesFile::open_alone(&command.codes)?,
    };
    let header = match (file.header(), &model) {
        (Some(header), _) => header.clone(),
        (None, Some(model)) => codes::header(model, None, Method::Range),
        (None, None) => {
            return Err(Error::input(format!(
                "{shown}: plain codes do not say how large their codebooks are; name the model by -m MODEL"
            )));
        }
    };
    let header = Header { method: command.pack.unwrap_or(Method::Range), ..header };
    let (n, m) = (file.rows(), header.codebook_sizes.len());
    let start = Instant::now();
    let mut writer = CodesWriter::create(&command.output, header.clone(), n, common.force)?;
    let mut progress = Progress::new(common, "repack", "vectors", n);
    for rows in blocks(n, m) {
        if interrupt::asked() {
            return Err(Error::cancelled("stopped; nothing was written"));
        }
        let first = rows.start;
        let read = file.read(rows)?;
        // Plain codes were never checked.
        let found = wgvq::Codes::new(read, header.codebook_sizes.clone());
        let found = found.context(|| format!("{shown}: counted from row {first} on"))?;
        writer.append(&found.view().to_owned())?;
        progress.add(found.len(), String::new());
    }
    writer.finish()?;
    progress.finish();
    let bytes = |path: &PathBuf| std::fs::metadata(path).map(|found| found.len()).context(|| path.display());
    let (before, after) = (bytes(&command.codes)?, bytes(&command.output)?);
    if common.json {
        print_json(&json!({
            "n": n,
            "spec": header.spec,
            "bytes_before": before,
            "bytes": after,
            "seconds": start.elapsed().as_secs_f64(),
        }))?;
    } else if !common.quiet {
        say!("the codes of {n} vectors by {}: {before} bytes, now {after}", header.spec);
    }
    Ok(Verdict::Done)
}
