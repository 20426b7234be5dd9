//! `wgvq index info`

use std::time::Duration;

use clap::Args;
use serde_json::json;
use wgvq::Result;
use wgvq::index::Index;

use super::Which;
use crate::Verdict;
use crate::args::Common;
use crate::figures::print_json;
use crate::stdout::say;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq index info base.wgvqi")]
pub struct Info {
    #[command(flatten)]
    which: Which,
}

pub fn run(command: &Info, common: &Common) -> Result<Verdict> {
    print(&command.which.open()?, common, None)?;
    Ok(Verdict::Done)
}

/// Prints what an index is and, of one that was made of so many vectors just now, how long that took.
pub fn print(index: &Index, common: &Common, made: Option<(Duration, usize)>) -> Result<()> {
    let info = index.info();
    if common.json {
        let mut value = json!(info);
        if let Some((took, vectors)) = made {
            value["seconds"] = json!(took.as_secs_f64());
            value["vectors_per_second"] = json!(vectors as f64 / took.as_secs_f64());
        }
        return print_json(&value);
    }
    if common.quiet {
        return Ok(());
    }
    let each = info.bytes as f64 / (info.vectors + info.deleted).max(1) as f64;
    say!("spec       {}", info.spec);
    say!("vectors    {} × {}, {} removed ones besides", info.vectors, info.dim, info.deleted);
    say!("metric     {}", info.metric);
    say!("refined by {}", info.refine);
    say!("codes of   {}", if info.residual { "what a vector's list leaves of it" } else { "vectors" });
    say!("lists of   {} to {} vectors", info.least_in_list, info.most_in_list);
    say!("segments   {}", info.segments);
    say!("bytes      {}, {each:.1} for each vector", info.bytes);
    if let Some((took, _)) = made {
        say!("seconds    {:.3}", took.as_secs_f64());
    }
    Ok(())
}
