//! `wgvq bench`: throughput, held against what the same device can do at best.

mod compare;
mod document;
pub mod environment;
mod measure;
mod peaks;
mod report;
mod roofline;
mod shape;
mod timing;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use wgvq::{Engine, Error, Result};

use crate::Verdict;
use crate::args::{Common, NamedOutputs};
use crate::figures::print_json;
use crate::stdout::{print, say};

use compare::Comparison;
use document::Document;
use environment::Environment;
use measure::{Measurement, measure};
use peaks::Peaks;
use shape::Shape;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    wgvq bench --device gpu --quick\n  \
    wgvq bench --markdown > forum.md\n  \
    wgvq bench --json > before.json\n  \
    wgvq bench --compare before.json\n  \
    wgvq bench --plot roofline.svg")]
pub struct Bench {
    /// Fewer and smaller measurements: half a minute on two cores
    #[arg(long)]
    pub quick: bool,
    /// Only the measurements of this name: assign, project, kmeans, encode, upload or readback
    #[arg(long)]
    pub only: Option<Measurement>,
    /// One shape N,D,K in place of the named ones
    #[arg(long, value_parser = shape::parse)]
    pub shape: Option<Shape>,
    /// Timed runs of each measurement, after one that warms up [default: 5, with --quick 3]
    #[arg(long)]
    pub repeat: Option<usize>,
    /// Print Markdown to paste in a forum, instead of text
    #[arg(long)]
    pub markdown: bool,
    /// Compare with an earlier document, of --json; exit status 1 if a measurement became slower
    #[arg(long, value_name = "OLD.json")]
    pub compare: Option<PathBuf>,
    /// Draw intensity against throughput, below the device's peaks
    #[arg(long, value_name = "ROOFLINE.svg")]
    pub plot: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Output<'a> {
    #[serde(flatten)]
    document: &'a Document,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<&'a Comparison>,
}

impl Bench {
    fn repeat(&self) -> usize {
        self.repeat.unwrap_or(if self.quick { 3 } else { 5 })
    }

    fn measurements(&self) -> Vec<Measurement> {
        self.only.map_or_else(|| Measurement::value_variants().to_vec(), |only| vec![only])
    }

    fn shapes(&self, engine: &Engine, memory: u64) -> Vec<Shape> {
        if let Some(shape) = self.shape {
            return vec![shape];
        }
        let named = match (self.quick, engine.is_software()) {
            (true, true) => &shape::QUICK_SOFTWARE[..],
            (true, false) => &shape::QUICK,
            (false, _) => &shape::NAMED,
        };
        let fits = |shape: &Shape| shape.bytes() <= memory && !(engine.is_software() && shape.is_large());
        named.iter().copied().filter(fits).collect()
    }

    fn check(&self, common: &Common) -> Result<()> {
        if self.repeat == Some(0) {
            return Err(Error::input("--repeat 0: at least one run is needed"));
        }
        if self.markdown && common.json {
            return Err(Error::input("--markdown and --json: one document is printed; give one of them"));
        }
        if let Some(shape) = self.shape {
            let what = format!("measuring {} x {} vectors", shape.n, shape.d);
            common.check_memory(shape.bytes(), what, "take fewer of them")?;
        }
        let mut claims = common.reads(&self.compare)?;
        if let Some(plot) = &self.plot {
            claims.writes_picture(plot)?;
            if let Some(only) = self.only.filter(|only| !only.computes()) {
                return Err(Error::input(format!(
                    "--plot with --only {only}: nothing is computed there; give --only assign, project, kmeans or encode"
                )));
            }
        }
        Ok(())
    }
}

pub fn run(command: &Bench, common: &Common) -> Result<Verdict> {
    command.check(common)?;
    let old = match &command.compare {
        Some(path) => Some((path, Document::read(path)?)),
        None => None,
    };
    let engine = common.engine()?;
    let repeat = command.repeat();
    let peaks = Peaks::measure(&engine, repeat)?;
    let environment = Environment::of(&engine, common);
    let as_text = !common.json && !command.markdown;
    if as_text {
        say!("{}", report::heading(&environment, &peaks));
    }
    let mut results = Vec::new();
    for shape in command.shapes(&engine, common.memory()) {
        // One corner is no curve.
        let possible = |name: &Measurement| *name != Measurement::Project || shape.k > 1;
        for name in command.measurements().into_iter().filter(possible) {
            let record = measure(&engine, name, shape, repeat, &peaks)?;
            if as_text {
                say!("{}", report::line(&record, &peaks));
            }
            results.push(record);
        }
    }
    let mut document = Document { environment, peaks, results };
    let comparison = match &old {
        Some((path, old)) => Some(compare(path, old, &mut document, &engine, repeat)?),
        None => None,
    };
    let comparison = comparison.as_ref();
    if common.json {
        print_json(&Output { document: &document, comparison })?;
    } else if command.markdown {
        print(&report::markdown(&document));
        comparison.iter().for_each(|comparison| print(&comparison.markdown()));
    } else {
        report::notes(&document).iter().for_each(|note| say!("\n{note}"));
        comparison.iter().for_each(|comparison| say!("\n{}", comparison.text()));
    }
    if let Some(plot) = &command.plot {
        roofline::draw(plot, common.force, &document)?;
    }
    match comparison {
        Some(comparison) if comparison.has_slower() => Ok(Verdict::Missed),
        _ => Ok(Verdict::Done),
    }
}

/// Compares with `old`, the document at `path`. What seems slower is measured once more, as another program may have been busy
/// for a while; both times count.
fn compare(
    path: &Path,
    old: &Document,
    document: &mut Document,
    engine: &Engine,
    repeat: usize,
) -> Result<Comparison> {
    let shown = path.display().to_string();
    let first = Comparison::new(shown.clone(), old, document);
    let Document { peaks, results, .. } = document;
    for record in results.iter_mut().filter(|record| first.is_slower(record)) {
        record.measure_again(engine, repeat, peaks)?;
    }
    Ok(Comparison::new(shown, old, document))
}
