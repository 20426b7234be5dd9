//! Residual, product and additive quantizers by noise substitution (NSVQ), against their classical training.
//!
//! ```text
//! cargo run --release --example nsvq_variants [--full] [TRAIN BASE QUERIES]
//! ```
//!
//! Without files it takes the sample of sentence vectors, 4 bytes each: three quarters to train, the rest as BASE. With files, such as the `learn`, `base` and `query` of
//! SIFT, 8 bytes each. Prints the mean squared error on BASE and how often the true nearest neighbour of a query is among the
//! first 1, 10 and 100 found by the codes, and writes the training curves to `target/nsvq_variants.svg`. `--full` takes four
//! times the steps.

#[path = "shared/chart.rs"]
mod chart;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ndarray::{Array2, s};
use wgvq::metrics::{self, Metric};
use wgvq::search::{Search, recall};
use wgvq::{Engine, GradientTraining, Quantizer, Spec, Trainer, Training};

/// Steps of a run.
const STEPS: u64 = 2000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let full = files.iter().any(|file| file == "--full");
    files.retain(|file| !file.starts_with("--"));
    let read = |path: &str| -> wgvq::Result<Array2<f32>> { wgvq::io::open(path)?.to_array() };
    let (train, base, queries, m) = match &files[..] {
        [] => {
            let all = read("data/wordnet.npy")?;
            let (train, base) = (all.slice(s![..4500, ..]).to_owned(), all.slice(s![4500.., ..]).to_owned());
            (train, base, read("data/wordnet_queries.npy")?, 4)
        }
        [train, base, queries] => (read(train)?, read(base)?, read(queries)?, 8),
        _ => return Err("give no file, or three: TRAIN BASE QUERIES".into()),
    };
    let engine = Engine::auto()?;
    let truth = Search::nearest(1).flat(&engine, Metric::SquaredL2, &base, &queries)?.ids;
    let judge =
        |spec: &Spec, training: &str, quantizer: &dyn Quantizer, begin: Instant| -> wgvq::Result<()> {
            let seconds = begin.elapsed().as_secs_f64();
            let codes = quantizer.encode(&engine, &base)?;
            let mse = metrics::mse(base.view(), quantizer.decode(&engine, &codes)?.view())?;
            let rows = |rows| Ok(codes.rows(rows).to_owned());
            let found = Search::nearest(100)
                .codes(&engine, Metric::SquaredL2, quantizer, codes.len(), rows, &queries)?
                .ids;
            let [r1, r10, r100] = [1, 10, 100].map(|at| recall(found.view(), truth.view(), at));
            let (r1, r10, r100) = (r1?, r10?, r100?);
            println!(
                "{:<8} {training:<10} {mse:>11.5} {r1:>8.3} {r10:>8.3} {r100:>8.3} {seconds:>9.1}",
                spec.to_string()
            );
            Ok(())
        };
    println!(
        "{m} bytes per vector on {}: {} vectors of {} dimensions",
        engine.name(),
        base.nrows(),
        base.ncols()
    );
    println!(
        "{:<8} {:<10} {:>11} {:>8} {:>8} {:>8} {:>9}",
        "spec", "training", "mse", "R@1", "R@10", "R@100", "seconds"
    );

    let mut curves = Vec::new();
    for family in ["RQ", "PQ", "AQ"] {
        let name = format!("{family}{m}x8");
        let spec: Spec = name.parse()?;
        let begin = Instant::now();
        let classical = Training::new(spec.clone()).seed(1).fit(&engine, &train, &mut ())?.quantizer;
        judge(&spec, "classical", &*classical, begin)?;

        let begin = Instant::now();
        let steps = if full { 4 * STEPS } else { STEPS };
        let training = GradientTraining::new(spec.clone(), Trainer::NSVQ).steps(steps).seed(1);
        let mut run = training.start(&engine, &train)?;
        let mut points = Vec::new();
        while run.step() < steps {
            let window = run.advance()?;
            points.push((window.step as f64, window.mse()));
        }
        judge(&spec, "nsvq", &*run.quantizer()?, begin)?;
        curves.push((name, points));
    }
    let panel = chart::Panel { title: "mean squared error while training by NSVQ", x: "step", lines: curves };
    std::fs::create_dir_all("target")?;
    chart::draw(Path::new("target/nsvq_variants.svg"), &[panel])?;
    println!("the curves are in target/nsvq_variants.svg");
    Ok(())
}
