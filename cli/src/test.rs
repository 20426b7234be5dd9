//! `wgvq test`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use wgvq::Result;
use wgvq::coding::Reader;

use crate::Verdict;
use crate::args::Common;
use crate::figures::print_json;
use crate::progress::Progress;
use crate::stdout::say;

#[derive(Args, Debug)]
pub struct Test {
    /// A file of packed codes
    #[arg(value_name = "CODES.wgvq")]
    pub file: PathBuf,
}

/// Checks every byte of a container of codes, and decodes all of it.
pub fn run(command: &Test, common: &Common) -> Result<Verdict> {
    let start = Instant::now();
    let reader = Reader::open(&command.file)?;
    let mut progress = Progress::new(common, "test", "vectors", reader.rows());
    let mut proved = 0;
    reader.verify(|rows| {
        progress.add(rows - proved, String::new());
        proved = rows;
    })?;
    progress.finish();
    let (header, stats) = (reader.header(), reader.stats());
    if common.json {
        print_json(&json!({
            "file": command.file.display().to_string(),
            "intact": true,
            "n": reader.rows(),
            "spec": header.spec,
            "method": header.method,
            "bytes": stats.bytes,
            "stored_bits_per_vector": stats.bits_per_vector(),
            "seconds": start.elapsed().as_secs_f64(),
        }))?;
    } else if !common.quiet {
        say!(
            "{}: intact, {} vectors by {} in {} bytes ({}, {:.3} bits per vector)",
            command.file.display(),
            reader.rows(),
            header.spec,
            stats.bytes,
            header.method,
            stats.bits_per_vector()
        );
    }
    Ok(Verdict::Done)
}
