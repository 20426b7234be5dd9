//! `wgvq report`

mod chart;
mod examples;
mod page;

use std::path::PathBuf;

use clap::Args;
use wgvq::{Error, Result, Vectors, io};

use crate::Verdict;
use crate::args::{Common, Data};
use crate::stdout::say;
use crate::tune::{self, Wish};

use examples::Labels;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  wgvq report vectors.npy --bytes 32 -o report.html\n  wgvq report vectors.npy --recall 10@10=.95 --labels names.txt -o report.html"
)]
pub struct Report {
    #[command(flatten)]
    pub data: Data,
    #[command(flatten)]
    pub wish: Wish,
    /// What the vectors are called in examples: a text file with a line for each [default: their row numbers]
    #[arg(long, value_name = "NAMES.txt")]
    pub labels: Option<PathBuf>,
    /// The page to write, which needs no other file and no network
    #[arg(short, long, value_name = "REPORT.html")]
    pub output: PathBuf,
}

pub fn run(command: &Report, common: &Common) -> Result<Verdict> {
    let mut claims =
        common.reads(command.data.data.iter().chain(&command.labels).chain(&command.wish.queries))?;
    claims.writes(&command.output)?;
    if command.output.extension().is_none_or(|extension| extension != "html") {
        return Err(Error::input(format!("{}: a page's name ends in .html", command.output.display())));
    }
    write(command, common.force, common)
}

/// Tries what there is for the vectors, and writes the page of it, over another one if it may.
pub fn write(command: &Report, overwrite: bool, common: &Common) -> Result<Verdict> {
    let data = io::open_all(&command.data.data)?;
    let labels = Labels::read(command.labels.as_deref(), data.len())?;
    tune::judge(&command.data.data, &data, &command.wish, common, |outcome, engine| {
        let name =
            |path: &PathBuf| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let names: Vec<String> = command.data.data.iter().map(name).collect();
        let page = page::page(&names.join(", "), outcome, &labels, engine, common);
        io::write_file(&command.output, page.as_bytes(), overwrite)?;
        if !common.json && !common.quiet {
            say!("report: {}", command.output.display());
        }
        Ok(())
    })
}
