//! Spectral envelopes of speech in 40 bits per frame: scalar quantization against multi-stage VQ, trained classically and end
//! to end by soft quantization with τ = 0.1 (Publication I of the thesis) and by NSVQ.
//!
//! ```text
//! cargo run --release --example spectral_envelopes [--full] [SPEECH.wav]
//! ```
//!
//! Envelopes are log-mel spectra: 40 bands, a frame every 10 ms. Three quarters of every eight seconds are trained on, the rest is
//! judged by its log-spectral distortion: the root mean square over the bands of a frame, in dB. Writes `target/envelopes.svg`.
//! `--full` takes ten times the steps.

#[path = "shared/chart.rs"]
mod chart;

use std::error::Error;
use std::f64::consts::PI;
use std::path::Path;

use ndarray::{Array2, Axis};
use realfft::RealFftPlanner;
use wgvq::{Engine, GradientTraining, Quantizer, Scalar, Spec, Trainer, Training};

const BANDS: usize = 40;
/// Points of the Fourier transform.
const POINTS: usize = 512;
/// Frames of a block, of which the last quarter is held out: neighbours are much alike, so single frames would not be new.
const BLOCK: usize = 800;
/// Frames whose loudest band is so far below the loudest of all, in dB, are silence.
const SILENCE: f32 = 50.0;
/// The multi-stage quantizer: eight stages of five bits, as many as one for each band.
const SPEC: &str = "RQ8x5";
/// τ of Publication I, per squared dB.
const TAU: f32 = 0.1;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let steps = if arguments.iter().any(|argument| argument == "--full") { 20_000 } else { 2000 };
    let path = arguments.iter().find(|argument| !argument.starts_with("--"));
    let envelopes = envelopes(path.map_or("data/speech.wav", |path| path))?;
    let (train, held_out) = split(&envelopes);
    let engine = Engine::auto()?;
    println!("{} frames to train on, {} held out, on {}", train.nrows(), held_out.nrows(), engine.name());

    let variance = train.var_axis(Axis(0), 0.0).sum();
    // Squared distances count in units of the variance there.
    let spec: Spec = SPEC.parse()?;
    let by = |trainer| GradientTraining::new(spec.clone(), trainer).steps(steps).batch(256);
    let soft = by(Trainer::SOFT).set("tau", TAU * variance);
    let quantizers: [(&str, Box<dyn Quantizer>); 4] = [
        ("scalar, 1 bit per band", Box::new(Scalar::builder().bits(1).fit(&engine, &train)?)),
        ("multi-stage, classical", Training::new(SPEC.parse()?).fit(&engine, &train, &mut ())?.quantizer),
        ("multi-stage, soft, tau 0.1", soft.fit(&engine, &train)?),
        ("multi-stage, NSVQ", by(Trainer::NSVQ).fit(&engine, &train)?),
    ];
    println!(
        "{:<28} {:>5} {:>8} {:>8} {:>8} {:>8}",
        "quantizer", "bits", "kbit/s", "LSD dB", "> 2 dB", "> 4 dB"
    );
    let frame = held_out.nrows() / 2;
    let curve =
        |of: &Array2<f32>| (0..BANDS).map(|band| (band as f64, f64::from(of[[frame, band]]))).collect();
    let mut lines = vec![("original".to_string(), curve(&held_out))];
    for (name, quantizer) in &quantizers {
        let back = quantizer.decode(&engine, &quantizer.encode(&engine, &held_out)?)?;
        let distortions: Vec<f64> = (&held_out - &back)
            .rows()
            .into_iter()
            .map(|row| (row.iter().map(|&e| f64::from(e) * f64::from(e)).sum::<f64>() / BANDS as f64).sqrt())
            .collect();
        let share = |of: &dyn Fn(&f64) -> bool| {
            100.0 * distortions.iter().filter(|d| of(d)).count() as f64 / distortions.len() as f64
        };
        let mean = distortions.iter().sum::<f64>() / distortions.len() as f64;
        let (bits, over_2, over_4) =
            (quantizer.bits_per_vector(), share(&|d| *d > 2.0), share(&|d| *d > 4.0));
        println!("{name:<28} {bits:>5.0} {:>8.1} {mean:>8.3} {over_2:>6.1} % {over_4:>6.1} %", bits / 10.0);
        lines.push((name.to_string(), curve(&back)));
    }
    std::fs::create_dir_all("target")?;
    let panel = chart::Panel { title: "a frame that was held out, in dB", x: "mel band", lines };
    chart::draw(Path::new("target/envelopes.svg"), &[panel])?;
    println!("a frame and what becomes of it is in target/envelopes.svg");
    Ok(())
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
