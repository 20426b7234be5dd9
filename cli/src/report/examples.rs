//! Neighbours of some queries, before and after: by the vectors themselves and by what a trial keeps of them.

use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use wgvq::{Context, Error, Result, io};

use crate::tune::choice::Asked;
use crate::tune::rounds::Trials;
use crate::tune::sample::Origin;
use crate::tune::trial::Trial;
use crate::words::html;

/// Queries that are shown, and neighbours of each.
const QUERIES: usize = 4;
const SHOWN: usize = 5;

/// Characters of a label, at most.
const MOST: usize = 90;

/// What the vectors are called.
pub struct Labels(Vec<String>);

impl Labels {
    /// Reads a line for each of `rows` vectors; without a file, they are numbered.
    pub fn read(path: Option<&Path>, rows: usize) -> Result<Self> {
        let Some(path) = path else { return Ok(Self(Vec::new())) };
        let mut text = String::new();
        io::open_file(path)?.read_to_string(&mut text).context(|| path.display())?;
        let labels: Vec<String> = text.lines().map(|line| line.replace('\t', " · ")).collect();
        if labels.len() != rows {
            let (path, lines) = (path.display(), labels.len());
            return Err(Error::input(format!(
                "--labels {path}: {lines} lines, and there are {rows} vectors"
            )));
        }
        Ok(Self(labels))
    }

    /// What the vector of a row is called.
    fn of(&self, row: usize) -> String {
        match self.0.get(row) {
            None => format!("row {row}"),
            Some(label) if label.chars().count() > MOST => label.chars().take(MOST).collect::<String>() + "…",
            Some(label) => label.clone(),
        }
    }
}

/// A table for each of the first queries; those held out are as random as all others.
pub fn tables(trials: &Trials, trial: &Trial, asked: &Asked, labels: &Labels) -> String {
    let Some(point) = asked.point(trial) else { return String::new() };
    let (rows, truth) = (&trials.sample.rows, &trials.last().truth);
    let label = |id: u32| rows.get(id as usize).map_or_else(|| "none".into(), |&row| labels.of(row));
    let name = |query: usize| match &trials.sample.origin {
        Origin::HeldOut(rows) => labels.of(rows[query]),
        Origin::Given { rows, .. } => format!("given query {}", rows[query]),
    };
    let mut page = String::new();
    for query in 0..QUERIES.min(truth.nrows()) {
        let (before, after) = (truth.row(query), point.hits.found.row(query));
        let is_true = |id: u32| before.iter().any(|&other| other == id);
        let hits = after.iter().filter(|&&id| is_true(id)).count();
        let _ = write!(
            page,
            "<h3>{}</h3><p class=\"soft\">{hits} of the {} true neighbours are found.</p>\
             <table class=\"text\"><tr><th>Before</th><th>After</th></tr>",
            html(&name(query)),
            before.len()
        );
        for (before, &after) in before.iter().zip(after).take(SHOWN) {
            let (class, mark) = if is_true(after) { ("hit", "✓") } else { ("miss", "·") };
            let _ = write!(
                page,
                "<tr><td>{}</td><td class=\"{class}\">{mark} {}</td></tr>",
                html(&label(*before)),
                html(&label(after))
            );
        }
        page += "</table>";
    }
    page
}
