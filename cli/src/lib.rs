//! The `wgvq` command: one file per subcommand. Every program that has it, the one of Python included, calls [`main`].

mod args;
mod axis;
mod bench;
mod cells;
mod codes;
mod completions;
mod convert;
mod decode;
mod demo;
mod devices;
mod elbow;
mod encode;
mod equalize;
mod eval;
mod figures;
mod gradient;
mod gradient_options;
mod heat_map;
mod index;
mod inspect;
mod interpret;
mod interrupt;
mod man;
mod memory;
mod mixture;
mod neighbours;
mod occurrence_plot;
mod one_codebook;
mod order;
mod plot;
mod plot_codebook;
mod plot_curve;
mod plot_lattice;
mod plot_plane;
mod plots;
mod privacy;
mod progress;
mod recalls;
mod repack;
mod report;
mod run_log;
mod search;
mod selftest;
mod settings;
mod stdin;
mod stdout;
mod test;
mod train;
mod truth;
mod tune;
mod words;

use std::ffi::OsString;
use std::io::Write;

use clap::Parser;
use wgvq::ErrorKind;

use args::{Command, Options};

/// How a command ended, when it did not fail.
enum Verdict {
    /// It did what was asked: exit status 0.
    Done,
    /// It ran, and a threshold that was stated (or implied, as by a self-test) was missed: exit status 1.
    Missed,
}

/// Does what the `arguments` of the command line say, the name of the program included, and gives back the exit status. It takes
/// the process for its own: it listens to Ctrl-C, sets up the log, and ends the process over arguments that it cannot read.
///
/// ```
/// let status = wgvq_cli::main(["wgvq", "train", "missing.npy", "--spec", "VQ8", "-o", "vq.safetensors"].map(Into::into));
/// assert_eq!(status, 2);
/// ```
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let options = Options::try_parse_from(arguments).unwrap_or_else(|error| refuse(error));
    env_logger::Builder::new()
        // What wgpu has to say of its own accord is seldom about what the user does; RUST_LOG asks for it.
        .filter_level(log::LevelFilter::Error)
        .filter_module("wgvq", options.common.log_level())
        .parse_default_env()
        .format(|out, record| {
            writeln!(
                out,
                "[{} {}] {}",
                record.level(),
                record.target(),
                words::visible(&record.args().to_string())
            )
        })
        .init();
    match run(&options) {
        Ok(Verdict::Done) => 0,
        Ok(Verdict::Missed) => 1,
        Err(error) => {
            words::complain(&error);
            match error.kind() {
                ErrorKind::Device => 3,
                ErrorKind::Cancelled => interrupt::STATUS,
                _ => 2,
            }
        }
    }
}

/// Ends the program over what was typed: help and version go to stdout; anything else is one line, like every other
/// error of ours, with exit status 2.
fn refuse(error: clap::Error) -> ! {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => error.exit(),
        _ => {
            // Of clap's paragraphs after the first, those that are no tip repeat the usage.
            let text = error.to_string();
            let mut paragraphs = text.split("\n\n");
            let first = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
            let tips = paragraphs.filter_map(|paragraph| paragraph.trim_start().strip_prefix("tip: "));
            let parts: Vec<_> = std::iter::once(first).chain(tips).map(joined).collect();
            words::complain(format_args!("{}; see --help", parts.join("; ")));
            std::process::exit(2)
        }
    }
}

/// Clap's lines as one.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn run(options: &Options) -> wgvq::Result<Verdict> {
    let common = &options.common;
    interrupt::listen()?;
    common.start_threads()?;
    match &options.command {
        Command::Train(command) => train::run(command, common),
        Command::Encode(command) => encode::run(command, common),
        Command::Decode(command) => decode::run(command, common),
        Command::Eval(command) => eval::run(command, common),
        Command::Truth(command) => truth::run(command, common),
        Command::Search(command) => search::run(command, common),
        Command::Index(command) => index::run(command, common),
        Command::Inspect(command) => inspect::run(command, common),
        Command::Devices => devices::run(common),
        Command::Selftest(command) => selftest::run(command, common),
        Command::Demo(command) => demo::run(command, common),
        Command::Test(command) => test::run(command, common),
        Command::Repack(command) => repack::run(command, common),
        Command::Convert(command) => convert::run(command, common),
        Command::Tune(command) => tune::run(command, common),
        Command::Report(command) => report::run(command, common),
        Command::Equalize(command) => equalize::run(command, common),
        Command::Elbow(command) => elbow::run(command, common),
        Command::Interpret(command) => interpret::run(command, common),
        Command::Privacy(command) => privacy::run(command, common),
        Command::Order(command) => order::run(command, common),
        Command::Plot(command) => plot::run(command, common),
        Command::Bench(command) => bench::run(command, common),
        Command::Completions(command) => completions::run(command),
        Command::Man(command) => man::run(command, common),
    }
}
