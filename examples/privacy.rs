//! Occurrence equalisation (Fig. 5.6 of the thesis): how much the use of codes tells of the vectors, on vectors not seen in
//! training.
//!
//! ```text
//! cargo run --release --example privacy [VECTORS]
//! ```
//!
//! VQ, SFVQ and the equalised SFVQ, by codeword and by position on the curve, at 4, 5 and 6 bits. The sample of sentence
//! vectors if no file is given; a quarter of them is held out. Prints the measures with their ideals, and the price in
//! error, and writes how often each code of 6 bits occurs to `target/privacy.svg`.

use std::error::Error;
use std::path::Path;

use ndarray::{Array2, s};
use plotters::prelude::*;
use wgvq::privacy::Occurrence;
use wgvq::{Engine, Equalized, Evaluation, GradientTraining, Quantizer, Trainer, Vq};

/// Steps of an SFVQ for each of its stages.
const STEPS: u64 = 600;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "data/wordnet.npy".into());
    let all: Array2<f32> = wgvq::io::open(&path)?.to_array()?;
    let seen = all.nrows() / 4 * 3;
    let (train, held_out) = (all.slice(s![..seen, ..]).to_owned(), all.slice(s![seen.., ..]).to_owned());
    let engine = Engine::auto()?;
    println!("{seen} vectors to train on, {} held out, on {}", held_out.nrows(), engine.name());
    println!(
        "{:<4} {:<22} {:>9} {:>9} {:>10} {:>9} {:>9} {:>9}",
        "bits", "quantizer", "std", "KL bits", "sparseness", "worst", "mean", "mse"
    );
    let mut histograms = Vec::new();
    for bits in [4_u32, 5, 6] {
        let k = 1 << bits;
        let vq = Vq::builder().k(k).seed(1).fit(&engine, &train)?;
        let training = GradientTraining::new(format!("SFVQ{bits}").parse()?, Trainer::NSVQ);
        let sfvq = training.steps(STEPS * u64::from(bits - 1)).seed(1).fit(&engine, &train)?;
        let corners = sfvq.curve().ok_or("a curve")?;
        let equalized = Equalized::of(&engine, corners, &train, k)?;
        let by_curve = equalized.clone().by_curve();
        let quantizers: [(&str, &dyn Quantizer); 4] = [
            ("VQ", &vq),
            ("SFVQ", &*sfvq),
            ("equalised, by codeword", &equalized),
            ("equalised, by curve", &by_curve),
        ];
        let mut ideal = None;
        for (name, quantizer) in quantizers {
            let found = Evaluation::of(&*quantizer.prepare(&engine)?, &engine, &held_out)?;
            let counts = found.usage[0].counts();
            let o = Occurrence::of(counts)?;
            println!(
                "{bits:<4} {name:<22} {:>9.2} {:>9.3} {:>10.4} {:>9.3} {:>9.3} {:>9.4}",
                o.standard_deviation.found,
                o.divergence.found,
                o.sparseness.found,
                o.worst_case.found,
                o.mean.found,
                found.distortion.mse()
            );
            if bits == 6 {
                histograms.push((name, counts.to_vec()));
            }
            ideal = Some(o);
        }
        let o = ideal.ok_or("no quantizer")?;
        println!(
            "{bits:<4} {:<22} {:>9.2} {:>9.3} {:>10.4} {:>9.3} {:>9.3}",
            "(ideal)",
            o.standard_deviation.ideal,
            o.divergence.ideal,
            o.sparseness.ideal,
            o.worst_case.ideal,
            o.mean.ideal
        );
    }
    draw(Path::new("target/privacy.svg"), &histograms)?;
    println!("the histograms of 6 bits are in target/privacy.svg");
    Ok(())
}

/// A bar for each code of each quantizer, and a line where all would be equal.
fn draw(path: &Path, histograms: &[(&str, Vec<u64>)]) -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (900, 640)).into_drawing_area();
        area.fill(&WHITE)?;
        let highest = histograms.iter().flat_map(|(_, counts)| counts).copied().max().unwrap_or(1);
        for ((name, counts), area) in histograms.iter().zip(area.split_evenly((2, 2))) {
            let equal = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
            let mut chart = ChartBuilder::on(&area)
                .caption(name, ("sans-serif", 18))
                .margin(10)
                .x_label_area_size(36)
                .y_label_area_size(48)
                .build_cartesian_2d(0.0..counts.len() as f64, 0.0..highest as f64)?;
            chart.configure_mesh().disable_x_mesh().x_desc("code").y_desc("vectors").draw()?;
            chart.draw_series(counts.iter().enumerate().map(|(code, &count)| {
                let corners = [(code as f64 + 0.1, 0.0), (code as f64 + 0.9, count as f64)];
                Rectangle::new(corners, RGBColor(70, 110, 180).filled())
            }))?;
            chart.draw_series(LineSeries::new([(0.0, equal), (counts.len() as f64, equal)], RED))?;
        }
        area.present()?;
    }
    std::fs::write(path, text)?;
    Ok(())
}
