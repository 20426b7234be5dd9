//! `wgvq selftest`

use wgvq::{Error, Result};

use crate::Verdict;
use crate::args::{Common, Selftest};
use crate::figures::print_json;

pub fn run(command: &Selftest, common: &Common) -> Result<Verdict> {
    let engine = common.engine()?;
    let mut first = true;
    let outcomes = wgvq::selftest::run(&engine, &command.filter, |outcome| {
        if !common.json {
            if std::mem::take(&mut first) {
                println!("checking kernels on {}", engine.name());
            }
            let verdict = if outcome.failures.is_empty() { "ok" } else { "FAIL" };
            let (kernel, comparisons) = (outcome.kernel, outcome.comparisons);
            println!("{verdict:<4} {kernel:<18} {comparisons:>4} comparisons {:>7.2} s", outcome.seconds);
            outcome.failures.iter().for_each(|failure| println!("     {failure}"));
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
        println!("{} kernels, {failed} failed", outcomes.len());
    }
    Ok(if failed == 0 { Verdict::Done } else { Verdict::Missed })
}
