//! `wgvq index compact`

use clap::Args;
use wgvq::Result;

use super::{Which, info, watch};
use crate::Verdict;
use crate::args::Common;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq index compact base.wgvqi")]
pub struct Compact {
    #[command(flatten)]
    which: Which,
}

pub fn run(command: &Compact, common: &Common) -> Result<Verdict> {
    let mut index = command.which.open()?;
    index.compact(&common.engine()?, common.memory(), watch(common, "compact", "lists"))?;
    info::print(&index, common, None)?;
    Ok(Verdict::Done)
}
