//! Space-filling vector quantization of points in the plane (Publication IV and Fig. 5.4a of the thesis), beside plain
//! VQ.
//!
//! ```text
//! cargo run --release --example sfvq_gaussian [--full] [FOLDER]
//! ```
//!
//! 6 bits on a Gaussian, on a ring and on a spiral, over three seeds. Prints the errors on points that were not trained
//! on, how far codewords that follow one another are apart, how often the way through them crosses itself, and the time
//! of training, with what a plain PyTorch run of the publication's training gives for the Gaussian; draws both codebooks
//! of the first seed, from light to dark by index, to FOLDER/gaussian.svg and so on (`target/sfvq` if not said). `--full`
//! takes the publication's 3000 steps for each doubling of the corners, five times those of the default.

#[path = "shared/plane.rs"]
mod plane;
#[path = "shared/seeds.rs"]
mod seeds;

use std::error::Error;
use std::f32::consts::TAU;
use std::path::PathBuf;
use std::time::Instant;

use ndarray::{Array2, Axis};
use wgvq::curves::Tour;
use wgvq::interpret::OrderedCodebook;
use wgvq::{Engine, Evaluation, GradientTraining, Projection, Quantizer, Rng, Trainer, Vq};

const BITS: u32 = 6;
const VECTORS: usize = 20_000;
const SEEDS: u64 = 3;
/// Steps for each number of corners, from 4 to 64.
const STEPS: u64 = 600;
const FULL_STEPS: u64 = 3000;
/// For the Gaussian: the error, that to the curve, and the mean step.
const REFERENCE: [(&str, [f64; 3]); 2] = [("VQ", [0.060, f64::NAN, 2.5]), ("SFVQ", [0.065, 0.033, 0.66])];

/// A codebook on the points that it is judged by.
struct Judged {
    codebook: Array2<f32>,
    mse: f64,
    /// To all of the curve; of a plain codebook, none.
    curve_mse: f64,
    /// To the next codeword.
    step: f64,
    crossings: f64,
    /// Of training.
    seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let steps = if arguments.iter().any(|argument| argument == "--full") { FULL_STEPS } else { STEPS };
    let folder = arguments.iter().find(|argument| !argument.starts_with("--"));
    let folder = folder.map_or_else(|| PathBuf::from("target/sfvq"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let engine = Engine::auto()?;
    println!(
        "{VECTORS} points, {BITS} bits, {SEEDS} seeds, {steps} steps per doubling, on {}",
        engine.name()
    );
    println!(
        "{:<9} {:<16} {:>16} {:>16} {:>14} {:>12} {:>12}",
        "points", "quantizer", "mse", "mse to curve", "mean step", "crossings", "seconds"
    );
    let mut gaussian = Vec::new();
    for shape in ["gaussian", "ring", "spiral"] {
        let (mut plain, mut sorted, mut curves) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 0..SEEDS {
            let (train, held_out) = (points(shape, seed), points(shape, SEEDS + seed));
            let begin = Instant::now();
            let vq = Vq::builder().k(1 << BITS).seed(seed).fit(&engine, &train)?;
            let seconds = begin.elapsed().as_secs_f64();
            plain.push(Judged::of(&engine, &vq, vq.codebook(), &held_out, seconds)?);
            let tour = Tour::nearest_neighbour(vq.codebook().view())?.two_opt(vq.codebook().view())?;
            let vq = Vq::new(vq.codebook().select(Axis(0), tour.order()))?;
            sorted.push(Judged::of(&engine, &vq, vq.codebook(), &held_out, begin.elapsed().as_secs_f64())?);

            let begin = Instant::now();
            let training = GradientTraining::new(format!("SFVQ{BITS}").parse()?, Trainer::NSVQ);
            let stages = u64::from(BITS) - 1;
            let sfvq = training.steps(steps * stages).batch(256).seed(seed).fit(&engine, &train)?;
            let seconds = begin.elapsed().as_secs_f64();
            let curve = sfvq.curve().ok_or("a curve")?.clone();
            curves.push(Judged::of(&engine, &*sfvq, &curve, &held_out, seconds)?);
        }
        report(shape, "VQ", &plain);
        report(shape, "VQ, 2-opt tour", &sorted);
        report(shape, "SFVQ", &curves);
        let cloud = &points(shape, 0);
        let plane = |title: &str, judged: &[Judged]| (title.to_string(), judged[0].codebook.clone());
        let drawn = [plane("VQ", &plain), plane("VQ along a 2-opt tour", &sorted), plane("SFVQ", &curves)];
        let planes = drawn.each_ref().map(|(title, codewords)| plane::Plane {
            title: title.clone(),
            cloud,
            codewords,
            connected: true,
        });
        plane::draw(&folder.join(format!("{shape}.svg")), &planes, 3)?;
        if shape == "gaussian" {
            gaussian = vec![plain, curves];
        }
    }
    println!(
        "\nthe Gaussian beside a plain PyTorch run of the publication's training, of 3000 steps per doubling"
    );
    println!("{:<9} {:<14} {:>9} {:>10}", "quantizer", "figure", "here", "reference");
    for ((name, reference), judged) in REFERENCE.into_iter().zip(&gaussian) {
        let figures: [(&str, Figure); 3] =
            [("mse", |j| j.mse), ("mse to curve", |j| j.curve_mse), ("mean step", |j| j.step)];
        for ((figure, of), reference) in figures.into_iter().zip(reference) {
            if reference.is_finite() {
                println!("{name:<9} {figure:<14} {:>9.4} {reference:>10}", seeds::mean(&all(judged, of)));
            }
        }
    }
    println!("pictures are in {}", folder.display());
    Ok(())
}

/// A figure of a codebook.
type Figure = fn(&Judged) -> f64;

fn all(judged: &[Judged], of: Figure) -> Vec<f64> {
    judged.iter().map(of).collect()
}

impl Judged {
    fn of(
        engine: &Engine,
        quantizer: &dyn Quantizer,
        codebook: &Array2<f32>,
        held_out: &Array2<f32>,
        seconds: f64,
    ) -> Result<Self, Box<dyn Error>> {
        let curve_mse = match quantizer.curve() {
            Some(curve) => Projection::of(engine, curve, held_out)?.mse,
            None => f64::NAN,
        };
        Ok(Self {
            codebook: codebook.clone(),
            mse: Evaluation::of(&*quantizer.prepare(engine)?, engine, held_out)?.distortion.mse(),
            curve_mse,
            step: OrderedCodebook::new(codebook.clone())?.jumps().mean,
            crossings: crossings(codebook) as f64,
            seconds,
        })
    }
}

/// A line of the table.
fn report(shape: &str, name: &str, judged: &[Judged]) {
    let shown = |of: Figure, digits| {
        let values = all(judged, of);
        if values.iter().all(|value| value.is_finite()) {
            seeds::mean_and_spread(&values, digits)
        } else {
            "–".to_string()
        }
    };
    println!(
        "{shape:<9} {name:<16} {:>16} {:>16} {:>14} {:>12} {:>12}",
        shown(|judged| judged.mse, 4),
        shown(|judged| judged.curve_mse, 4),
        shown(|judged| judged.step, 2),
        shown(|judged| judged.crossings, 0),
        shown(|judged| judged.seconds, 1)
    );
}

/// Points in the plane: all over (`gaussian`), along a closed line (`ring`), or along an open one.
fn points(shape: &str, seed: u64) -> Array2<f32> {
    let mut rng = Rng::new(5, seed);
    if shape == "gaussian" {
        return Array2::from_shape_simple_fn((VECTORS, 2), || rng.normal());
    }
    let mut points = Array2::zeros((VECTORS, 2));
    for mut point in points.rows_mut() {
        let t = rng.uniform();
        // The spiral is even along its length, which grows with the square of the angle.
        let (radius, angle) = if shape == "ring" { (1.0, TAU * t) } else { (t.sqrt(), 2.5 * TAU * t.sqrt()) };
        point[0] = radius * angle.cos() + 0.05 * rng.normal();
        point[1] = radius * angle.sin() + 0.05 * rng.normal();
    }
    points
}

/// How often the curve crosses itself.
fn crossings(corners: &Array2<f32>) -> usize {
    let side = |a: usize, b: usize, c: usize| {
        let at = |corner: usize, axis: usize| f64::from(corners[[corner, axis]]);
        (at(b, 0) - at(a, 0)) * (at(c, 1) - at(a, 1)) - (at(b, 1) - at(a, 1)) * (at(c, 0) - at(a, 0)) > 0.0
    };
    let segments = corners.nrows() - 1;
    let cross = |a: usize, b: usize| {
        side(a, a + 1, b) != side(a, a + 1, b + 1) && side(b, b + 1, a) != side(b, b + 1, a + 1)
    };
    (0..segments).map(|a| (a + 2..segments).filter(|&b| cross(a, b)).count()).sum()
}
