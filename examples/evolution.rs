//! Where k-means starts (Section 2.5.2 of the thesis): from vectors drawn at random, by k-means++, or from the best codebook of a
//! differential evolution, with whole codebooks crossed over and with some codewords only.
//!
//! ```text
//! cargo run --release --example evolution [--full]
//! ```
//!
//! 64 codewords for the sentence vectors of the sample and 32 for its digits; a quarter of each is held out and judged. Prints the
//! error at the start, after k-means, and the seconds of the start, mean and standard deviation over three seeds. `--full` lets
//! 20 codebooks evolve for 100 generations.

#[path = "shared/seeds.rs"]
mod seeds;

use std::error::Error;
use std::time::Instant;

use ndarray::{Array2, Axis};
use wgvq::metrics;
use wgvq::train::{Evolution, Init, KMeans};
use wgvq::{Engine, Quantizer, Vq};

const SEEDS: u64 = 3;
const DATA: [(&str, usize); 2] = [("data/wordnet.npy", 64), ("data/digits.npy", 32)];

fn main() -> Result<(), Box<dyn Error>> {
    let full = std::env::args().any(|argument| argument == "--full");
    let evolution = if full { Evolution::new().population(20).generations(100) } else { Evolution::new() };
    let starts = [
        ("random", Init::Random),
        ("k-means++", Init::PlusPlus),
        ("evolution, Cr 1", Init::Evolution(evolution.clone().crossover(1.0))),
        ("evolution, Cr 0.3", Init::Evolution(evolution.crossover(0.3))),
    ];
    let engine = Engine::auto()?;
    for (path, k) in DATA {
        let all: Array2<f32> = wgvq::io::open(path)?.to_array()?;
        let (train, held_out): (Vec<usize>, Vec<usize>) = (0..all.nrows()).partition(|row| row % 4 < 3);
        let take = |rows: &[usize]| all.select(Axis(0), rows);
        let (train, held_out) = (take(&train), take(&held_out));
        let judge = |codebook: &Array2<f32>| -> wgvq::Result<f64> {
            let vq = Vq::new(codebook.clone())?;
            let codes = vq.encode(&engine, &held_out)?;
            metrics::mse(held_out.view(), vq.decode(&engine, &codes)?.view())
        };
        println!("{k} codewords for {path}, {} × {}, on {}", train.nrows(), train.ncols(), engine.name());
        println!("{:<20}{:>22}{:>22}{:>12}", "start", "mse at the start", "after k-means", "seconds");
        for (name, init) in &starts {
            let (mut first, mut last, mut seconds) = (Vec::new(), Vec::new(), Vec::new());
            for seed in 0..SEEDS {
                let trainer = KMeans::new(k).all_vectors().seed(seed);
                let begin = Instant::now();
                let start = trainer.clone().init(init.clone()).iterations(0).fit(&engine, &train)?.codebook;
                seconds.push(begin.elapsed().as_secs_f64());
                first.push(judge(&start)?);
                last.push(judge(&trainer.init(Init::From(start)).fit(&engine, &train)?.codebook)?);
            }
            let digits = if first[0] < 10.0 { 4 } else { 1 };
            println!(
                "{name:<20}{:>22}{:>22}{:>12.2}",
                seeds::mean_and_spread(&first, digits),
                seeds::mean_and_spread(&last, digits),
                seeds::mean(&seconds)
            );
        }
        println!();
    }
    Ok(())
}
