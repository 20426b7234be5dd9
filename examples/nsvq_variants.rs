//! Residual, product and additive quantizers by noise substitution (NSVQ), against their classical training, at one rate
//! (Publication III and Fig. 5.3 of the thesis).
//!
//! ```text
//! cargo run --release --example nsvq_variants [--full] [TRAIN BASE QUERIES]
//! ```
//!
//! Without files it takes the sample of sentence vectors, 4 bytes each and 250 steps: three quarters to train, the rest
//! as BASE. With files, such as the `learn`, `base` and `query` of SIFT, 8 bytes each and 1000 steps. Each is trained
//! with three seeds. Prints the mean squared error on BASE and how often the true nearest neighbour of a query is among
//! the first 1, 10 and 100 found by the codes, mean and standard deviation; draws 1-recall@T for T from 1 to 100
//! to `target/recall.svg` and the errors while training to `target/nsvq_variants.svg`. `--full` takes 4000 steps.

#[path = "shared/chart.rs"]
mod chart;
#[path = "shared/seeds.rs"]
mod seeds;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ndarray::{Array2, s};
use wgvq::metrics::{self, Metric};
use wgvq::search::{Recall, Search};
use wgvq::{Engine, GradientTraining, Quantizer, Spec, Trainer, Training};

/// Steps of a run on the sample, and of the longest.
const STEPS: u64 = 250;
const FULL_STEPS: u64 = 4000;
const SEEDS: u64 = 3;
/// The last T of 1-recall@T.
const LAST: usize = 100;

/// A quantizer on the vectors that it is judged by.
struct Judged {
    mse: f64,
    /// 1-recall@T for T from 1 to [`LAST`].
    recalls: Vec<f64>,
    /// Of training.
    seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let full = files.iter().any(|file| file == "--full");
    files.retain(|file| !file.starts_with("--"));
    let read = |path: &str| -> wgvq::Result<Array2<f32>> { wgvq::io::open(path)?.to_array() };
    let (train, base, queries, m, steps) = match &files[..] {
        [] => {
            let all = read("data/wordnet.npy")?;
            let (train, base) = (all.slice(s![..4500, ..]).to_owned(), all.slice(s![4500.., ..]).to_owned());
            (train, base, read("data/wordnet_queries.npy")?, 4, STEPS)
        }
        [train, base, queries] => (read(train)?, read(base)?, read(queries)?, 8, 4 * STEPS),
        _ => return Err("give no file, or three: TRAIN BASE QUERIES".into()),
    };
    let steps = if full { FULL_STEPS } else { steps };
    let engine = Engine::auto()?;
    let truth = Search::nearest(1).flat(&engine, Metric::SquaredL2, &base, &queries)?.ids;
    let judge = |quantizer: &dyn Quantizer, begin: Instant| -> wgvq::Result<Judged> {
        let seconds = begin.elapsed().as_secs_f64();
        let codes = quantizer.encode(&engine, &base)?;
        let mse = metrics::mse(base.view(), quantizer.decode(&engine, &codes)?.view())?;
        let rows = |rows| Ok(codes.rows(rows).to_owned());
        let found = Search::nearest(LAST)
            .codes(&engine, Metric::SquaredL2, quantizer, codes.len(), rows, &queries)?
            .ids;
        let recalls = (1..=LAST).map(|at| Recall::new(1, at)?.measure(found.view(), truth.view()));
        Ok(Judged { mse, recalls: recalls.collect::<wgvq::Result<_>>()?, seconds })
    };
    println!(
        "{m} bytes per vector on {}: {} vectors of {} dimensions, {SEEDS} seeds, {steps} steps",
        engine.name(),
        base.nrows(),
        base.ncols()
    );
    println!(
        "{:<8} {:<10} {:>18} {:>15} {:>15} {:>15} {:>12}",
        "spec", "training", "mse", "R@1", "R@10", "R@100", "seconds"
    );

    let (mut recalls, mut losses) = (Vec::new(), Vec::new());
    for family in ["RQ", "PQ", "AQ"] {
        let spec: Spec = format!("{family}{m}x8").parse()?;
        let mut judged = Vec::new();
        for seed in 0..SEEDS {
            let begin = Instant::now();
            let training = Training::new(spec.clone()).seed(seed);
            judged.push(judge(&*training.fit(&engine, &train, &mut ())?.quantizer, begin)?);
        }
        recalls.push(report(&spec, "classical", &judged));

        judged.clear();
        for seed in 0..SEEDS {
            let begin = Instant::now();
            let training = GradientTraining::new(spec.clone(), Trainer::NSVQ).steps(steps).seed(seed);
            let mut run = training.start(&engine, &train)?;
            let mut points = Vec::new();
            while run.step() < steps {
                let window = run.advance()?;
                points.push((window.step as f64, window.mse()));
            }
            judged.push(judge(&*run.quantizer()?, begin)?);
            if seed == 0 {
                losses.push((spec.to_string(), points));
            }
        }
        recalls.push(report(&spec, "NSVQ", &judged));
    }
    std::fs::create_dir_all("target")?;
    let title =
        format!("1-recall@T of {} queries among {} codes of {m} bytes", queries.nrows(), base.nrows());
    let panel = chart::Panel { title: &title, x: "T", lines: recalls };
    chart::draw_over_ranks(Path::new("target/recall.svg"), &[panel])?;
    let panel = chart::Panel { title: "mean squared error while training by NSVQ", x: "step", lines: losses };
    chart::draw(Path::new("target/nsvq_variants.svg"), &[panel])?;
    println!("1-recall@T is drawn in target/recall.svg, the training in target/nsvq_variants.svg");
    Ok(())
}

/// Prints a line of the table; the mean recalls with a name, as a line of the picture.
fn report(spec: &Spec, training: &str, judged: &[Judged]) -> (String, Vec<(f64, f64)>) {
    let all = |of: &dyn Fn(&Judged) -> f64| -> Vec<f64> { judged.iter().map(of).collect() };
    let at = |at: usize| all(&|one| one.recalls[at - 1]);
    let shown = |values: Vec<f64>, digits| seeds::mean_and_spread(&values, digits);
    let mse = all(&|one| one.mse);
    println!(
        "{:<8} {training:<10} {:>18} {:>15} {:>15} {:>15} {:>12}",
        spec.to_string(),
        seeds::mean_and_spread(&mse, if mse[0] < 100.0 { 4 } else { 0 }),
        shown(at(1), 3),
        shown(at(10), 3),
        shown(at(100), 3),
        shown(all(&|one| one.seconds), 1)
    );
    let points = (1..=LAST).map(|rank| (rank as f64, seeds::mean(&at(rank))));
    (format!("{spec}, {training}"), points.collect())
}
