//! `wgvq selftest`

use clap::{Args, ValueEnum};
use serde::Serialize;
use wgvq::selftest::Outcome;
use wgvq::{Core, Error, Result};

use crate::Verdict;
use crate::args::Common;
use crate::figures::print_json;
use crate::stdout::say;

#[derive(Args, Debug)]
pub struct Selftest {
    /// Only kernels whose name contains this
    #[arg(default_value = "")]
    pub filter: String,
    /// How the tiled kernels run on a GPU
    #[arg(long, value_enum, default_value_t = CoreChoice::Auto)]
    pub core: CoreChoice,
}

/// Ways to run the tiled kernels on a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CoreChoice {
    /// The one that the engine takes
    Auto,
    /// In registers, as on a software rasteriser
    Direct,
    /// Staged in workgroup memory, as on a GPU
    Staged,
    /// Both, one after the other
    All,
}

impl CoreChoice {
    /// The cores to run; `None` is the engine's own choice.
    pub fn cores(self) -> &'static [Option<Core>] {
        match self {
            CoreChoice::Auto => &[None],
            CoreChoice::Direct => &[Some(Core::Direct)],
            CoreChoice::Staged => &[Some(Core::Staged)],
            CoreChoice::All => &[Some(Core::Direct), Some(Core::Staged)],
        }
    }
}

/// A kernel's outcome on one core.
#[derive(Serialize)]
struct Finding {
    /// `direct` or `staged`; null where the engine chose.
    core: Option<&'static str>,
    #[serde(flatten)]
    outcome: Outcome,
}

pub fn run(command: &Selftest, common: &Common) -> Result<Verdict> {
    if !wgvq::selftest::stems().any(|stem| stem.contains(&command.filter)) {
        return Err(Error::input(format!("no kernel's name contains {:?}", command.filter)));
    }
    let mut findings = Vec::new();
    let mut info = None;
    for &core in command.core.cores() {
        let engine = common.engine_with(core)?;
        let core = core.map(name);
        if !common.json {
            let core = core.map_or_else(String::new, |core| format!(", {core} core"));
            say!("checking kernels on {}{core}", engine.name());
        }
        let outcomes = wgvq::selftest::run(&engine, &command.filter, |outcome| {
            if !common.json {
                print(outcome);
            }
        });
        info = Some((engine.name().to_owned(), engine.adapter_info().cloned()));
        findings.extend(outcomes.into_iter().map(|outcome| Finding { core, outcome }));
    }
    let failed = findings.iter().filter(|finding| !finding.outcome.failures.is_empty()).count();
    if common.json {
        let (device, info) = info.unzip();
        let info = info.flatten();
        print_json(&serde_json::json!({
            "device": device,
            "driver": info.as_ref().map(|info| format!("{} {}", info.driver, info.driver_info)),
            "backend": info.as_ref().map(|info| info.backend.to_string()),
            "failed": failed,
            "kernels": findings,
        }))?;
    } else {
        say!("{} kernels, {failed} failed", findings.len());
    }
    Ok(if failed == 0 { Verdict::Done } else { Verdict::Missed })
}

fn name(core: Core) -> &'static str {
    match core {
        Core::Direct => "direct",
        Core::Staged => "staged",
    }
}

fn print(outcome: &Outcome) {
    let verdict = if outcome.failures.is_empty() { "ok" } else { "FAIL" };
    let (kernel, comparisons) = (outcome.kernel, outcome.comparisons);
    say!("{verdict:<4} {kernel:<18} {comparisons:>4} comparisons {:>7.2} s", outcome.seconds);
    outcome.failures.iter().for_each(|failure| say!("     {failure}"));
}
