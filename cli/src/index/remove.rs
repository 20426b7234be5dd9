//! `wgvq index remove`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use wgvq::{Context, Result};

use super::Which;
use crate::Verdict;
use crate::args::Common;
use crate::figures::print_json;
use crate::stdin;
use crate::stdout::say;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq index remove base.wgvqi --ids gone.txt")]
pub struct Remove {
    #[command(flatten)]
    which: Which,
    /// The ids of the vectors: a file of one per row (.npy .parquet:column .txt), or `-` for standard input
    #[arg(long, value_name = "FILE")]
    ids: PathBuf,
    /// Pass over ids that no vector has
    #[arg(long)]
    missing_ok: bool,
}

pub fn run(command: &Remove, common: &Common) -> Result<Verdict> {
    let mut index = command.which.open()?;
    let ids = stdin::ids(&command.ids).context(|| "--ids")?;
    let removed = if command.missing_ok { index.remove_any(&ids)? } else { index.remove(&ids)? };
    let vectors = index.len();
    if common.json {
        print_json(&json!({ "removed": removed, "vectors": vectors }))?;
    } else if !common.quiet {
        say!("{removed} vectors removed: {vectors} are left");
    }
    Ok(Verdict::Done)
}
