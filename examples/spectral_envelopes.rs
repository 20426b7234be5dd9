//! Spectral envelopes of speech at several rates: uniform scalar quantization with and without entropy coding, Lloyd-Max
//! levels, and multi-stage VQ trained classically, by soft quantization and by NSVQ (Publication I of the thesis).
//!
//! ```text
//! cargo run --release --example spectral_envelopes [--full] [SPEECH.wav]
//! ```
//!
//! Envelopes are log-mel spectra: 40 bands, a frame every 10 ms. Three quarters of every eight seconds are trained on, the rest is
//! judged by its log-spectral distortion: the root mean square over the bands of a frame, in dB. What is trained is so with
//! three seeds. Writes `target/envelopes.svg`. `--full` takes twenty times the steps.

#[path = "shared/chart.rs"]
mod chart;

use std::error::Error;
use std::f64::consts::PI;
use std::path::Path;

use ndarray::{Array2, ArrayView1, Axis};
use realfft::RealFftPlanner;
use wgvq::{
    Engine, GradientTraining, Lattice, LatticeVq, Quantizer, Scalar, ScalarLevels, Trainer, Training,
};

const BANDS: usize = 40;
/// Points of the Fourier transform.
const POINTS: usize = 512;
/// Frames of a block, of which the last quarter is held out: neighbours are much alike, so single frames would not be new.
const BLOCK: usize = 800;
/// Frames whose loudest band is so far below the loudest of all, in dB, are silence.
const SILENCE: f32 = 50.0;
/// Bits of a frame.
const RATES: [usize; 3] = [20, 40, 80];
/// Those that are a whole number of bits for each band.
const WHOLE_RATES: [usize; 2] = [40, 80];
/// Bits of a stage of the multi-stage quantizers.
const STAGE: usize = 5;
/// The width of the beam of all multi-stage quantizers.
const BEAM: usize = 8;
/// τ of Publication I, per squared dB.
const TAU: f32 = 0.1;

/// How a quantizer fared on frames that were held out.
struct Judged {
    bits: f64,
    /// The mean log-spectral distortion in dB, and the percentages of frames over 2 and over 4 dB.
    figures: [f64; 3],
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let steps = if arguments.iter().any(|argument| argument == "--full") { 20_000 } else { 1000 };
    let path = arguments.iter().find(|argument| !argument.starts_with("--"));
    let envelopes = envelopes(path.map_or("data/speech.wav", |path| path))?;
    let (train, held_out) = split(&envelopes);
    let engine = Engine::auto()?;
    println!("{} frames to train on, {} held out, on {}", train.nrows(), held_out.nrows(), engine.name());

    // Squared distances count in units of the variance.
    let published = TAU * train.var_axis(Axis(0), 0.0).sum();
    let scalar = |bits: usize, levels| -> Result<Box<dyn Quantizer>, wgvq::Error> {
        let builder = Scalar::builder().bits((bits / BANDS) as u32).levels(levels);
        Ok(Box::new(builder.fit(&engine, &train)?))
    };
    let stages = |bits: usize| format!("RQ{}x{STAGE}", bits / STAGE).parse();
    let by = |bits, trainer, seed| -> Result<GradientTraining, wgvq::Error> {
        let training = GradientTraining::new(stages(bits)?, trainer).steps(steps).batch(256);
        Ok(training.rate(0.05).beam(BEAM).seed(seed))
    };
    let mut results: Vec<(&str, Vec<Vec<Judged>>)> = Vec::new();
    let mut compare = |name: &'static str,
                       rates: &[usize],
                       seeds: u64,
                       coding: Coding,
                       make: &dyn Fn(usize, u64) -> Result<Box<dyn Quantizer>, wgvq::Error>|
     -> Result<(), Box<dyn Error>> {
        let mut points = Vec::new();
        for &bits in rates {
            let judged =
                (0..seeds).map(|seed| judge(&engine, &*make(bits, seed)?, coding, &train, &held_out));
            points.push(judged.collect::<Result<Vec<_>, _>>()?);
        }
        results.push((name, points));
        Ok(())
    };
    compare("uniform", &WHOLE_RATES, 1, Coding::Fixed, &|bits, _| scalar(bits, ScalarLevels::Uniform))?;
    compare("uniform, entropy coded", &RATES, 1, Coding::Entropy, &|bits, _| {
        let rate = bits as f64 / BANDS as f64;
        Ok(Box::new(LatticeVq::builder(Lattice::Z).rate(rate).fit(&engine, &train)?))
    })?;
    compare("Lloyd-Max", &WHOLE_RATES, 1, Coding::Fixed, &|bits, _| scalar(bits, ScalarLevels::LloydMax))?;
    compare("multi-stage, classical", &RATES, 3, Coding::Fixed, &|bits, seed| {
        let training = Training::new(stages(bits)?).set("iters", 50).set("refine", 32).set("beam", BEAM);
        Ok(training.seed(seed).fit(&engine, &train, &mut ())?.quantizer)
    })?;
    compare("multi-stage, soft, tau 0.1", &RATES, 3, Coding::Fixed, &|bits, seed| {
        by(bits, Trainer::SOFT, seed)?.set("tau", published).fit(&engine, &train)
    })?;
    compare("multi-stage, soft, annealed", &RATES, 3, Coding::Fixed, &|bits, seed| {
        by(bits, Trainer::SOFT, seed)?.fit(&engine, &train)
    })?;
    compare("multi-stage, NSVQ", &RATES, 3, Coding::Fixed, &|bits, seed| {
        by(bits, Trainer::NSVQ, seed)?.fit(&engine, &train)
    })?;

    println!(
        "{:<28} {:>10} {:>16} {:>16} {:>16}",
        "quantizer", "bits/frame", "LSD dB", "% > 2 dB", "% > 4 dB"
    );
    for (name, points) in &results {
        for judged in points {
            let bits = judged[0].bits;
            let [lsd, over_2, over_4] = [0, 1, 2].map(|figure| mean_and_spread(judged, figure));
            println!("{name:<28} {bits:>10.1} {:>16} {:>16} {:>16}", lsd.1, over_2.1, over_4.1);
        }
    }
    let titles = ["log-spectral distortion, dB", "frames over 2 dB, %", "frames over 4 dB, %"];
    let panels: Vec<_> = titles
        .into_iter()
        .enumerate()
        .map(|(figure, title)| {
            let line = |points: &Vec<Vec<Judged>>| {
                points.iter().map(|judged| (judged[0].bits, mean_and_spread(judged, figure).0)).collect()
            };
            let lines = results.iter().map(|(name, points)| (name.to_string(), line(points))).collect();
            chart::Panel { title, x: "bits per frame", lines }
        })
        .collect();
    std::fs::create_dir_all("target")?;
    chart::draw(Path::new("target/envelopes.svg"), &panels)?;
    println!("the curves are in target/envelopes.svg");
    Ok(())
}

/// How codes are written.
#[derive(Clone, Copy)]
enum Coding {
    /// In as many bits as their codebooks ask for.
    Fixed,
    /// In as many as an arithmetic coder takes that knows how often each level of a band occurs in training.
    Entropy,
}

fn judge(
    engine: &Engine,
    quantizer: &dyn Quantizer,
    coding: Coding,
    train: &Array2<f32>,
    held_out: &Array2<f32>,
) -> Result<Judged, Box<dyn Error>> {
    let codes = quantizer.encode(engine, held_out)?;
    let bits = match coding {
        Coding::Fixed => quantizer.bits_per_vector(),
        Coding::Entropy => {
            let seen = quantizer.encode(engine, train)?;
            let (seen, codes) = (seen.view(), codes.view());
            let bands = seen.columns().into_iter().zip(codes.columns());
            bands.map(|(seen, codes)| ideal_bits(seen, codes)).sum()
        }
    };
    let back = quantizer.decode(engine, &codes)?;
    let distortion = |row: ArrayView1<f32>| {
        (row.iter().map(|&e| f64::from(e) * f64::from(e)).sum::<f64>() / BANDS as f64).sqrt()
    };
    let distortions: Vec<f64> = (held_out - &back).rows().into_iter().map(distortion).collect();
    let frames = distortions.len() as f64;
    let over = |limit: f64| 100.0 * distortions.iter().filter(|&&d| d > limit).count() as f64 / frames;
    Ok(Judged { bits, figures: [distortions.iter().sum::<f64>() / frames, over(2.0), over(4.0)] })
}

/// Bits of one of `codes` on average, for a coder that has counted those `seen`, each level once more than it was.
fn ideal_bits(seen: ArrayView1<u32>, codes: ArrayView1<u32>) -> f64 {
    let levels = 1 + seen.iter().chain(codes).max().map_or(0, |&level| level as usize);
    let mut counts = vec![1.0; levels];
    seen.iter().for_each(|&level| counts[level as usize] += 1.0);
    let all: f64 = counts.iter().sum();
    codes.iter().map(|&level| -(counts[level as usize] / all).log2()).sum::<f64>() / codes.len() as f64
}

/// The mean of a figure over the seeds, and its text with the standard deviation.
fn mean_and_spread(judged: &[Judged], figure: usize) -> (f64, String) {
    let n = judged.len() as f64;
    let mean = judged.iter().map(|one| one.figures[figure]).sum::<f64>() / n;
    if judged.len() == 1 {
        return (mean, format!("{mean:.3}"));
    }
    let squares: f64 = judged.iter().map(|one| (one.figures[figure] - mean).powi(2)).sum();
    (mean, format!("{mean:.3} ± {:.3}", (squares / (n - 1.0)).sqrt()))
}

/// Blocks of frames to train on, and the last quarter of each.
fn split(x: &Array2<f32>) -> (Array2<f32>, Array2<f32>) {
    let (train, held_out): (Vec<usize>, Vec<usize>) =
        (0..x.nrows()).partition(|frame| frame % BLOCK < BLOCK * 3 / 4);
    (x.select(Axis(0), &train), x.select(Axis(0), &held_out))
}

/// Log-mel spectra in dB of all frames of a WAV file that are not silent, (frames, bands): Hann windows of 25 ms every 10 ms.
fn envelopes(path: &str) -> Result<Array2<f32>, Box<dyn Error>> {
    let mut file = hound::WavReader::open(path).map_err(|error| format!("{path}: {error}"))?;
    let (rate, channels) = (file.spec().sample_rate as usize, usize::from(file.spec().channels));
    let samples: Vec<f32> = match file.spec().sample_format {
        hound::SampleFormat::Float => file.samples::<f32>().step_by(channels).collect::<Result<_, _>>()?,
        hound::SampleFormat::Int => {
            let full = 2f32.powi(i32::from(file.spec().bits_per_sample) - 1);
            let own = file.samples::<i32>().step_by(channels);
            own.map(|sample| sample.map(|sample| sample as f32 / full)).collect::<Result<_, _>>()?
        }
    };
    let (length, hop) = ((rate / 40).min(POINTS), rate / 100);
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(POINTS);
    let (mut input, mut spectrum) = (fft.make_input_vec(), fft.make_output_vec());
    let filters = mel_filters(rate as f64);
    let mut values = Vec::new();
    for frame in samples.windows(length).step_by(hop) {
        input.fill(0.0);
        for (at, (value, sample)) in input.iter_mut().zip(frame).enumerate() {
            let window = 0.5 - 0.5 * (2.0 * PI * at as f64 / length as f64).cos();
            *value = sample * window as f32;
        }
        fft.process(&mut input, &mut spectrum)?;
        for filter in filters.rows() {
            let power: f32 = filter.iter().zip(&spectrum).map(|(weight, bin)| weight * bin.norm_sqr()).sum();
            values.push(10.0 * (power + 1e-10).log10());
        }
    }
    let all = Array2::from_shape_vec((values.len() / BANDS, BANDS), values)?;
    let loudest = all.map_axis(Axis(1), |frame| frame.fold(f32::MIN, |a, &b| a.max(b)));
    let floor = loudest.fold(f32::MIN, |a, &b| a.max(b)) - SILENCE;
    let heard: Vec<usize> = (0..all.nrows()).filter(|&frame| loudest[frame] > floor).collect();
    Ok(all.select(Axis(0), &heard))
}

/// Triangles, evenly spaced on the mel scale from 60 Hz to 7.6 kHz, (bands, bins).
fn mel_filters(rate: f64) -> Array2<f32> {
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let (low, high) = (mel(60.0), mel(7600.0_f64.min(rate / 2.0)));
    Array2::from_shape_fn((BANDS, POINTS / 2 + 1), |(band, bin)| {
        let place = (mel(bin as f64 * rate / POINTS as f64) - low) / (high - low) * (BANDS + 1) as f64;
        (1.0 - (place - (band + 1) as f64).abs()).max(0.0) as f32
    })
}
