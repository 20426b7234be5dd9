//! `wgvq selftest`

use wgvq::{Error, Result};

use crate::Verdict;
use crate::args::{Common, Selftest};
use crate::figures::print_json;
use crate::stdout::say;

pub fn run(command: &Selftest, common: &Common) -> Result<Verdict> {
    let engine = common.engine()?;
    let mut first = true;
    let outcomes = wgvq::selftest::run(&engine, &command.filter, |outcome| {
        if !common.json {
            if std::mem::take(&mut first) {
                say!("checking kernels on {}", engine.name());
            }
            let verdict = if outcome.failures.is_empty() { "ok" } else { "FAIL" };
            let (kernel, comparisons) = (outcome.kernel, outcome.comparisons);
            say!("{verdict:<4} {kernel:<18} {comparisons:>4} comparisons {:>7.2} s", outcome.seconds);
            outcome.failures.iter().for_each(|failure| say!("     {failure}"));
        }
    });
    if outcomes.is_empty() {
        return Err(Error::input(format!("no kernel's name contains {:?}", command.filter)));
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.failures.is_empty()).count();
    if common.json {
        let info = engine.adapter_info();
        print_json(&serde_json::json!({
            "device": engine.name(),
            "driver": info.map(|info| format!("{} {}", info.driver, info.driver_info)),
            "backend": info.map(|info| info.backend.to_string()),
            "failed": failed,
            "kernels": outcomes,
        }))?;
    } else {
        say!("{} kernels, {failed} failed", outcomes.len());
    }
    Ok(if failed == 0 { Verdict::Done } else { Verdict::Missed })
}
