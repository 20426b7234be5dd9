//! The page: a section for each experiment.

use std::fmt::Write as _;
use std::time::Duration;

use super::Outcome;
use super::experiments::{Experiment, Step};

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The experiments of the thesis</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
  h2 { border-top: 1px solid #ccc; padding-top: 1.5rem; margin-top: 2.5rem; }
  h2 small { color: #666; font-weight: normal; }
  pre { overflow-x: auto; background: #f6f6f6; padding: .8rem; font-size: 13px; line-height: 1.35; }
  img { max-width: 100%; margin: .5rem 0; }
  .thesis { border-left: 4px solid #0072b2; padding-left: .8rem; }
  .failed { border-left: 4px solid #d55e00; }
  .seconds, code { color: #555; font-size: 14px; }
</style>
"#;

/// The page of the `experiments` that have an outcome by now.
pub fn page(experiments: &[Experiment], outcomes: &[Outcome], full: bool, took: Duration) -> String {
    let mut page = String::from(HEAD);
    let size = if full { "the sizes of the publications" } else { "small sizes" };
    let _ = writeln!(
        page,
        "<h1>The experiments of the thesis</h1>\n<p>M. H. Vali, <em>Vector Quantization in Deep Neural Networks for \
         Speech and Image Processing</em>, Aalto University, 2025, run anew at {size}: {} of {} experiments, {:.0} s. \
         Figures in the text below are of the small sizes, on two cores of a CPU.</p>\n<ul>",
        outcomes.len(),
        experiments.len(),
        took.as_secs_f64()
    );
    for (number, experiment) in experiments.iter().enumerate() {
        let _ = writeln!(
            page,
            "<li><a href=\"#e{number}\">{}: {}</a></li>",
            escaped(experiment.place),
            escaped(experiment.title)
        );
    }
    page.push_str("</ul>\n");
    for (number, (experiment, outcome)) in experiments.iter().zip(outcomes).enumerate() {
        section(&mut page, number, experiment, outcome);
    }
    page
}

fn section(page: &mut String, number: usize, experiment: &Experiment, outcome: &Outcome) {
    let Experiment { place, title, thesis, note, .. } = experiment;
    let _ = writeln!(
        page,
        "<h2 id=\"e{number}\">{} <small>{}</small></h2>\n<p class=\"thesis\">{}</p>\n<p>{}</p>",
        escaped(title),
        escaped(place),
        escaped(thesis),
        escaped(note)
    );
    for picture in &outcome.pictures {
        let _ = writeln!(page, "<img src=\"{0}\" alt=\"{1}\">", escaped(picture), escaped(title));
    }
    match &outcome.text {
        Ok(text) if text.trim().is_empty() => {}
        Ok(text) => {
            let _ = writeln!(page, "<pre>{}</pre>", escaped(text.trim_end()));
        }
        Err(message) => {
            let _ = writeln!(page, "<pre class=\"failed\">It failed: {}</pre>", escaped(message.trim()));
        }
    }
    let commands: Vec<String> = experiment.steps.iter().map(Step::as_typed).collect();
    let commands: String =
        commands.iter().map(|command| format!("<br><code>{}</code>", escaped(command))).collect();
    let _ = writeln!(page, "<p class=\"seconds\">{:.1} s{commands}</p>", outcome.seconds);
}

/// `text` as HTML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
