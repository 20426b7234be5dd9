//! `wgvq completions`

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};
use wgvq::Result;

use crate::Verdict;
use crate::args::Options;
use crate::stdout;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  wgvq completions bash > ~/.local/share/bash-completion/completions/wgvq")]
pub struct Completions {
    /// The shell: bash, elvish, fish, powershell or zsh
    pub shell: Shell,
}

pub fn run(command: &Completions) -> Result<Verdict> {
    let mut script = Vec::new();
    generate(command.shell, &mut Options::command(), "wgvq", &mut script);
    stdout::print(&String::from_utf8_lossy(&script));
    Ok(Verdict::Done)
}
