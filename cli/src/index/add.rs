//! `wgvq index add`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wgvq::{Result, Vectors, index, io};

use super::ids::Given;
use super::keep::Kept;
use super::{Which, watch};
use crate::Verdict;
use crate::args::{Common, Data};
use crate::figures::print_json;
use crate::stdout::say;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq index add base.wgvqi more.npy --ids more-ids.npy --replace")]
pub struct Add {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    data: Data,
    /// The vectors' ids: a file of one per row (.npy .parquet:column .txt), or a column of DATA [default: the next numbers]
    #[arg(long, value_name = "FILE|COLUMN")]
    ids: Option<PathBuf>,
    /// Where a column is that the index keeps, if not in DATA under its name: [NAME=]FILE.parquet:column, or the lines of [NAME=]FILE.txt
    #[arg(long, value_name = "COLUMN|[NAME=]FILE")]
    keep: Vec<String>,
    /// Vectors with ids that are there already replace those that have them
    #[arg(long)]
    replace: bool,
}

pub fn run(command: &Add, common: &Common) -> Result<Verdict> {
    let mut index = command.which.open()?;
    let data = io::open_all(&command.data.data)?;
    let ids = Given::read(command.ids.as_ref(), &command.data.data, data.len(), common)?;
    let kept = Kept::read_all(&command.keep, index.columns(), &command.data.data, ids.memory)?;
    let engine = common.engine()?;
    let start = Instant::now();
    let how = index::Add::default()
        .replace(command.replace)
        .source(&command.data.data)
        .memory(kept.memory)
        .keep(&kept.columns)
        .watch(watch(common, "add", "vectors"));
    let done = index.add(&engine, &data, ids.ids(), how)?;
    let seconds = start.elapsed().as_secs_f64();
    if common.json {
        print_json(&json!({
            "added": done.added,
            "replaced": done.replaced,
            "vectors": index.len(),
            "seconds": seconds,
            "vectors_per_second": data.len() as f64 / seconds,
            "device": engine.name(),
        }))?;
    } else if !common.quiet {
        let (added, replaced, vectors) = (done.added, done.replaced, index.len());
        say!("{added} vectors added, {replaced} replaced: {vectors} in {seconds:.3} s on {}", engine.name());
    }
    Ok(Verdict::Done)
}
