//! `wgvq index`: one file per verb.

mod add;
mod build;
mod compact;
mod ids;
mod info;
mod keep;
mod remove;
mod search;
mod shown;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use wgvq::index::Index;
use wgvq::{Error, Result};

use crate::args::Common;
use crate::progress::Progress;
use crate::{Verdict, interrupt};

/// What the name of an index ends in.
pub const EXTENSION: &str = "wgvqi";

/// An index: vectors as codes in lists, with ids, in a folder.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Train lists and a quantizer on vectors, and write an index of them
    Build(Box<build::Build>),
    /// Add vectors to an index
    Add(add::Add),
    /// Remove vectors from an index
    Remove(remove::Remove),
    /// Find the nearest neighbours of queries in an index
    Search(Box<search::Search>),
    /// Say what an index is and how large
    Info(info::Info),
    /// Check every byte of an index
    Verify(verify::Verify),
    /// Merge the segments of an index, and give back the room of removed vectors
    Compact(compact::Compact),
}

pub fn run(command: &Options, common: &Common) -> Result<Verdict> {
    match &command.verb {
        Verb::Build(command) => build::run(command, common),
        Verb::Add(command) => add::run(command, common),
        Verb::Remove(command) => remove::run(command, common),
        Verb::Search(command) => search::run(command, common),
        Verb::Info(command) => info::run(command, common),
        Verb::Verify(command) => verify::run(command, common),
        Verb::Compact(command) => compact::run(command, common),
    }
}

/// Which index.
#[derive(Args, Debug)]
struct Which {
    /// The folder of the index
    #[arg(value_name = "NAME.wgvqi")]
    index: PathBuf,
}

impl Which {
    fn open(&self) -> Result<Index> {
        Index::open(&self.index)
    }

    fn keep_out(&self, output: &Path) -> Result<()> {
        keep_out(output, &self.index)
    }
}

/// Fails if `output` would lie among the files of the index.
pub fn keep_out(output: &Path, index: &Path) -> Result<()> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::canonicalize(folder), fs::canonicalize(index)) {
        (Ok(folder), Ok(index)) if folder == index => Err(Error::input(format!(
            "{}: lies in the folder of the index; name another place",
            output.display()
        ))),
        _ => Ok(()),
    }
}

/// Shows how far a change of an index is, and lets Ctrl-C end it.
pub fn watch(
    common: &Common,
    what: &'static str,
    unit: &'static str,
) -> impl FnMut(usize, usize) -> Result<()> {
    let mut shown: Option<(Progress, usize)> = None;
    move |done, total| {
        let (progress, before) = shown.get_or_insert_with(|| (Progress::new(common, what, unit, total), 0));
        progress.add(done - *before, String::new());
        *before = done;
        if interrupt::asked() {
            return Err(Error::cancelled("stopped; the index is as it was"));
        }
        Ok(())
    }
}
