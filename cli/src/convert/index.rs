//! An index, whose lists go to FAISS and come from there.

use std::time::Instant;

use serde_json::{Value, json};
use wgvq::faiss::{ListsReader, write_lists};
use wgvq::index::{Index, Refinement};
use wgvq::metrics::Metric;
use wgvq::{Error, Result};

use super::Convert;
use crate::Verdict;
use crate::args::Common;
use crate::figures::print_json;
use crate::index::{keep_out, watch};
use crate::stdout::say;

/// Bytes of an id, and of what finding repeated ones takes beside it.
const ID_BYTES: u64 = 16;

pub fn to_faiss(command: &Convert, common: &Common) -> Result<Verdict> {
    let folder = command.input.display();
    if let Some(codes) = command.of.as_ref().or(command.codes.as_ref()) {
        return Err(Error::input(format!(
            "{}: the codes of an index are in its folder {folder}",
            codes.display()
        )));
    }
    let mut claims = common.reads([&command.input])?;
    claims.writes(&command.output)?;
    let start = Instant::now();
    let index = Index::open(&command.input)?;
    keep_out(&command.output, &command.input)?;
    let name = write_lists(&command.output, &index, common.force, watch(common, "convert", "vectors"))?;
    let left_out = left_out(&index);
    if let Some(left_out) = &left_out {
        log::warn!("{left_out} left out: FAISS's {name} has codes alone, and finds what they find");
    }
    report(common, &index, name, left_out.as_ref(), start)
}

pub fn from_faiss(command: &Convert, common: &Common) -> Result<Verdict> {
    let output = command.output.display();
    if command.of.is_some() || command.codes.is_some() {
        return Err(Error::input(format!(
            "{output}: an index has its codes in its folder; leave other files of codes out"
        )));
    }
    let start = Instant::now();
    let reader = ListsReader::open(&command.input)?;
    let (name, rows) = (reader.name(), reader.rows());
    let memory = common.memory_beside(
        ID_BYTES * rows as u64,
        format_args!("the ids of {rows} vectors"),
        "convert an index of fewer vectors",
    )?;
    let index = reader.write(&command.output, memory, common.force, watch(common, "convert", "vectors"))?;
    report(common, &index, name, None, start)
}

/// What FAISS has no place for.
fn left_out(index: &Index) -> Option<String> {
    let refinement = index.info().refine;
    let refinement =
        (refinement != Refinement::None.to_string()).then(|| format!("what refines by {refinement}"));
    let curve = index.curve().map(|_| "the recall that was measured".to_string());
    let columns = (!index.columns().is_empty()).then(|| "the columns that are kept".to_string());
    let all: Vec<String> = refinement.into_iter().chain(curve).chain(columns).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn report(
    common: &Common,
    index: &Index,
    name: &str,
    left_out: Option<&String>,
    start: Instant,
) -> Result<Verdict> {
    let (spec, dim, vectors) = (index.spec(), index.dim(), index.len());
    if common.json {
        print_json(&json!({
            "spec": spec.to_string(),
            "dim": dim,
            "vectors": vectors,
            "index": name,
            "metric": index.metric().to_string(),
            "left_out": left_out.map_or(Value::Null, |left_out| json!(left_out)),
            "seconds": start.elapsed().as_secs_f64(),
        }))?;
    } else if !common.quiet {
        let by = match index.metric() {
            Metric::InnerProduct => ", by inner product",
            Metric::Cosine => ", by the cosine",
            _ => "",
        };
        say!("{spec} = {name}, {vectors} vectors of {dim} dimensions{by}");
    }
    Ok(Verdict::Done)
}
