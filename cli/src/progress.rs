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
        let template =
            format!("{what} {{bar:30}} {{human_pos}}/{{human_len}} {unit} {{per_sec}} eta {{eta}} {{msg}}");
        Self::with(common, what, unit, ProgressBar::new(total as u64), &template)
    }

    /// Progress over `unit`s, of which only the end shows how many there are.
    pub fn open_ended(common: &Common, what: &'static str, unit: &'static str) -> Self {
        let template = format!("{what} {{spinner}} {{human_pos}} {unit} {{per_sec}} {{msg}}");
        Self::with(common, what, unit, ProgressBar::no_length(), &template)
    }

    fn with(
        common: &Common,
        what: &'static str,
        unit: &'static str,
        bar: ProgressBar,
        template: &str,
    ) -> Self {
        let terminal = std::io::stderr().is_terminal();
        if common.quiet || !terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
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
            let (what, unit, rate) = (self.what, self.unit, self.bar.per_sec());
            let done = HumanCount(self.bar.position());
            match self.bar.length() {
                Some(total) => {
                    let (total, left) = (HumanCount(total), HumanDuration(self.bar.eta()));
                    eprintln!("{what} {done}/{total} {unit}, {rate:.0} per second, {left} left {note}");
                }
                None => eprintln!("{what} {done} {unit}, {rate:.0} per second, {note}"),
            }
        }
        self.bar.set_message(note);
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
