//! `wgvq encode`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use wgvq::coding::Method;
use wgvq::io::{self, Output};
use wgvq::settings::Spelling;
use wgvq::{Batching, Error, ErrorKind, Evaluation, Result, Vectors, encode_batches};

use crate::args::{Common, Data};
use crate::codes::{CodesWriter, Destination, PACKED, has_extension};
use crate::figures::{Figures, LossOf};
use crate::progress::Progress;
use crate::settings::EncodeSettings;
use crate::{Verdict, interrupt};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq encode vectors.npy -m rq.safetensors -o codes.npy\n  wgvq encode parts/*.parquet:embedding -m rq.safetensors --beam 16 -o codes.wgvq"
)]
pub struct Encode {
    #[command(flatten)]
    pub data: Data,
    /// The model file
    #[arg(short, long, value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// The codes file to write: (n, m) unsigned integers, or packed if the name ends in .wgvq
    #[arg(short, long, value_name = "CODES.npy|CODES.wgvq")]
    pub output: PathBuf,
    #[command(flatten)]
    pub settings: EncodeSettings,
    /// Pack the codes into a checked container: packed, huffman or range
    #[arg(long, value_name = "METHOD", num_args = 0..=1, require_equals = true, default_missing_value = "range")]
    pub pack: Option<Method>,
    /// Go on where an interrupted run of the same command stopped
    #[arg(long)]
    pub resume: bool,
}

pub fn run(command: &Encode, common: &Common) -> Result<Verdict> {
    let mut claims = common.reads(command.data.data.iter().chain([&command.model]))?;
    claims.writes(&command.output)?;
    let packed = has_extension(&command.output, PACKED);
    if packed {
        if command.resume {
            return Err(Error::input(
                "--resume: packed codes are written in one go; encode to .npy, or without --resume",
            ));
        }
    } else {
        if command.pack.is_some() {
            let output = command.output.display();
            return Err(Error::input(format!(
                "--pack: {output}: the name of packed codes ends in .{PACKED}"
            )));
        }
        Output::unfinished_names(&command.output).iter().try_for_each(|path| claims.keeps(path))?;
    }
    let model = wgvq::load_as(&command.model, &command.settings.0, Spelling::Flag)?;
    let data = io::open_all(&command.data.data)?;
    let engine = common.engine()?;
    let coder = model.quantizer.prepare(&engine)?;
    let destination = Destination {
        path: &command.output,
        force: common.force,
        resume: command.resume,
        pack: packed.then(|| command.pack.unwrap_or(Method::Range)),
    };
    let files = &command.data.data;
    let mut out = CodesWriter::open(&destination, &model, &engine, &data, files)?;

    let done = out.written();
    let mut progress = Progress::new(common, "encode", "vectors", data.len());
    progress.skip(done);
    let mut found = Evaluation::new(&*coder);
    let batching = Batching::within(common.memory(), &*coder, &engine);
    let start = Instant::now();
    let encoded = encode_batches(&*coder, &engine, &data, done..data.len(), batching, |batch| {
        out.append(&batch.codes)?;
        found.add_encoded(batch);
        progress.add(batch.rows.len(), String::new());
        if interrupt::asked() && batch.rows.end < data.len() {
            let (done, all) = (batch.rows.end, data.len());
            return Err(Error::cancelled(format!("stopped after {done} of {all} vectors")));
        }
        Ok(())
    });
    if let Err(error) = encoded {
        // Other data is another job: only what came from outside leaves something to go on with.
        let resumable = matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Io | ErrorKind::Device);
        if resumable && !packed && out.written() > 0 {
            return Err(Error::new(error.kind(), format!("{error}; the same command with --resume goes on")));
        }
        out.discard();
        return Err(error);
    }
    let stored = out.finish()?;
    progress.finish();
    let seconds = start.elapsed().as_secs_f64();
    let mut figures = Figures::new(&engine, &*model.quantizer, &found, LossOf::Encoded, seconds);
    if let Some(bits) = stored {
        figures = figures.with("stored_bits_per_vector", bits);
    }
    // The figures are those of the vectors that this run has encoded.
    if done > 0 { figures.with("resumed_at", done) } else { figures }.print(common)?;
    Ok(Verdict::Done)
}
