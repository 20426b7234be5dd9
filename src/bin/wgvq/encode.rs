//! `wgvq encode`

use std::path::Path;
use std::time::Instant;

use wgvq::io::RowWriter;
use wgvq::{Batching, Error, Evaluation, Model, Result, Vectors, encode_batches, io};

use crate::args::{Common, Encode};
use crate::figures::Figures;
use crate::progress::Progress;
use crate::{Verdict, interrupt};

pub fn run(command: &Encode, common: &Common) -> Result<Verdict> {
    let inputs = command.data.data.iter().map(std::path::Path::new);
    common.check_output(&command.output, inputs.chain([command.model.as_path()]))?;
    let model = wgvq::load(&command.model)?;
    let data = io::open_all(&command.data.data)?;
    let engine = common.engine()?;
    let coder = model.quantizer.prepare(&engine)?;
    let mut out = Writer::open(command, common, &model, &data, engine.name())?;
    interrupt::listen()?;

    let done = out.written();
    let mut progress = Progress::new(common, "encode", "vectors", data.len());
    progress.skip(done);
    let mut found = Evaluation::new(&coder.codebook_sizes());
    let batching = Batching::within(common.memory(), &*coder);
    let start = Instant::now();
    let encoded = encode_batches(&*coder, &engine, &data, done..data.len(), batching, |batch| {
        out.append(&batch.codes)?;
        found.add_encoded(&batch);
        progress.add(batch.rows.len(), String::new());
        if interrupt::asked() && batch.rows.end < data.len() {
            return Err(Error::cancelled(format!(
                "stopped after {} of {} vectors; the same command with --resume goes on",
                batch.rows.end,
                data.len()
            )));
        }
        Ok(())
    });
    if let Err(error) = encoded {
        if out.written() == 0 {
            out.discard();
        }
        return Err(error);
    }
    out.finish()?;
    progress.finish();
    let seconds = start.elapsed().as_secs_f64();
    let figures = Figures::new(&engine, &*model.quantizer, &found, seconds);
    // The figures are those of the vectors that this run has encoded.
    if done > 0 { figures.with("resumed_at", done) } else { figures }.print(common)?;
    Ok(Verdict::Done)
}

/// The codes file, in the narrowest integers that hold every code.
enum Writer {
    U8(RowWriter<u8>),
    U16(RowWriter<u16>),
    U32(RowWriter<u32>),
}

impl Writer {
    fn open(
        command: &Encode,
        common: &Common,
        model: &Model,
        data: &dyn Vectors,
        device: &str,
    ) -> Result<Self> {
        let sizes = model.quantizer.codebook_sizes();
        let shape = (data.len(), sizes.len());
        // Codes of another model, of other files or from another device are never continued.
        let names = command.data.data.join(" ");
        let (n, d) = (data.len(), data.dim());
        let job = format!("codes of {names}, {n} × {d}, by the model {} on {device}", model.hash);
        let (path, force) = (command.output.as_path(), common.force);
        Ok(match sizes.into_iter().max().unwrap_or(1) {
            0..=0x100 => Writer::U8(open(path, shape, force, &job, command.resume)?),
            0x101..=0x1_0000 => Writer::U16(open(path, shape, force, &job, command.resume)?),
            _ => Writer::U32(open(path, shape, force, &job, command.resume)?),
        })
    }

    fn discard(self) {
        match self {
            Writer::U8(writer) => writer.discard(),
            Writer::U16(writer) => writer.discard(),
            Writer::U32(writer) => writer.discard(),
        }
    }

    /// Rows that are written, by an earlier run too.
    fn written(&self) -> usize {
        match self {
            Writer::U8(writer) => writer.written(),
            Writer::U16(writer) => writer.written(),
            Writer::U32(writer) => writer.written(),
        }
    }

    fn append(&mut self, codes: &wgvq::ndarray::Array2<u32>) -> Result<()> {
        match self {
            Writer::U8(writer) => writer.append(&codes.iter().map(|&code| code as u8).collect::<Vec<_>>()),
            Writer::U16(writer) => writer.append(&codes.iter().map(|&code| code as u16).collect::<Vec<_>>()),
            Writer::U32(writer) => writer.append(&codes.iter().copied().collect::<Vec<_>>()),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Writer::U8(writer) => writer.finish(),
            Writer::U16(writer) => writer.finish(),
            Writer::U32(writer) => writer.finish(),
        }
    }
}

fn open<T: io::RowElement>(
    path: &Path,
    (rows, columns): (usize, usize),
    force: bool,
    job: &str,
    resume: bool,
) -> Result<RowWriter<T>> {
    if resume {
        RowWriter::resume(path, rows, columns, force, job)
    } else {
        RowWriter::create_resumable(path, rows, columns, force, job)
    }
}
