//! A convolutional VQ-VAE (Fig. 3.4 of the thesis) on patches of photographs, trained with seven estimators side by side.
//!
//! ```text
//! cargo run --release --example vqvae_images [--full] [FOLDER]
//! ```
//!
//! Prints the error and the perplexity of each, and writes their curves (`training.svg`) and reconstructions of patches that
//! no model has seen (`patches.png`: the originals, then a row for each estimator) to FOLDER, `target/vqvae_images` if not
//! said. `--full` is for GPUs: a wider model and ten times the steps.

#[path = "shared/chart.rs"]
mod chart;

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray::{Array2, Array3, s};
use wgvq::graph::{Conv2d, ConvTranspose2d, Graph, Images, Var};
use wgvq::train::estimators::{Diveq, Ema, Estimator, Gumbel, Nsvq, Rotation, Soft, Ste, Temperature};
use wgvq::train::{CodewordUse, Optimizer, Replacement, Schedule};
use wgvq::{Engine, Rng};

/// Pixels of a patch along each side.
const SIDE: usize = 32;
/// The patches that no model sees: of the lower third of each photograph.
const HELD_OUT: usize = 36;
const CODEWORDS: usize = 256;
/// Dimensions of a codeword.
const DIMENSIONS: usize = 16;
/// Steps between two points of the curves.
const EVERY: u64 = 50;

struct Size {
    steps: u64,
    channels: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let full = arguments.iter().any(|argument| argument == "--full");
    let folder = arguments.iter().find(|argument| !argument.starts_with("--"));
    let folder = folder.map_or_else(|| PathBuf::from("target/vqvae_images"), PathBuf::from);
    let size = if full { Size { steps: 10_000, channels: 64 } } else { Size { steps: 2500, channels: 24 } };
    std::fs::create_dir_all(&folder)?;

    let photos = ["astronaut", "chelsea", "coffee"].map(|name| read(&format!("data/photos/{name}.png")));
    let photos: Vec<Array3<f32>> = photos.into_iter().collect::<Result<_, _>>()?;
    let held_out = held_out(&photos);
    let engine = Engine::auto()?;
    println!(
        "VQ-VAE on {}: {} steps of {HELD_OUT} patches, {CODEWORDS} codewords",
        engine.name(),
        size.steps
    );
    println!(
        "{:<10} {:>9} {:>8} {:>11} {:>6} {:>9}",
        "estimator", "mse", "PSNR dB", "perplexity", "dead", "steps/s"
    );

    let mut rows = vec![held_out.clone()];
    let (mut errors, mut perplexities) = (Vec::new(), Vec::new());
    for name in ["ste", "ema", "rotation", "soft", "gumbel", "nsvq", "diveq"] {
        let run = train(&engine, name, &size, &photos, &held_out)?;
        let last = run.curve.last().ok_or("no step")?;
        let psnr = -10.0 * last.mse.log10();
        let (perplexity, dead) = (last.perplexity, last.dead);
        println!(
            "{name:<10} {:>9.6} {psnr:>8.2} {perplexity:>11.1} {dead:>6} {:>9.1}",
            last.mse, run.steps_per_second
        );
        let line = |of: &dyn Fn(&Point) -> f64| {
            run.curve.iter().map(|point| (point.step as f64, of(point))).collect()
        };
        errors.push((name.to_string(), line(&|point| point.mse.log10())));
        perplexities.push((name.to_string(), line(&|point| point.perplexity)));
        rows.push(run.reconstruction);
    }
    let panels = [
        chart::Panel { title: "log10 of the MSE on patches not seen", x: "step", lines: errors },
        chart::Panel { title: "perplexity of the codes", x: "step", lines: perplexities },
    ];
    chart::draw(&folder.join("training.svg"), &panels)?;
    write_patches(&folder.join("patches.png"), &rows)?;
    println!("curves and reconstructions are in {}", folder.display());
    Ok(())
}

/// How a model does at a step, on the patches that it does not see.
struct Point {
    step: u64,
    mse: f64,
    perplexity: f64,
    dead: usize,
}

struct Run {
    curve: Vec<Point>,
    /// Of the patches that no model sees.
    reconstruction: Array2<f32>,
    steps_per_second: f64,
}

fn train(
    engine: &Engine,
    name: &str,
    size: &Size,
    photos: &[Array3<f32>],
    held_out: &Array2<f32>,
) -> Result<Run, Box<dyn Error>> {
    let mut model = Model::new(engine, size.channels, estimator(name, size.steps)?)?;
    // At inference all estimators are the nearest codeword, as this one's output is.
    let mut judge = Model::new(engine, size.channels, Box::new(Ste::new(1.0, 0.25)?))?;
    let mut optimizer = Optimizer::adam(4e-3).schedule(Schedule::Cosine { steps: size.steps, floor: 1e-5 });
    let replacement = Replacement::new(100, size.steps * 4 / 5)?;
    let mut used = CodewordUse::new(engine, CODEWORDS)?;
    let mut rng = Rng::new(3, 0);
    let mut curve = Vec::new();
    let mut seconds = 0.0;
    for step in 0..size.steps {
        let begin = Instant::now();
        model.graph.set(model.images.pixels, crops(photos, &mut rng).view())?;
        if step == 0 {
            model.start_codebook(&mut rng)?;
        }
        let mut recorder = engine.recorder();
        model.graph.record_forward(&mut recorder)?;
        model.graph.record_backward(&mut recorder, model.loss)?;
        model.graph.record_update(&mut recorder, &mut optimizer)?;
        used.record(&mut recorder, model.graph.codes(model.quantized)?[0])?;
        recorder.submit()?;
        if replacement.is_due(step + 1) {
            let codebook = model.graph.value_mut(model.codebook)?;
            let replaced = replacement.replace(step + 1, 7, &mut used, codebook)?;
            let mut recorder = engine.recorder();
            let place = model.graph.parameters().position(|parameter| parameter.name == "codebook");
            optimizer.reset_rows(&mut recorder, place.ok_or("no codebook")?, &replaced.kept)?;
            model.graph.record_reset_rows(&mut recorder, model.quantized, model.codebook, &replaced.kept)?;
            recorder.submit()?;
        }
        seconds += begin.elapsed().as_secs_f64();
        if (step + 1) % EVERY == 0 {
            curve.push(judge.judge(&mut model, held_out, step + 1)?);
        }
    }
    let reconstruction = judge.graph.value(judge.output)?.download()?;
    Ok(Run { curve, reconstruction, steps_per_second: size.steps as f64 / seconds })
}

fn estimator(name: &str, steps: u64) -> wgvq::Result<Box<dyn Estimator>> {
    Ok(match name {
        "ste" => Box::new(Ste::new(1.0, 0.25)?),
        "ema" => Box::new(Ema::new(0.99, 0.25)?),
        "rotation" => Box::new(Rotation::new(1.0, 0.25)?),
        "soft" => Box::new(Soft::new(Temperature::annealed(5.0, 500.0, steps)?)),
        "gumbel" => Box::new(Gumbel::new(100.0, Temperature::fixed(1.0)?, 7)?),
        "nsvq" => Box::new(Nsvq::new(7)),
        _ => Box::new(Diveq::new(1e-3, 7)?),
    })
}

/// Encoder, quantizer and decoder in one graph.
struct Model {
    graph: Graph,
    images: Images,
    /// What the encoder makes, a vector for every 4 × 4 pixels.
    latents: Var,
    codebook: Var,
    quantized: Var,
    output: Var,
    loss: Var,
}

impl Model {
    fn new(engine: &Engine, channels: usize, estimator: Box<dyn Estimator>) -> wgvq::Result<Self> {
        let (mut rng, wide) = (Rng::new(5, 0), 2 * channels);
        let mut graph = Graph::new(engine);
        let g = &mut graph;
        let images = Images::input(g, HELD_OUT, SIDE, SIDE, 3)?;
        let mut x = images;
        for (name, sides) in [("down1", [3, channels]), ("down2", [channels, wide])] {
            x = Conv2d::new(g, name, sides, [4, 2, 1], &mut rng)?.apply(g, &x)?;
            x = x.with(g.relu(x.pixels)?);
        }
        x = Conv2d::new(g, "to_latents", [wide, DIMENSIONS], [1, 1, 0], &mut rng)?.apply(g, &x)?;
        let latents = x.pixels;
        let codebook = g.parameter("codebook", Array2::zeros((CODEWORDS, DIMENSIONS)).view())?;
        let quantized = g.quantize(latents, codebook, estimator)?;
        x = x.with(quantized);
        x = Conv2d::new(g, "from_latents", [DIMENSIONS, wide], [3, 1, 1], &mut rng)?.apply(g, &x)?;
        x = x.with(g.relu(x.pixels)?);
        x = ConvTranspose2d::new(g, "up1", [wide, channels], [4, 2, 1], &mut rng)?.apply(g, &x)?;
        x = x.with(g.relu(x.pixels)?);
        x = ConvTranspose2d::new(g, "up2", [channels, 3], [4, 2, 1], &mut rng)?.apply(g, &x)?;
        let loss = g.mse(x.pixels, images.pixels)?;
        Ok(Self { graph, images, latents, codebook, quantized, output: x.pixels, loss })
    }

    /// The codewords start as what the encoder makes of the first batch.
    fn start_codebook(&mut self, rng: &mut Rng) -> wgvq::Result<()> {
        let mut recorder = self.graph.engine().recorder();
        self.graph.record_forward(&mut recorder)?;
        recorder.submit()?;
        let latents = self.graph.value(self.latents)?.download()?;
        let rows = rng.distinct(CODEWORDS, latents.nrows());
        self.graph.set(self.codebook, latents.select(ndarray::Axis(0), &rows).view())
    }

    /// Takes the parameters of `model` and does the patches `x`.
    fn judge(&mut self, model: &mut Model, x: &Array2<f32>, step: u64) -> wgvq::Result<Point> {
        let engine = self.graph.engine().clone();
        self.graph.set(self.images.pixels, x.view())?;
        let mut recorder = engine.recorder();
        for (own, theirs) in self.graph.parameters().zip(model.graph.parameters()) {
            recorder.copy(theirs.value, own.value)?;
        }
        self.graph.record_forward(&mut recorder)?;
        let mut used = CodewordUse::new(&engine, CODEWORDS)?;
        used.record(&mut recorder, self.graph.codes(self.quantized)?[0])?;
        recorder.submit()?;
        let mse = f64::from(self.graph.value(self.loss)?.download()?[[0, 0]]);
        let usage = used.take()?;
        Ok(Point { step, mse, perplexity: usage.perplexity(), dead: usage.dead() })
    }
}

/// A photograph (height, width, 3), with values from 0 to 1.
fn read(path: &str) -> Result<Array3<f32>, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info()?;
    let mut bytes = vec![0; reader.output_buffer_size().ok_or("a photograph too large")?];
    let info = reader.next_frame(&mut bytes)?;
    let shape = (info.height as usize, info.width as usize, 3);
    bytes.truncate(shape.0 * shape.1 * 3);
    Ok(Array3::from_shape_vec(shape, bytes)?.mapv(|value| f32::from(value) / 255.0))
}

/// Where the part that models see ends.
fn seen(photo: &Array3<f32>) -> usize {
    photo.dim().0 * 2 / 3
}

/// Patches from anywhere in the upper two thirds of the photographs, as pixels (36 · 32 · 32, 3).
fn crops(photos: &[Array3<f32>], rng: &mut Rng) -> Array2<f32> {
    let patches = (0..HELD_OUT).map(|_| {
        let photo = &photos[rng.below(photos.len())];
        (photo, rng.below(seen(photo) - SIDE + 1), rng.below(photo.dim().1 - SIDE + 1))
    });
    stack(patches)
}

/// All patches of the lower thirds, side by side.
fn held_out(photos: &[Array3<f32>]) -> Array2<f32> {
    let patches = photos.iter().flat_map(|photo| {
        let (height, width, _) = photo.dim();
        let tops = (seen(photo)..height - SIDE + 1).step_by(SIDE);
        tops.flat_map(move |top| (0..width - SIDE + 1).step_by(SIDE).map(move |left| (photo, top, left)))
    });
    stack(patches.take(HELD_OUT))
}

fn stack<'a>(patches: impl Iterator<Item = (&'a Array3<f32>, usize, usize)>) -> Array2<f32> {
    let mut pixels = Array2::zeros((HELD_OUT * SIDE * SIDE, 3));
    for (number, (photo, top, left)) in patches.enumerate() {
        let patch = photo.slice(s![top..top + SIDE, left..left + SIDE, ..]);
        let own = pixels.slice_mut(s![number * SIDE * SIDE..(number + 1) * SIDE * SIDE, ..]);
        let mut own = own.into_shape_with_order((SIDE, SIDE, 3)).expect("as many pixels");
        own.assign(&patch);
    }
    pixels
}

/// A picture with a row of patches for each of `rows`.
fn write_patches(path: &Path, rows: &[Array2<f32>]) -> Result<(), Box<dyn Error>> {
    let (width, height) = (HELD_OUT * SIDE, rows.len() * SIDE);
    let mut bytes = vec![0; width * height * 3];
    for (row, patches) in rows.iter().enumerate() {
        for (pixel, colors) in patches.rows().into_iter().enumerate() {
            let (patch, place) = (pixel / (SIDE * SIDE), pixel % (SIDE * SIDE));
            let (y, x) = (row * SIDE + place / SIDE, patch * SIDE + place % SIDE);
            for (channel, value) in colors.iter().enumerate() {
                bytes[(y * width + x) * 3 + channel] = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
            }
        }
    }
    let mut encoder = png::Encoder::new(File::create(path)?, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&bytes)?;
    Ok(())
}
