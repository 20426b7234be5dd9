//! `wgvq man`

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use wgvq::{Context, Result, io};

use crate::Verdict;
use crate::args::{Common, Options};

#[derive(Args, Debug)]
pub struct Man {
    /// The folder for the pages: wgvq.1, wgvq-train.1 and so on
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,
}

pub fn run(command: &Man, common: &Common) -> Result<Verdict> {
    fs::create_dir_all(&command.output).context(|| command.output.display())?;
    let mut program = Options::command();
    program.build();
    let pages = std::iter::once(&program).chain(program.get_subcommands());
    let mut claims = common.reads(None)?;
    let mut written = Vec::new();
    for page in pages.filter(|page| page.get_name() != "help") {
        let page = clap_mangen::Man::new(page.clone());
        let path = command.output.join(page.get_filename());
        claims.writes(&path)?;
        let mut text = Vec::new();
        page.render(&mut text).context(|| path.display())?;
        written.push((path, text));
    }
    for (path, text) in written {
        io::write_file(&path, &text, common.force)?;
    }
    Ok(Verdict::Done)
}
