//! `wgvq equalize`

use std::time::Instant;

use serde_json::json;
use wgvq::{Equalized, Error, Evaluation, Result, Vectors, io};

use crate::Verdict;
use crate::args::{Common, Equalize, NamedOutputs};
use crate::figures::Figures;

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
    let engine = common.engine()?;
    let start = Instant::now();
    let equalized = Equalized::of(&engine, curve, &data, k)?.by(command.by).at_scale(model.quantizer.scale());
    let seconds = start.elapsed().as_secs_f64();
    let found = Evaluation::of(&*equalized.prepare(&engine)?, &engine, &data)?;
    let record = json!({
        "trainer": "equalize",
        "of": spec.to_string(),
        "vectors": data.len(),
        "mse": found.distortion.mse(),
    });
    equalized.save(&command.output, common.force, record)?;
    Figures::new(&engine, &*equalized, &found, seconds).with("by", command.by.to_string()).print(common)?;
    Ok(Verdict::Done)
}
