//! `wgvq index info`

use std::time::Duration;

use clap::Args;
use serde_json::json;
use wgvq::Result;
use wgvq::index::{Curve, Index};
use wgvq::lists::Choice;

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

/// The recalls of which `info` says what they take.
const SHOWN: [f64; 5] = [0.8, 0.9, 0.95, 0.98, 0.99];

/// What searches take for some recalls, a line for each that is expected of any.
fn print_recall(curve: &Curve) {
    let since = if curve.changed { ", before vectors came or went" } else { "" };
    say!(
        "recall     10-recall@10 as measured by {} queries{since}; {} is aimed at",
        curve.queries,
        curve.wanted
    );
    for (recall, choice) in SHOWN.into_iter().filter_map(|recall| Some((recall, curve.choose(recall)?))) {
        say!("           {recall:<4} with --nprobe {} --depth {}", choice.probes, choice.depth);
    }
    if let Some(best) = curve.best() {
        let Choice { recall, probes, depth } = best;
        say!("           at most {recall:.4} with --nprobe {probes} --depth {depth}");
    }
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
    if !info.columns.is_empty() {
        let columns: Vec<String> = info.columns.iter().map(ToString::to_string).collect();
        say!("keeps      {}", columns.join(", "));
    }
    if let Some(curve) = &info.recall {
        print_recall(curve);
    }
    if let Some((took, _)) = made {
        say!("seconds    {:.3}", took.as_secs_f64());
    }
    Ok(())
}
