//! `wgvq encode`

use std::time::Instant;

use wgvq::coding::Method;
use wgvq::{Batching, Error, Evaluation, Result, Vectors, encode_batches, io};

use crate::args::{Common, Encode};
use crate::codes::{CodesWriter, Job, PACKED};
use crate::figures::Figures;
use crate::progress::Progress;
use crate::{Verdict, interrupt};

pub fn run(command: &Encode, common: &Common) -> Result<Verdict> {
    common.check_output(&command.output, command.data.data.iter().chain([&command.model]))?;
    let model = wgvq::load_with(&command.model, &command.search.settings())?;
    let data = io::open_all(&command.data.data)?;
    let engine = common.engine()?;
    let coder = model.quantizer.prepare(&engine)?;
    let packed = command.output.extension().is_some_and(|extension| extension == PACKED);
    let job = Job {
        path: &command.output,
        force: common.force,
        resume: command.resume,
        pack: command.pack.or(packed.then_some(Method::Range)),
        names: format!("{:?}", command.data.data),
    };
    let mut out = CodesWriter::open(&job, &model, &data, &engine)?;

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
    let stored = out.finish()?;
    progress.finish();
    let seconds = start.elapsed().as_secs_f64();
    let mut figures = Figures::new(&engine, &*model.quantizer, &found, seconds);
    if let Some(bits) = stored {
        figures = figures.with("stored_bits_per_vector", bits);
    }
    // The figures are those of the vectors that this run has encoded.
    if done > 0 { figures.with("resumed_at", done) } else { figures }.print(common)?;
    Ok(Verdict::Done)
}
