//! Occurrence equalisation (Publication VI and Fig. 5.6 of the thesis): how much the use of codes tells of the vectors,
//! on vectors not seen in training.
//!
//! ```text
//! cargo run --release --example privacy [--full] [VECTORS]
//! ```
//!
//! VQ, SFVQ and the equalised SFVQ, by codeword and by position on the curve, from 4 to 12 bits, as far as there are vectors, over three seeds. The
//! sample of sentence vectors if no file is given; a quarter of them is held out. Prints the measures, mean and standard
//! deviation, with those of a uniform code, and the price in error. The worst case cannot be above the logarithm of the number of
//! held-out vectors, which it comes to from 8 bits on. Draws how often each code of 4 bits occurs to
//! `target/privacy.svg` and the measures over the bits to `target/privacy_bits.svg`. `--full` takes eight times the steps
//! and every number of bits.

#[path = "shared/chart.rs"]
mod chart;
#[path = "shared/seeds.rs"]
mod seeds;

use std::error::Error;
use std::path::Path;

use ndarray::{Array2, s};
use plotters::prelude::*;
use wgvq::privacy::{Measure, Occurrence};
use wgvq::{Engine, Equalized, Evaluation, GradientTraining, Quantizer, Trainer, Vq};

const SEEDS: u64 = 3;
const BITS: [u32; 5] = [4, 6, 8, 10, 12];
/// Vectors to train on that each codeword needs: the sample has too few for 12 bits.
const VECTORS_EACH: usize = 2;
/// Bits of the codes that are drawn.
const DRAWN: u32 = 4;
/// Steps of an SFVQ for each of its stages, and vectors of each.
const STEPS: u64 = 150;
const BATCH: usize = 256;
const NAMES: [&str; 4] = ["VQ", "SFVQ", "equalised, by codeword", "equalised, by curve"];

/// A code on the vectors that were held out.
struct Judged {
    counts: Vec<u64>,
    occurrence: Occurrence,
    mse: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let full = arguments.iter().any(|argument| argument == "--full");
    let path = arguments.iter().find(|argument| !argument.starts_with("--"));
    let all: Array2<f32> = wgvq::io::open(path.map_or("data/wordnet.npy", |path| path))?.to_array()?;
    let (steps, bits) = if full { (8 * STEPS, (4..=12).collect()) } else { (STEPS, BITS.to_vec()) };
    let seen = all.nrows() / 4 * 3;
    let (train, held_out) = (all.slice(s![..seen, ..]).to_owned(), all.slice(s![seen.., ..]).to_owned());
    let engine = Engine::auto()?;
    println!(
        "{seen} vectors to train on, {} held out, {SEEDS} seeds, {steps} steps per doubling, on {}",
        held_out.nrows(),
        engine.name()
    );
    println!(
        "{:<4} {:<22} {:>15} {:>13} {:>15} {:>13} {:>13} {:>15}",
        "bits", "quantizer", "std", "KL bits", "sparseness", "worst", "mean", "mse"
    );
    let mut lines: [Vec<chart::Line>; 3] =
        std::array::from_fn(|_| NAMES.map(|name| (name.to_string(), Vec::new())).to_vec());
    for bits in bits.into_iter().filter(|bits| VECTORS_EACH << bits <= seen) {
        let mut judged: [Vec<Judged>; 4] = std::array::from_fn(|_| Vec::new());
        for seed in 0..SEEDS {
            for (judged, one) in judged.iter_mut().zip(judge(&engine, &train, &held_out, bits, steps, seed)?)
            {
                judged.push(one);
            }
        }
        for (number, (name, judged)) in NAMES.into_iter().zip(&judged).enumerate() {
            let means = report(bits, name, judged);
            for (lines, mean) in lines.iter_mut().zip(means) {
                lines[number].1.push((f64::from(bits), mean));
            }
        }
        report_ideal(bits, &judged[0][0].occurrence);
        if bits == DRAWN {
            std::fs::create_dir_all("target")?;
            draw(Path::new("target/privacy.svg"), &judged)?;
        }
    }
    println!(
        "the worst case is at most {:.2} bits: a code that one of the {} vectors has",
        (held_out.nrows() as f64).log2(),
        held_out.nrows()
    );
    let titles = [
        "standard deviation, in those of a uniform code",
        "worst-case disclosure beyond that of a uniform code, bits",
        "mean squared error",
    ];
    let panels: Vec<_> = titles
        .into_iter()
        .zip(lines)
        .map(|(title, lines)| chart::Panel { title, x: "bits of a code", lines })
        .collect();
    chart::draw(Path::new("target/privacy_bits.svg"), &panels)?;
    println!("codes of {DRAWN} bits are in target/privacy.svg, all in target/privacy_bits.svg");
    Ok(())
}

/// The quantizers of [`NAMES`], trained with one seed.
fn judge(
    engine: &Engine,
    train: &Array2<f32>,
    held_out: &Array2<f32>,
    bits: u32,
    steps: u64,
    seed: u64,
) -> Result<[Judged; 4], Box<dyn Error>> {
    let k = 1 << bits;
    let vq = Vq::builder().k(k).seed(seed).fit(engine, train)?;
    let training = GradientTraining::new(format!("SFVQ{bits}").parse()?, Trainer::NSVQ).batch(BATCH);
    let sfvq = training.steps(steps * u64::from(bits - 1)).seed(seed).fit(engine, train)?;
    let equalized = Equalized::of(engine, sfvq.curve().ok_or("a curve")?, train, k)?;
    let one = |quantizer: &dyn Quantizer| -> wgvq::Result<Judged> {
        let found = Evaluation::of(&*quantizer.prepare(engine)?, engine, held_out)?;
        let counts = found.usage[0].counts().to_vec();
        Ok(Judged { occurrence: Occurrence::of(&counts)?, counts, mse: found.distortion.mse() })
    };
    Ok([one(&vq)?, one(&*sfvq)?, one(&equalized)?, one(&equalized.clone().by_curve())?])
}

/// The measures of a code, in the order of the table, with the digits that they are printed with.
fn measures(occurrence: &Occurrence) -> [(Measure, usize); 5] {
    let o = occurrence;
    [(o.standard_deviation, 2), (o.divergence, 2), (o.sparseness, 4), (o.worst_case, 2), (o.mean, 2)]
}

/// Prints a line of the table; the means of what the pictures show.
fn report(bits: u32, name: &str, judged: &[Judged]) -> [f64; 3] {
    let all = |of: &dyn Fn(&Judged) -> f64| -> Vec<f64> { judged.iter().map(of).collect() };
    let shown = |at: usize| {
        let digits = measures(&judged[0].occurrence)[at].1;
        seeds::mean_and_spread(&all(&|one| measures(&one.occurrence)[at].0.found), digits)
    };
    let mse = all(&|one| one.mse);
    println!(
        "{bits:<4} {name:<22} {:>15} {:>13} {:>15} {:>13} {:>13} {:>15}",
        shown(0),
        shown(1),
        shown(2),
        shown(3),
        shown(4),
        seeds::mean_and_spread(&mse, if mse[0] < 100.0 { 4 } else { 0 })
    );
    let deviation = |one: &Judged| {
        let Measure { found, ideal } = one.occurrence.standard_deviation;
        found / ideal
    };
    let worst = |one: &Judged| one.occurrence.worst_case.found - one.occurrence.worst_case.ideal;
    [seeds::mean(&all(&deviation)), seeds::mean(&all(&worst)), seeds::mean(&mse)]
}

fn report_ideal(bits: u32, occurrence: &Occurrence) {
    let [std, kl, sparseness, worst, mean] =
        measures(occurrence).map(|(measure, digits)| format!("{:.digits$}", measure.ideal));
    println!(
        "{bits:<4} {:<22} {std:>15} {kl:>13} {sparseness:>15} {worst:>13} {mean:>13}",
        "(a uniform code)"
    );
}

/// A bar for each code of each quantizer of the first seed, the measures, and where the counts of a uniform code are.
fn draw(path: &Path, judged: &[Vec<Judged>; 4]) -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (1000, 760)).into_drawing_area();
        area.fill(&WHITE)?;
        let (head, area) = area.split_vertically(30);
        let key = "line: all codes equally often; band: ± the standard deviation of a uniform code, whose measures are \
                   in brackets";
        head.draw(&Text::new(key, (14, 10), ("sans-serif", 14)))?;
        let highest = judged.iter().flat_map(|judged| &judged[0].counts).copied().max().unwrap_or(1);
        for ((name, judged), area) in NAMES.into_iter().zip(judged).zip(area.split_evenly((2, 2))) {
            draw_counts(&area, name, &judged[0], highest)?;
        }
        area.present()?;
    }
    std::fs::write(path, text)?;
    Ok(())
}

/// Blue and black: one is light and the other dark, in grey too.
const BAR: RGBColor = RGBColor(86, 180, 233);
const BAND: RGBColor = RGBColor(0, 0, 0);

fn draw_counts(
    area: &DrawingArea<SVGBackend, plotters::coord::Shift>,
    name: &str,
    judged: &Judged,
    highest: u64,
) -> Result<(), Box<dyn Error>> {
    let (counts, o) = (&judged.counts, &judged.occurrence);
    let k = counts.len() as f64;
    let (mean, deviation) = (o.vectors as f64 / k, o.standard_deviation.ideal);
    let beside = |name: &str, measure: Measure| format!("{name} {:.2} ({:.2})", measure.found, measure.ideal);
    let said = [
        beside("std", o.standard_deviation),
        beside("KL", o.divergence),
        beside("worst case", o.worst_case),
        format!("l2/l1 {:.3} ({:.3})", o.sparseness.found, o.sparseness.ideal),
    ];
    let (head, below) = area.split_vertically(44);
    head.draw(&Text::new(name, (60, 4), ("sans-serif", 17)))?;
    head.draw(&Text::new(said.join(", "), (60, 26), ("sans-serif", 13)))?;
    let mut chart = ChartBuilder::on(&below)
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..k, 0.0..1.05 * highest as f64)?;
    let whole = |value: &f64| if value.fract() == 0.0 { value.to_string() } else { String::new() };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_desc("code")
        .y_desc("vectors")
        .x_label_formatter(&whole)
        .y_label_formatter(&whole)
        .draw()?;
    chart.draw_series(counts.iter().enumerate().map(|(code, &count)| {
        let corners = [(code as f64 + 0.1, 0.0), (code as f64 + 0.9, count as f64)];
        Rectangle::new(corners, BAR.filled())
    }))?;
    let band = [(0.0, mean - deviation), (k, mean + deviation)];
    chart.draw_series([Rectangle::new(band, BAND.mix(0.25).filled())])?;
    chart.draw_series(LineSeries::new([(0.0, mean), (k, mean)], BAND))?;
    Ok(())
}
