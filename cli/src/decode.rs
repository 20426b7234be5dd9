//! `wgvq decode`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use wgvq::io::RowWriter;
use wgvq::{Batching, Error, Result, decode_batches};

use crate::args::Common;
use crate::codes::CodesFile;
use crate::figures::print_json;
use crate::progress::Progress;
use crate::stdout::say;
use crate::{Verdict, interrupt};

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq decode codes.wgvq -m rq.safetensors -o decoded.npy")]
pub struct Decode {
    /// The codes file
    pub codes: PathBuf,
    /// The model file
    #[arg(short, long, value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// The vectors file to write: .npy or .fvecs, f32
    #[arg(short, long, value_name = "OUT.npy")]
    pub output: PathBuf,
}

pub fn run(command: &Decode, common: &Common) -> Result<Verdict> {
    common.reads([&command.codes, &command.model])?.writes(&command.output)?;
    let model = wgvq::load(&command.model)?;
    let codes = CodesFile::open(&command.codes, &model)?;
    let (n, dim) = (codes.rows(), model.quantizer.dim());
    let engine = common.engine()?;
    let coder = model.quantizer.prepare(&engine)?;
    let mut out = RowWriter::<f32>::create(&command.output, n, dim, common.force)?;

    let mut progress = Progress::new(common, "decode", "vectors", n);
    let start = Instant::now();
    let batching = Batching::within(common.memory(), &*coder, &engine);
    decode_batches(
        &*coder,
        &engine,
        |rows| codes.read(rows),
        0..n,
        batching,
        |rows, _, decoded| {
            out.append(decoded.as_slice().expect("decoded rows are contiguous"))?;
            progress.add(rows.len(), String::new());
            if interrupt::asked() && rows.end < n {
                return Err(Error::cancelled("stopped; nothing was written"));
            }
            Ok(())
        },
    )?;
    out.finish()?;
    progress.finish();
    let seconds = start.elapsed().as_secs_f64();
    if common.json {
        print_json(&serde_json::json!({
            "spec": model.quantizer.spec().to_string(),
            "n": n,
            "dim": dim,
            "seconds": seconds,
            "vectors_per_second": n as f64 / seconds,
            "device": engine.name(),
        }))?;
    } else if !common.quiet {
        say!("{n} vectors × {dim} in {seconds:.3} s on {}", engine.name());
    }
    Ok(Verdict::Done)
}
