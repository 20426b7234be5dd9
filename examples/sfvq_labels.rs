//! What an ordered codebook tells of labelled vectors (Publications IV and V, Figs. 5.4b and 5.5 of the thesis):
//! handwritten digits.
//!
//! ```text
//! cargo run --release --example sfvq_labels [--full] [VECTORS LABELS]
//! ```
//!
//! Trains an SFVQ of 5 bits and a plain VQ, also with its codewords in order along the shortest tour that 2-opt finds, on
//! the digits in `data/` unless other files are given, over three seeds; a quarter of the vectors is held out. Prints how
//! much neighbouring codewords have in common, and what becomes of vectors that are moved the way that the curve goes
//! from a codeword of their label to one of another. Draws the heat maps (label × index) of the first seed to
//! `target/sfvq_labels.svg` and, of images, the four codewords of 2 bits and their directions to
//! `target/sfvq_directions.svg`. `--full` takes five times the steps.

#[path = "shared/heat_map.rs"]
mod heat_map;
#[path = "shared/images.rs"]
mod images;
#[path = "shared/seeds.rs"]
mod seeds;

use std::error::Error;
use std::path::Path;

use ndarray::{Array1, Array2, Axis};
use wgvq::curves::Tour;
use wgvq::interpret::{LabelHistogram, OrderedCodebook};
use wgvq::io::IndexFile;
use wgvq::metrics::{self, Metric};
use wgvq::search::Search;
use wgvq::{Engine, GradientTraining, Quantizer, Rng, Trainer, Vq};

const BITS: u32 = 5;
const SEEDS: u64 = 3;
/// Steps of an SFVQ for each of its stages.
const STEPS: u64 = 400;
/// How far vectors are moved, in steps between two codewords.
const ALPHAS: [f32; 5] = [0.0, 0.5, 1.0, 1.5, 2.0];
const NAMES: [&str; 3] = ["SFVQ", "VQ along a 2-opt tour", "VQ as trained"];

/// Vectors with a label each.
struct Labelled {
    x: Array2<f32>,
    labels: Vec<u32>,
}

/// A codebook on the vectors that were held out.
struct Judged {
    mse: f64,
    step: f64,
    order: f64,
    histogram: LabelHistogram,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let steps = if files.iter().any(|file| file == "--full") { 5 * STEPS } else { STEPS };
    files.retain(|file| !file.starts_with("--"));
    let (vectors, labels) = match &files[..] {
        [] => ("data/digits.npy", "data/digits_labels.npy"),
        [vectors, labels] => (&vectors[..], &labels[..]),
        _ => return Err("give no file, or two: VECTORS LABELS".into()),
    };
    let x: Array2<f32> = wgvq::io::open(vectors)?.to_array()?;
    let labels: Vec<u32> = IndexFile::open_column(labels)?.to_array()?.into_iter().collect();
    let (train, held_out) = split(&x, &labels);
    let (engine, k) = (Engine::auto()?, 1 << BITS);
    println!(
        "{} vectors of {} dimensions to train on, {} held out, {k} codewords, {SEEDS} seeds, on {}",
        train.x.nrows(),
        x.ncols(),
        held_out.x.nrows(),
        engine.name()
    );

    let mut judged: [Vec<Judged>; 3] = std::array::from_fn(|_| Vec::new());
    let mut moved: [Vec<Vec<f64>>; 2] = std::array::from_fn(|_| vec![Vec::new(); ALPHAS.len()]);
    for seed in 0..SEEDS {
        let sfvq = curve(&engine, &train.x, BITS, steps, seed)?;
        let vq = Vq::builder().k(k).seed(seed).fit(&engine, &train.x)?;
        let tour = Tour::nearest_neighbour(vq.codebook().view())?.two_opt(vq.codebook().view())?;
        let sorted = Vq::new(vq.codebook().select(Axis(0), tour.order()))?;
        let quantizers: [&dyn Quantizer; 3] = [&*sfvq, &sorted, &vq];
        for (judged, quantizer) in judged.iter_mut().zip(quantizers) {
            judged.push(judge(&engine, quantizer, &held_out)?);
        }
        let [along, random] = follow(&engine, &*sfvq, &train, &held_out, seed)?;
        for (moved, found) in moved.iter_mut().zip([along, random]) {
            moved.iter_mut().zip(found).for_each(|(moved, share)| moved.push(share));
        }
    }
    println!(
        "{:<22} {:>16} {:>15} {:>15} {:>15} {:>15}",
        "quantizer", "mse", "purity", "order score", "mean step", "order"
    );
    for (name, judged) in NAMES.into_iter().zip(&judged) {
        let shown = |of: &dyn Fn(&Judged) -> f64, digits| {
            seeds::mean_and_spread(&judged.iter().map(of).collect::<Vec<_>>(), digits)
        };
        println!(
            "{name:<22} {:>16} {:>15} {:>15} {:>15} {:>15}",
            shown(&|one| one.mse, 1),
            shown(&|one| one.histogram.purity(), 3),
            shown(&|one| one.histogram.order_score().unwrap_or(f64::NAN), 3),
            shown(&|one| one.step, 2),
            shown(&|one| one.order, 3)
        );
    }
    println!("\n% of the vectors moved from a codeword's label to the next one's that then have this label");
    println!(
        "{:<32} {}",
        "direction",
        ALPHAS.map(|alpha| format!("{:>14}", format!("α = {alpha}"))).concat()
    );
    for (name, moved) in ["of the curve", "at random, of the same length"].into_iter().zip(&moved) {
        let cells = moved.iter().map(|shares| format!("{:>14}", seeds::mean_and_spread(shares, 1)));
        println!("{name:<32} {}", cells.collect::<String>());
    }

    std::fs::create_dir_all("target")?;
    let maps = [0, 1].map(|at| (NAMES[at], &judged[at][0].histogram));
    heat_map::draw(Path::new("target/sfvq_labels.svg"), &maps)?;
    println!("\nthe heat maps are in target/sfvq_labels.svg");
    let side = x.ncols().isqrt();
    if side * side == x.ncols() {
        let few = curve(&engine, &train.x, 2, steps, 0)?;
        draw_directions(few.codebooks()[0], &held_out.x, side)?;
        println!("the directions are in target/sfvq_directions.svg");
    }
    Ok(())
}

/// Every fourth vector is held out.
fn split(x: &Array2<f32>, labels: &[u32]) -> (Labelled, Labelled) {
    let (held_out, train): (Vec<usize>, Vec<usize>) = (0..x.nrows()).partition(|row| row % 4 == 3);
    let [train, held_out] = [train, held_out].map(|rows| Labelled {
        x: x.select(Axis(0), &rows),
        labels: rows.iter().map(|&row| labels[row]).collect(),
    });
    (train, held_out)
}

fn curve(
    engine: &Engine,
    x: &Array2<f32>,
    bits: u32,
    steps: u64,
    seed: u64,
) -> Result<Box<dyn Quantizer>, Box<dyn Error>> {
    let training = GradientTraining::new(format!("SFVQ{bits}").parse()?, Trainer::NSVQ);
    let stages = u64::from(bits) - 1;
    Ok(training.steps(steps * stages).batch(256.min(x.nrows())).seed(seed).fit(engine, x)?)
}

fn judge(engine: &Engine, quantizer: &dyn Quantizer, on: &Labelled) -> Result<Judged, Box<dyn Error>> {
    let codes = quantizer.encode(engine, &on.x)?;
    let mse = metrics::mse(on.x.view(), quantizer.decode(engine, &codes)?.view())?;
    let codes: Vec<u32> = codes.view().iter().copied().collect();
    let codebook = OrderedCodebook::new(quantizer.codebooks()[0].clone())?;
    Ok(Judged {
        mse,
        step: codebook.jumps().mean,
        order: codebook.order().unwrap_or(f64::NAN),
        histogram: LabelHistogram::of(&on.labels, &codes, 1 << BITS)?,
    })
}

/// The label of each row: that of the nearest vector to train on.
fn labels_of(engine: &Engine, train: &Labelled, x: &Array2<f32>) -> wgvq::Result<Vec<u32>> {
    let found = Search::nearest(1).flat(engine, Metric::SquaredL2, &train.x, x)?.ids;
    Ok(found.iter().map(|&row| train.labels[row as usize]).collect())
}

/// Moves the vectors of a label by α times the way from a codeword of that label to the next, of another one. The percentages
/// that then have the other label, for each α: along the curve, and in a random direction of the same length.
fn follow(
    engine: &Engine,
    sfvq: &dyn Quantizer,
    train: &Labelled,
    held_out: &Labelled,
    seed: u64,
) -> Result<[Vec<f64>; 2], Box<dyn Error>> {
    let codebook = OrderedCodebook::new(sfvq.codebooks()[0].clone())?;
    let corners = labels_of(engine, train, codebook.codewords())?;
    let mut rng = Rng::new(11, seed);
    let (mut hits, mut all) = ([vec![0, 0, 0, 0, 0], vec![0, 0, 0, 0, 0]], 0);
    for (s, pair) in corners.windows(2).enumerate().filter(|(_, pair)| pair[0] != pair[1]) {
        let rows: Vec<usize> =
            (0..held_out.labels.len()).filter(|&row| held_out.labels[row] == pair[0]).collect();
        let x = held_out.x.select(Axis(0), &rows);
        all += rows.len();
        let along = codebook.direction(s)?;
        let noise = Array1::from_shape_simple_fn(along.len(), || rng.normal());
        let random = &noise * (along.dot(&along) / noise.dot(&noise)).sqrt();
        for (hits, direction) in hits.iter_mut().zip([&along, &random]) {
            for (hits, alpha) in hits.iter_mut().zip(ALPHAS) {
                let labels = labels_of(engine, train, &(&x + &(alpha * direction)))?;
                *hits += labels.iter().filter(|&&label| label == pair[1]).count();
            }
        }
    }
    let share =
        |hits: Vec<usize>| hits.into_iter().map(|hits| 100.0 * hits as f64 / all.max(1) as f64).collect();
    Ok(hits.map(share))
}

/// The codewords of a curve as images of `side` × `side`, and below them its directions, each with a vector of `x` that is moved
/// along it.
fn draw_directions(codewords: &Array2<f32>, x: &Array2<f32>, side: usize) -> Result<(), Box<dyn Error>> {
    let codebook = OrderedCodebook::new(codewords.clone())?;
    let numbered = codewords.rows().into_iter().enumerate();
    let mut rows =
        vec![numbered.map(|(number, row)| (format!("codeword {number}"), row.to_owned())).collect()];
    let shown = x.slice(ndarray::s![..1, ..]);
    for s in 0..codewords.nrows() - 1 {
        let mut row = vec![(format!("D{s}"), codebook.direction(s)?)];
        for alpha in ALPHAS {
            let moved = codebook.shift(shown, s, alpha)?.row(0).to_owned();
            row.push((format!("x + {alpha} D{s}"), moved));
        }
        rows.push(row);
    }
    images::draw(Path::new("target/sfvq_directions.svg"), &rows, side)
}
