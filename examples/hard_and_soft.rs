//! Vector quantization in one dimension, hard and soft (Figs. 3.5 and 3.6 of the thesis).
//!
//! ```text
//! cargo run --release --example hard_and_soft
//! ```
//!
//! Quantizes numbers to four codewords: to the nearest, whose steps have a slope of 0 wherever they have one, and softly
//! (Eq. 3.4), to the mean of all codewords weighted by softmax(−τ d), which has a slope everywhere. Prints how far the
//! soft values are from the hard ones and the steepest slope, and draws the values, the slopes and, of two codewords, the
//! weight of the upper one to `target/hard_and_soft.svg`.

#[path = "shared/chart.rs"]
mod chart;

use std::error::Error;
use std::path::Path;

use ndarray::{Array2, array};
use wgvq::train::estimators::{Estimator, Forward, Soft, Temperature};
use wgvq::{Engine, Quantizer, Vq};

/// The numbers are even from −`REACH` to `REACH`.
const REACH: f32 = 1.2;
const NUMBERS: usize = 481;
const TAUS: [f32; 3] = [3.0, 12.0, 50.0];

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::auto()?;
    let step = 2.0 * REACH / (NUMBERS - 1) as f32;
    let x = Array2::from_shape_fn((NUMBERS, 1), |(row, _)| row as f32 * step - REACH);
    let four = array![[-0.75_f32], [-0.25], [0.25], [0.75]];
    let two = array![[-0.5_f32], [0.5]];

    let (mut values, mut slopes, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    let line = |name: &str, y: &Array2<f32>| -> chart::Line {
        (name.into(), x.iter().zip(y).map(|(&x, &y)| (f64::from(x), f64::from(y))).collect())
    };
    // From each number to the next.
    let slope = |y: &Array2<f32>| -> Array2<f32> {
        Array2::from_shape_fn(y.dim(), |(row, _)| {
            let row = row.min(NUMBERS - 2);
            (y[[row + 1, 0]] - y[[row, 0]]) / step
        })
    };
    // Codewords at ±½ have the mean π − ½ where the upper one has the weight π.
    let upper = |y: Array2<f32>| y + 0.5;
    let hard = |codebook: &Array2<f32>| -> wgvq::Result<Array2<f32>> {
        let vq = Vq::new(codebook.clone())?;
        vq.decode(&engine, &vq.encode(&engine, &x)?)
    };
    let nearest = hard(&four)?;
    values.push(line("hard", &nearest));
    slopes.push(line("hard", &Array2::zeros(x.dim())));
    weights.push(line("hard", &upper(hard(&two)?)));
    println!("{NUMBERS} numbers, 4 codewords, on {}", engine.name());
    println!("{:<14} {:>22} {:>15}", "quantizer", "mean |soft − hard|", "steepest slope");
    for tau in TAUS {
        let name = format!("soft, τ = {tau}");
        let soft = softly(&engine, &x, &four, tau)?;
        let off = (&soft - &nearest).mapv(f32::abs).mean().unwrap_or(0.0);
        let slopes_of = slope(&soft);
        let steepest = slopes_of.iter().copied().fold(0.0, f32::max);
        println!("{name:<14} {off:>22.4} {steepest:>15.2}");
        values.push(line(&name, &soft));
        slopes.push(line(&name, &slopes_of));
        weights.push(line(&name, &upper(softly(&engine, &x, &two, tau)?)));
    }
    let panels = [
        chart::Panel { title: "quantized value", x: "x", lines: values },
        chart::Panel { title: "slope, between the steps of the hard quantizer", x: "x", lines: slopes },
        chart::Panel { title: "weight of the upper one of two codewords", x: "x", lines: weights },
    ];
    std::fs::create_dir_all("target")?;
    chart::draw(Path::new("target/hard_and_soft.svg"), &panels)?;
    println!("the curves are in target/hard_and_soft.svg");
    Ok(())
}

/// The rows of `x` (n, 1), softly quantized.
fn softly(engine: &Engine, x: &Array2<f32>, codebook: &Array2<f32>, tau: f32) -> wgvq::Result<Array2<f32>> {
    let mut forward = Forward::new(engine, x.nrows(), x.ncols())?;
    let (x, codebook) = (engine.upload(x.view())?, engine.upload(codebook.view())?);
    let mut estimator = Soft::new(Temperature::fixed(tau)?);
    let mut recorder = engine.recorder();
    estimator.record_forward(&mut recorder, &x, &codebook, 0, &mut forward)?;
    recorder.submit()?;
    forward.output.download()
}
