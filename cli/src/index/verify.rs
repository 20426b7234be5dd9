//! `wgvq index verify`

use clap::Args;
use serde_json::json;
use wgvq::Result;

use super::{Which, watch};
use crate::Verdict;
use crate::args::Common;
use crate::figures::print_json;
use crate::stdout::say;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq index verify base.wgvqi")]
pub struct Verify {
    #[command(flatten)]
    which: Which,
}

pub fn run(command: &Verify, common: &Common) -> Result<Verdict> {
    let index = command.which.open()?;
    index.verify(watch(common, "verify", "segments"))?;
    let info = index.info();
    if common.json {
        print_json(&json!({ "intact": true, "vectors": info.vectors, "bytes": info.bytes }))?;
    } else if !common.quiet {
        say!("{}: intact, {} vectors in {} bytes", command.which.index.display(), info.vectors, info.bytes);
    }
    Ok(Verdict::Done)
}
