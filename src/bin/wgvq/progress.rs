//! How far a command is: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Common;

/// Seconds between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

pub struct Progress {
    bar: ProgressBar,
    what: &'static str,
    unit: &'static str,
    /// When the last plain line was written; `None` where there is a bar or nothing.
    lines: Option<Instant>,
}

impl Progress {
    /// Progress over `total` `unit`s.
    pub fn new(common: &Common, what: &'static str, unit: &'static str, total: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::new(total as u64);
        if common.quiet || !terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template =
            format!("{what} {{bar:30}} {{human_pos}}/{{human_len}} {unit} {{per_sec}} eta {{eta}} {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        let lines = (!common.quiet && !terminal).then(Instant::now);
        Self { bar, what, unit, lines }
    }

    /// Counts `units` as done before the start: they do not count for the rate.
    pub fn skip(&self, units: usize) {
        self.bar.set_position(units as u64);
        self.bar.reset_eta();
    }

    /// `units` more are done; `note` says how it goes.
    pub fn add(&mut self, units: usize, note: String) {
        self.bar.inc(units as u64);
        if let Some(last) = &mut self.lines
            && last.elapsed() >= LINE_EVERY
        {
            *last = Instant::now();
            let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
            eprintln!(
                "{} {}/{} {}, {:.0} per second, {} left {note}",
                self.what,
                HumanCount(done),
                HumanCount(total),
                self.unit,
                self.bar.per_sec(),
                HumanDuration(self.bar.eta()),
            );
        }
        self.bar.set_message(note);
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
