//! Trains a codebook by gradient: noise substitution (NSVQ), Adam, and nothing read back from step to step.
//!
//! ```text
//! cargo run --release --example train_codebook [DATA.npy] [CODEWORDS] [STEPS]
//! ```
//!
//! Prints the loss and the perplexity on the way, and k-means beside them. In a network the graph would have an encoder before
//! the quantizer and a decoder behind it; here the loss is the error of the quantizer itself.

use std::time::Instant;

use ndarray::Array2;
use wgvq::graph::Graph;
use wgvq::metrics::Usage;
use wgvq::train::estimators::Nsvq;
use wgvq::train::{KMeans, Optimizer, Schedule};
use wgvq::{Engine, Result, Rng, Vectors};

/// Vectors per step.
const BATCH: usize = 1024;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "data/wordnet.npy".into());
    let k = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(256);
    let steps = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(500);

    let engine = Engine::auto()?;
    let data = wgvq::io::open(&path)?;
    let x = data.read_rows(0..data.len())?;
    let (n, d) = x.dim();
    let mut rng = Rng::new(1, 0);

    let mut graph = Graph::new(&engine);
    let input = graph.input(BATCH, d)?;
    let start = data.read_each(&rng.distinct(k, n))?;
    // Adam moves every number by about its rate, so that is measured by the spread of the data.
    let spread = x.std_axis(ndarray::Axis(0), 0.0).mean().unwrap_or(1.0);
    let codebook = graph.parameter("codebook", start.view())?;
    let quantized = graph.quantize(input, codebook, Nsvq::new(7))?;
    let loss = graph.mse(quantized, input)?;
    let schedule = Schedule::Cosine { steps: steps as u64, floor: 0.0 };
    let mut optimizer = Optimizer::adam(0.05 * f64::from(spread)).schedule(schedule);

    println!("NSVQ on {}: {n} × {d}, {k} codewords, batches of {BATCH}", engine.name());
    let begin = Instant::now();
    for step in 0..steps {
        let rows: Vec<usize> = (0..BATCH).map(|_| rng.below(n)).collect();
        let batch = Array2::from_shape_fn((BATCH, d), |(row, column)| x[[rows[row], column]]);
        graph.set(input, batch.view())?;
        let mut recorder = engine.recorder();
        graph.record_forward(&mut recorder)?;
        graph.record_backward(&mut recorder, loss)?;
        graph.record_update(&mut recorder, &mut optimizer)?;
        recorder.submit()?;
        if (step + 1) % (steps / 5).max(1) == 0 {
            let mut usage = Usage::new(k);
            usage.add(graph.quantized(quantized)?.codes.download()?);
            let mse = f64::from(graph.value(loss)?.download()?[[0, 0]]) * d as f64;
            let rate = (step + 1) as f64 / begin.elapsed().as_secs_f64();
            println!(
                "step {:>5}: mse {mse:.5}, perplexity {:.0}, {rate:.0} steps/s",
                step + 1,
                usage.perplexity()
            );
        }
    }
    let trained = wgvq::Vq::new(graph.value(codebook)?.download()?)?;
    let coder = wgvq::Quantizer::prepare(&trained, &engine)?;
    let found = wgvq::Evaluation::of(&*coder, &engine, &x)?;
    let classical = KMeans::new(k).fit(&engine, &x)?;
    println!("all vectors: mse {:.5} by NSVQ, {:.5} by k-means", found.distortion.mse(), classical.mse);
    Ok(())
}
