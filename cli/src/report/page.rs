//! The page of a report: one file, which loads nothing.

use std::collections::HashSet;
use std::fmt::Write;

use wgvq::Engine;
use wgvq::metrics::Usage;

use super::chart::{self, Axis, Line, Mark};
use super::examples::{self, Labels};
use crate::args::Common;
use crate::bench::environment::Environment;
use crate::tune::table::{HEADER, Outcome};
use crate::tune::trial::Trial;
use crate::words::html;

const STYLE: &str = include_str!("style.css");

/// The page, of vectors of that name.
pub fn page(name: &str, outcome: &Outcome, labels: &Labels, engine: &Engine, common: &Common) -> String {
    let title = html(&format!("Which quantizer for {name}?"));
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>"
    );
    let lines: Vec<String> =
        outcome.promises().iter().map(|line| format!("<li>{}</li>", html(line))).collect();
    let _ = write!(page, "<ul class=\"soft\">{}</ul>", lines.concat());
    section(&mut page, "What to take", &recommended(outcome));
    section(&mut page, "What was tried", &table(outcome));
    section(&mut page, "Rate and distortion", &distortion(outcome));
    section(&mut page, "Rate and recall", &recall(outcome));
    section(&mut page, "Recall and speed", &speed(outcome));
    section(&mut page, "Use of the codebooks", &usage(outcome));
    let neighbours = examples::tables(outcome.trials, outcome.best, outcome.asked, labels);
    let intro = format!(
        "<p>Nearest neighbours of some of the queries, before by the vectors themselves and after by {}. ✓ is one of the 10 true ones.</p>",
        html(&outcome.best.name())
    );
    section(&mut page, "Neighbours before and after", &(intro + &neighbours));
    let rows: String = Environment::of(engine, common)
        .rows()
        .iter()
        .map(|(name, value)| format!("<tr><td>{name}</td><td>{}</td></tr>", html(value)))
        .collect();
    section(&mut page, "The machine", &format!("<table class=\"text\">{rows}</table>"));
    page + "</body></html>\n"
}

/// Adds a section, if it holds anything.
fn section(page: &mut String, heading: &str, body: &str) {
    if !body.is_empty() {
        let _ = write!(page, "<section><h2>{heading}</h2>{body}</section>");
    }
}

fn recommended(outcome: &Outcome) -> String {
    format!(
        "<p><strong>{}</strong>, {}.</p><pre>{}</pre>",
        html(&outcome.best.name()),
        html(&outcome.reason()),
        outcome.commands.iter().map(|command| html(command)).collect::<Vec<_>>().join("\n")
    )
}

fn table(outcome: &Outcome) -> String {
    let head: String = HEADER.iter().map(|name| format!("<th>{name}</th>")).collect();
    let mut rows = String::new();
    for (trial, in_front) in outcome.rows() {
        let cells: String =
            outcome.cells(trial).iter().map(|cell| format!("<td>{}</td>", html(cell))).collect();
        let class = if std::ptr::eq(trial, outcome.best) { " class=\"best\"" } else { "" };
        let _ = write!(rows, "<tr{class}>{cells}<td>{}</td></tr>", if in_front { "★" } else { "" });
    }
    format!(
        "<div class=\"wide\"><table><tr>{head}<th></th></tr>{rows}</table></div>\
         <p class=\"soft\">★ nothing here is better by bytes, 10-recall@10 or queries/s without being worse by another. {}</p>",
        html(&outcome.spent())
    )
}

/// The last trial of each candidate, and whether it was on fewer vectors than that of others.
fn latest<'a>(outcome: &Outcome<'a>) -> Vec<(&'a Trial, bool)> {
    let (last, mut seen, mut all) = (outcome.trials.last().vectors, HashSet::new(), Vec::new());
    for round in outcome.trials.rounds.iter().rev() {
        for trial in &round.trials {
            if seen.insert((
                trial.candidate.plan.quantizer().to_string(),
                trial.refinement().map(|r| r.to_string()),
            )) {
                all.push((trial, trial.vectors < last));
            }
        }
    }
    all
}

/// The family of quantizers that a trial is of.
fn family(trial: &Trial) -> String {
    let kind = trial.candidate.plan.quantizer().kind().name;
    match trial.refinement().map(|refinement| refinement.to_string()) {
        None => kind.into(),
        Some(refinement) if refinement == "none" => format!("IVF,{kind}"),
        Some(refinement) => format!("IVF,{kind} + {refinement}"),
    }
}

/// A line for each family, of the marks of its trials, in ascending order.
fn by_family(trials: Vec<(&Trial, bool)>, of: impl Fn(&Trial) -> Option<(f64, f64)>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (trial, is_early) in trials {
        let Some((x, y)) = of(trial) else { continue };
        let early = if is_early { format!(", on {} vectors", trial.vectors) } else { String::new() };
        let mark = Mark { x, y, title: trial.name() + &early, is_early };
        let name = family(trial);
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(mark),
            None => lines.push(Line { name, points: vec![mark] }),
        }
    }
    lines.iter_mut().for_each(|line| line.points.sort_by(|one, other| one.x.total_cmp(&other.x)));
    lines.sort_by(|one, other| one.name.cmp(&other.name));
    lines
}

fn figure(chart: &str, caption: &str) -> String {
    format!("<figure>{chart}<figcaption>{}</figcaption></figure>", html(caption))
}

/// What hollow marks are, if there are any.
fn hollow(lines: &[Line]) -> &'static str {
    if lines.iter().flat_map(|line| &line.points).any(|mark| mark.is_early) {
        " Hollow marks were left out after a trial on fewer vectors."
    } else {
        ""
    }
}

const BYTES: Axis = Axis { name: "bytes of a vector", is_decades: true };

fn distortion(outcome: &Outcome) -> String {
    let lines = by_family(latest(outcome), |trial| Some((trial.bytes, 100.0 * trial.loss?)));
    if lines.is_empty() {
        return String::new();
    }
    let y = Axis { name: "% of the variance lost", is_decades: false };
    let caption = format!("Of vectors that were not trained on; lower is better.{}", hollow(&lines));
    figure(&chart::lines(&BYTES, &y, &lines), &caption)
}

fn recall(outcome: &Outcome) -> String {
    let point = |trial: &Trial| Some((trial.bytes, outcome.asked.point(trial)?.hits.ten));
    let lines = by_family(latest(outcome), point);
    let y = Axis { name: "10-recall@10", is_decades: false };
    let caption = format!(
        "The share of the 10 true neighbours that are among the 10 found; higher is better. Vectors that an index is refined by from their files are not counted.{}",
        hollow(&lines)
    );
    figure(&chart::lines(&BYTES, &y, &lines), &caption)
}

/// The searches of each index, by how far they went.
fn speed(outcome: &Outcome) -> String {
    let searched = outcome.trials.last().trials.iter().filter(|trial| trial.points.len() > 1);
    let line = |trial: &Trial| Line {
        name: trial.name(),
        points: trial
            .points
            .iter()
            .map(|point| Mark {
                x: point.hits.ten,
                y: point.rate,
                title: point.looked.map_or(String::new(), |looked| {
                    format!("--nprobe {} --depth {}", looked.probes, looked.depth)
                }),
                is_early: false,
            })
            .collect(),
    };
    let lines: Vec<Line> = searched.map(line).collect();
    if lines.is_empty() {
        return String::new();
    }
    let x = Axis { name: "10-recall@10", is_decades: false };
    let y = Axis { name: "queries a second", is_decades: true };
    figure(
        &chart::lines(&x, &y, &lines),
        "Searches of each index, by how far they look; to the right and up is better.",
    )
}

/// How evenly the codewords of each codebook of the best codes occur.
fn usage(outcome: &Outcome) -> String {
    let of_codes = outcome.trials.last().trials.iter().filter(|trial| !trial.usage.is_empty());
    let Some(trial) = of_codes.min_by(|one, other| outcome.asked.better(one, other)) else {
        return String::new();
    };
    let share = |usage: &Usage| usage.perplexity() / usage.counts().len().max(1) as f64;
    let values: Vec<f64> = trial.usage.iter().map(share).collect();
    let dead: usize = trial.usage.iter().map(Usage::dead).sum();
    let (x, y) = (
        Axis { name: "codebook", is_decades: false },
        Axis { name: "perplexity / codewords", is_decades: false },
    );
    let caption = format!(
        "{}: the perplexity of the codes of each codebook as a share of its codewords, 1 if all occur equally often; {dead} codewords do not occur among {} vectors.",
        trial.name(),
        trial.vectors
    );
    figure(&chart::bars(&x, &y, &values), &caption)
}
