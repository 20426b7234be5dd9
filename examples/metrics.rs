//! Codebooks by different distances (Sections 2.2 to 2.4 of the thesis): means, medians and fourth powers, each judged by every
//! average quantization error (Eq. 2.2), on vectors that were not trained on.
//!
//! ```text
//! cargo run --release --example metrics [VECTORS]
//! ```
//!
//! Takes the sample of sentence vectors if no file is given, and a quarter of them to judge. Prints mean and standard deviation
//! over three seeds.

#[path = "shared/seeds.rs"]
mod seeds;

use std::error::Error;

use ndarray::{Array2, s};
use wgvq::metrics::{Aqe, Metric};
use wgvq::train::KMeans;
use wgvq::{Engine, Quantizer, Vq};

const SEEDS: u64 = 3;
const CODEWORDS: usize = 64;
const NORMS: [u32; 3] = [1, 2, 4];

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1);
    let all: Array2<f32> = wgvq::io::open(path.as_deref().unwrap_or("data/wordnet.npy"))?.to_array()?;
    let seen = all.nrows() / 4 * 3;
    let (train, held_out) = (all.slice(s![..seen, ..]).to_owned(), all.slice(s![seen.., ..]));
    let engine = Engine::auto()?;
    println!(
        "VQ{CODEWORDS} trained on {} × {}, judged on {}, on {}",
        train.nrows(),
        train.ncols(),
        held_out.nrows(),
        engine.name()
    );
    let heads: String = NORMS.iter().map(|norm| format!("{:>20}", format!("mean norm l{norm}"))).collect();
    println!("{:<12}{heads}", "trained by");
    for metric in [Metric::L1, Metric::SquaredL2, Metric::Power(4)] {
        let mut errors = [const { Vec::new() }; NORMS.len()];
        for seed in 0..SEEDS {
            let trainer = KMeans::new(CODEWORDS).metric(metric).seed(seed);
            let vq = Vq::builder().k(CODEWORDS).trainer(trainer).seed(seed).fit(&engine, &train)?;
            let codes = vq.encode(&engine, &held_out.to_owned())?;
            let mut aqe = Aqe::new(NORMS.into())?;
            aqe.add(held_out, vq.decode(&engine, &codes)?.view());
            errors.iter_mut().zip(aqe.means()).for_each(|(errors, (_, mean))| errors.push(mean));
        }
        let shown: String =
            errors.iter().map(|errors| format!("{:>20}", seeds::mean_and_spread(errors, 4))).collect();
        println!("{:<12}{shown}", metric.to_string());
    }
    Ok(())
}
