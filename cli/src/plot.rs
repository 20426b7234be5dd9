//! `wgvq plot`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use wgvq::{Error, Result};

use crate::args::{Common, NamedOutputs};
use crate::figures::print_json;
use crate::plots::{self, Labels, Scale, Scales, Series};
use crate::run_log::{self, Point};
use crate::stdout::say;
use crate::{Verdict, plot_codebook, plot_curve, plot_lattice};

#[derive(Args, Debug)]
#[command(subcommand_negates_reqs = true)]
pub struct Plot {
    #[command(subcommand)]
    pub picture: Option<Picture>,
    /// Logs of training by gradient, of `wgvq train --log`
    #[arg(required = true, value_name = "RUN.jsonl")]
    pub logs: Vec<PathBuf>,
    /// The picture to write [default: RUN.svg]
    #[arg(short, long, value_name = "RUN.svg")]
    pub output: Option<PathBuf>,
}

/// What else than training runs there is to draw.
#[derive(Debug, Subcommand)]
pub enum Picture {
    /// Draw a space-filling curve through the unit square, from light to dark along its length
    Curve(plot_curve::PlotCurve),
    /// Draw the points of a lattice of the plane and their cells, and which of them carry vectors
    Lattice(plot_lattice::PlotLattice),
    /// Draw the Voronoi cells of a model of the plane, and vectors
    Codebook(plot_codebook::PlotCodebook),
}

/// Logarithmic where the losses go over more than this factor.
const DECADE: f64 = 10.0;

pub fn run(command: &Plot, common: &Common) -> Result<Verdict> {
    match &command.picture {
        Some(_) if !command.logs.is_empty() || command.output.is_some() => Err(Error::input(
            "what belongs to a picture comes behind its name, as in wgvq plot curve -o FILE.svg",
        )),
        Some(Picture::Curve(picture)) => plot_curve::run(picture, common),
        Some(Picture::Lattice(picture)) => plot_lattice::run(picture, common),
        Some(Picture::Codebook(picture)) => plot_codebook::run(picture, common),
        None => training_runs(command, common),
    }
}

fn training_runs(command: &Plot, common: &Common) -> Result<Verdict> {
    let output = command.output.clone().unwrap_or_else(|| command.logs[0].with_extension("svg"));
    common.reads(&command.logs)?.writes_picture(&output)?;
    let mut runs = Vec::new();
    for path in &command.logs {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        runs.push((name, run_log::read(path)?));
    }
    let losses = || runs.iter().flat_map(|(_, points)| points.iter().map(|point| point.loss));
    let (least, most) = (losses().fold(f64::MAX, f64::min), losses().fold(0.0, f64::max));
    let logarithmic = least > 0.0 && most > DECADE * least;
    let title = match &runs[..] {
        [(name, _)] => format!("training of {name}"),
        runs => format!("{} runs", runs.len()),
    };
    let even = Scales::default();
    let of_losses = if logarithmic { Scales { y: Scale::Decades, ..even } } else { even };
    // One run shows each codebook, several the mean and the total of theirs.
    let perplexity = each_codebook(&runs, |point| &point.perplexity, mean);
    let dead = each_codebook(&runs, |point| &point.dead, |values| values.iter().sum());
    let panels = [
        (
            Labels { title: &title, x: "step", y: "loss of batches" },
            of_losses,
            lines(&runs, |point| Some(point.loss)),
        ),
        (Labels { title: "", x: "step", y: "perplexity" }, even, perplexity),
        (Labels { title: "", x: "step", y: "dead codewords" }, Scales { y: Scale::Counts, ..even }, dead),
        (Labels { title: "", x: "step", y: "learning rate" }, even, lines(&runs, |point| point.rate)),
    ];
    plots::panels(&output, common.force, &panels)?;
    let last: Vec<_> = runs
        .iter()
        .filter_map(|(name, points)| points.last().map(|last| (name, last)))
        .map(|(name, last)| json!({ "run": name, "step": last.step, "loss": last.loss }))
        .collect();
    if common.json {
        print_json(&json!({ "plot": output.display().to_string(), "last": last }))?;
    } else {
        say!("{}", output.display());
    }
    Ok(Verdict::Done)
}

type Runs = [(String, Vec<Point>)];

fn lines(runs: &Runs, of: impl Fn(&Point) -> Option<f64>) -> Vec<Series> {
    let line = |(name, points): &(String, Vec<Point>)| Series {
        name: name.clone(),
        points: points.iter().filter_map(|point| Some((point.step as f64, of(point)?))).collect(),
    };
    runs.iter().map(line).collect()
}

fn each_codebook(
    runs: &Runs,
    of: impl Fn(&Point) -> &Vec<f64>,
    joined: impl Fn(&[f64]) -> f64,
) -> Vec<Series> {
    match runs {
        [(_, points)] => {
            let codebooks = points.iter().map(|point| of(point).len()).max().unwrap_or(0);
            let line = |j: usize| Series {
                name: format!("codebook {j}"),
                points: points.iter().filter_map(|p| Some((p.step as f64, *of(p).get(j)?))).collect(),
            };
            (0..codebooks).map(line).collect()
        }
        runs => lines(runs, |point| (!of(point).is_empty()).then(|| joined(of(point)))),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
