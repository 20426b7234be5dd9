//! What an ordered codebook tells of labelled vectors (Fig. 5.4b of the thesis): handwritten digits.
//!
//! ```text
//! cargo run --release --example sfvq_labels [VECTORS LABELS]
//! ```
//!
//! Trains an SFVQ of 5 bits and a plain VQ whose codewords are put in order along the shortest tour that 2-opt finds, on
//! the digits in `data/` unless other files are given. Prints how much neighbouring codewords have in common and where on
//! the curve each label is, and draws both heat maps (label × index) to `target/sfvq_labels.svg`.

use std::error::Error;
use std::path::Path;

use ndarray::{Array2, Axis};
use plotters::prelude::*;
use wgvq::curves::Tour;
use wgvq::interpret::{LabelHistogram, OrderedCodebook};
use wgvq::io::IndexFile;
use wgvq::{Engine, GradientTraining, Quantizer, Trainer, Vq, metrics};

const BITS: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let (vectors, labels) = match &files[..] {
        [] => ("data/digits.npy", "data/digits_labels.npy"),
        [vectors, labels] => (&vectors[..], &labels[..]),
        _ => return Err("give no file, or two: VECTORS LABELS".into()),
    };
    let x: Array2<f32> = wgvq::io::open(vectors)?.to_array()?;
    let labels: Vec<u32> = IndexFile::open_column(labels)?.to_array()?.into_iter().collect();
    let (engine, k) = (Engine::auto()?, 1 << BITS);

    let training = GradientTraining::new(format!("SFVQ{BITS}").parse()?, Trainer::NSVQ);
    let sfvq = training.steps(6000).batch(256).seed(1).fit(&engine, &x)?;
    let vq = Vq::builder().k(k).seed(1).fit(&engine, &x)?;
    let tour = Tour::nearest_neighbour(vq.codebook().view())?.two_opt(vq.codebook().view())?;
    let sorted = Vq::new(vq.codebook().select(Axis(0), tour.order()))?;

    println!("{} vectors of {} dimensions, {k} codewords, on {}", x.nrows(), x.ncols(), engine.name());
    println!(
        "{:<22} {:>9} {:>8} {:>12} {:>10} {:>8}",
        "quantizer", "mse", "purity", "order score", "mean jump", "order"
    );
    let mut maps = Vec::new();
    let quantizers: [(&str, &dyn Quantizer); 3] =
        [("SFVQ", &*sfvq), ("VQ along a 2-opt tour", &sorted), ("VQ as trained", &vq)];
    for (name, quantizer) in quantizers {
        let codes = quantizer.encode(&engine, &x)?;
        let mse = metrics::mse(x.view(), quantizer.decode(&engine, &codes)?.view())?;
        let codes: Vec<u32> = codes.view().iter().copied().collect();
        let histogram = LabelHistogram::of(&labels, &codes, k)?;
        let codebook = OrderedCodebook::new(quantizer.codebooks()[0].clone())?;
        let shown = |value: Option<f64>| value.map_or_else(|| "–".to_string(), |value| format!("{value:.3}"));
        println!(
            "{name:<22} {mse:>9.2} {:>8.3} {:>12} {:>10.2} {:>8}",
            histogram.purity(),
            shown(histogram.order_score()),
            codebook.jumps().mean,
            shown(codebook.order())
        );
        maps.push((name, histogram));
    }
    println!("\nwhere on the curve of the SFVQ nine tenths of each label are");
    for (row, label) in maps[0].1.labels().iter().enumerate() {
        let [from, middle, to] = [0.05, 0.5, 0.95].map(|share| maps[0].1.quantile(row, share));
        println!("{label:>5}: {from:>3} to {to:>3}, half of them before {middle}");
    }
    draw(Path::new("target/sfvq_labels.svg"), &maps[..2])?;
    println!("the heat maps are in target/sfvq_labels.svg");
    Ok(())
}

/// A map for each histogram, one below the other: the darker, the more of the label's vectors have that index.
fn draw(path: &Path, maps: &[(&str, LabelHistogram)]) -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (900, 340 * maps.len() as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        for ((name, histogram), area) in maps.iter().zip(area.split_evenly((maps.len(), 1))) {
            let counts = histogram.counts();
            let (labels, k) = counts.dim();
            let mut chart = ChartBuilder::on(&area)
                .caption(name, ("sans-serif", 18))
                .margin(10)
                .x_label_area_size(36)
                .y_label_area_size(48)
                .build_cartesian_2d(0.0..k as f64, 0.0..labels as f64)?;
            let names = |at: &f64| {
                histogram.labels().get(*at as usize).map_or_else(String::new, |label| label.to_string())
            };
            chart
                .configure_mesh()
                .disable_mesh()
                .x_desc("index")
                .y_desc("label")
                .y_labels(labels)
                .y_label_formatter(&names)
                .draw()?;
            for (row, counts) in counts.rows().into_iter().enumerate() {
                let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
                chart.draw_series(counts.iter().enumerate().map(|(index, &count)| {
                    let share = count as f64 / most;
                    let corners = [(index as f64, row as f64), (index as f64 + 1.0, row as f64 + 1.0)];
                    Rectangle::new(corners, HSLColor(0.6, 0.8, 1.0 - 0.75 * share).filled())
                }))?;
            }
        }
        area.present()?;
    }
    std::fs::write(path, text)?;
    Ok(())
}
