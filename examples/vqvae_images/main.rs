//! A convolutional VQ-VAE on patches of photographs: straight-through, moving averages and NSVQ, each with and without
//! codebook replacement (CBR), at 6, 8 and 10 bits (Publication II of the thesis), and others beside them at 8 bits.
//!
//! ```text
//! cargo run --release --example vqvae_images [--full] [FOLDER]
//! ```
//!
//! Prints means and standard deviations over three seeds. Writes curves (`curves.svg`) and reconstructions of patches that no
//! model has seen (`patches.png`: the originals, then a row for each method at 8 bits) to FOLDER, `target/vqvae_images` if not
//! said. `--full` is for GPUs: a wider model, larger batches and ten times the steps.

#[path = "../shared/chart.rs"]
mod chart;
mod hard_end;
mod methods;
mod model;
mod photos;

use std::error::Error;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ndarray::Array2;
use wgvq::train::{Optimizer, Replacement, Schedule};
use wgvq::{Engine, Rng};

use methods::{Method, OTHERS, PUBLICATION};
use model::{Middle, Model, Start};
use photos::{HELD_OUT, Photos};

const RATES: [u32; 3] = [6, 8, 10];
/// The rate at which all methods are compared.
const ALL_AT: u32 = 8;
const SEEDS: u64 = 3;
/// Steps from one replacement of codewords to the next.
const PERIOD: u64 = 50;
/// Codewords of fewer of the batches are replaced: at a hundredth, which is usual, hardly any are.
const SHARE: f64 = 0.1;
/// The last steps, over which the use of codewords is counted.
const COUNTED: u64 = 100;
/// How far below the last PSNR of straight-through the level is that steps are counted to.
const BELOW: f64 = 0.5;
/// Steps from one point of a curve to the next.
const EVERY: u64 = 25;

struct Size {
    /// Steps of the autoencoder without a quantizer.
    warm_up: u64,
    steps: u64,
    /// Patches of a step.
    batch: usize,
    channels: usize,
}

/// What all runs share.
struct Setup {
    engine: Engine,
    size: Size,
    photos: Photos,
    held_out: Array2<f32>,
}

/// A method at a rate, of one seed.
struct Job<'a> {
    method: &'a Method,
    bits: u32,
    seed: u64,
}

struct Run {
    /// Steps, and the PSNR on patches that are not seen.
    curve: Vec<(f64, f64)>,
    perplexity: f64,
    dead: usize,
    /// Of the patches that are not seen.
    reconstruction: Array2<f32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let full = arguments.iter().any(|argument| argument == "--full");
    let folder = arguments.iter().find(|argument| !argument.starts_with("--"));
    let folder = folder.map_or_else(|| PathBuf::from("target/vqvae_images"), PathBuf::from);
    let size = if full {
        Size { warm_up: 20_000, steps: 6000, batch: 64, channels: 128 }
    } else {
        Size { warm_up: 2000, steps: 600, batch: 16, channels: 32 }
    };
    std::fs::create_dir_all(&folder)?;

    let photos = Photos::read()?;
    let setup = Setup { engine: Engine::auto()?, size, held_out: photos.held_out(), photos };
    let Size { warm_up, steps, batch, .. } = setup.size;
    println!("VQ-VAE on {}: {warm_up} + {steps} steps of {batch} patches", setup.engine.name());
    let seeds: Vec<u64> = (0..SEEDS).collect();
    let starts = in_parallel(&setup.engine, &seeds, |&seed| setup.warm_up(seed))?;
    let publication = PUBLICATION.iter().flat_map(|method| RATES.map(|bits| (method, bits)));
    let others = OTHERS.iter().map(|method| (method, ALL_AT));
    let compared: Vec<(&Method, u32)> = publication.chain(others).collect();
    let jobs =
        compared.iter().flat_map(|&(method, bits)| seeds.iter().map(move |&seed| Job { method, bits, seed }));
    let jobs: Vec<Job> = jobs.collect();
    let runs = in_parallel(&setup.engine, &jobs, |job| setup.train(job, &starts[job.seed as usize]))?;
    let results: Vec<(&Method, u32, &[Run])> = compared
        .iter()
        .zip(runs.chunks(seeds.len()))
        .map(|(&(method, bits), runs)| (method, bits, runs))
        .collect();

    println!(
        "{:<15} {:>4} {:>14} {:>15} {:>13} {:>22}",
        "method",
        "bits",
        "PSNR dB",
        "perplexity",
        "dead",
        format!("steps to ste's − {BELOW} dB")
    );
    for &(method, bits, runs) in &results {
        let same = results.iter().find(|(_, others, _)| *others == bits);
        let goal = same.map_or(0.0, |(_, _, runs)| mean_and_spread(runs, Run::psnr).0);
        println!(
            "{:<15} {bits:>4} {:>14} {:>15} {:>13} {:>22}",
            method.name,
            mean_and_spread(runs, Run::psnr).1,
            mean_and_spread(runs, |run| run.perplexity).1,
            mean_and_spread(runs, |run| run.dead as f64).1,
            steps_to(runs, goal - BELOW)
        );
    }
    draw(&folder.join("curves.svg"), &results)?;
    let at_all = results.iter().filter(|(_, bits, _)| *bits == ALL_AT);
    let reconstructions = at_all.map(|(_, _, runs)| &runs[0].reconstruction);
    let rows: Vec<_> = iter::once(&setup.held_out).chain(reconstructions).collect();
    photos::write_patches(&folder.join("patches.png"), &rows)?;
    let names = results.iter().filter(|(_, bits, _)| *bits == ALL_AT).map(|(method, ..)| method.name);
    println!("rows of patches.png, at {ALL_AT} bits: originals; {}", names.collect::<Vec<_>>().join("; "));
    println!("curves and reconstructions are in {}", folder.display());
    Ok(())
}

/// Draws what became of the methods of the publication at each rate, and how all came there at one.
fn draw(path: &Path, results: &[(&Method, u32, &[Run])]) -> Result<(), Box<dyn Error>> {
    let by_rate = |figure: &dyn Fn(&Run) -> f64| {
        let line = |method: &Method| {
            let own = results.iter().filter(|(other, ..)| other.name == method.name);
            own.map(|&(_, bits, runs)| (f64::from(bits), mean_and_spread(runs, figure).0)).collect()
        };
        PUBLICATION.iter().map(|method| (method.name.to_string(), line(method))).collect()
    };
    // As many lines as there are colours.
    let curves = |methods: &[Method]| {
        let own = results.iter().filter(|(method, bits, _)| {
            *bits == ALL_AT && methods.iter().any(|other| other.name == method.name)
        });
        own.map(|(method, _, runs)| (method.name.to_string(), mean_curve(runs))).collect()
    };
    let title = format!("PSNR of patches not seen at {ALL_AT} bits, dB");
    let others = format!("the same of other methods at {ALL_AT} bits");
    let panels = [
        chart::Panel { title: "PSNR of patches not seen, dB", x: "bits", lines: by_rate(&Run::psnr) },
        chart::Panel {
            title: "codewords without a vector",
            x: "bits",
            lines: by_rate(&|run| run.dead as f64),
        },
        chart::Panel { title: &title, x: "step", lines: curves(&PUBLICATION) },
        chart::Panel { title: &others, x: "step", lines: curves(&OTHERS[..OTHERS.len() / 2]) },
        chart::Panel { title: &others, x: "step", lines: curves(&OTHERS[OTHERS.len() / 2..]) },
    ];
    chart::draw(path, &panels)
}

fn mean_curve(runs: &[Run]) -> Vec<(f64, f64)> {
    let mean = |at: usize| runs.iter().map(|run| run.curve[at].1).sum::<f64>() / runs.len() as f64;
    runs[0].curve.iter().enumerate().map(|(at, &(step, _))| (step, mean(at))).collect()
}

impl Setup {
    /// What all methods start from.
    fn warm_up(&self, seed: u64) -> wgvq::Result<Start> {
        let Self { engine, size, photos, .. } = self;
        let mut rng = Rng::new(seed, 0);
        let mut model = Model::new(engine, size.batch, size.channels, Middle::Open, &mut rng)?;
        let mut optimizer =
            Optimizer::adam(4e-3).schedule(Schedule::Cosine { steps: size.warm_up, floor: 1e-3 });
        for _ in 0..size.warm_up {
            model.step(&photos.crops(size.batch, &mut rng), &mut optimizer)?;
        }
        let encoder = Model::new(engine, HELD_OUT, size.channels, Middle::Open, &mut rng)?;
        encoder.into_start(&mut model, &photos.crops(HELD_OUT, &mut rng))
    }

    fn train(&self, job: &Job, start: &Start) -> wgvq::Result<Run> {
        let Self { engine, size, photos, held_out } = self;
        let Job { method, bits, seed } = *job;
        let before = if method.goes_on() { 0 } else { size.warm_up };
        let steps = before + size.steps;
        let mut rng = Rng::new(seed, 1);
        let middle = method.middle(bits, steps, seed)?;
        let mut model = Model::new(engine, size.batch, size.channels, middle, &mut rng)?;
        let middle = method.middle(bits, steps, seed)?.nearest()?;
        let mut judge = Model::new(engine, HELD_OUT, size.channels, middle, &mut rng)?;
        if method.goes_on() {
            model.start(start, &mut rng)?;
        }
        let schedule = Schedule::Cosine { steps, floor: 1e-5 }.warm_up(50);
        let mut optimizer = Optimizer::adam(method.rate).schedule(schedule);
        let replacement = Replacement::new(PERIOD, steps * 4 / 5)?.share(SHARE)?;
        let mut curve = Vec::new();
        for step in 1..=steps {
            model.step(&photos.crops(size.batch, &mut rng), &mut optimizer)?;
            if method.replaced && replacement.is_due(step) {
                model.replace(&replacement, (step, seed), &mut optimizer)?;
            }
            if step == steps - COUNTED {
                model.usage()?;
            }
            if step > before && step % EVERY == 0 {
                curve.push(((step - before) as f64, judge.psnr(&mut model, held_out)?));
            }
        }
        let usage = model.usage()?.expect("it has a quantizer");
        Ok(Run { curve, perplexity: usage.perplexity(), dead: usage.dead(), reconstruction: judge.output()? })
    }
}

impl Run {
    fn psnr(&self) -> f64 {
        self.curve.last().map_or(0.0, |&(_, psnr)| psnr)
    }
}

/// The mean of a figure over the seeds, and its text with the standard deviation.
fn mean_and_spread(runs: &[Run], figure: impl Fn(&Run) -> f64) -> (f64, String) {
    let n = runs.len() as f64;
    let mean = runs.iter().map(&figure).sum::<f64>() / n;
    let squares: f64 = runs.iter().map(|run| (figure(run) - mean).powi(2)).sum();
    (mean, format!("{mean:.2} ± {:.2}", (squares / (n - 1.0)).sqrt()))
}

/// Steps until the PSNR is `goal`, on average over the runs that come there, and how many these are if not all.
fn steps_to(runs: &[Run], goal: f64) -> String {
    let first = |run: &Run| run.curve.iter().find(|&&(_, psnr)| psnr >= goal).map(|&(step, _)| step);
    let steps: Vec<f64> = runs.iter().filter_map(first).collect();
    let mean = format!("{:.0}", steps.iter().sum::<f64>() / steps.len() as f64);
    match steps.len() {
        0 => "–".into(),
        all if all == runs.len() => mean,
        some => format!("{mean}, {some} of {}", runs.len()),
    }
}

/// Runs of all `jobs`. On the CPU each takes a core of its own, as the kernels of so small a model are too short to share.
fn in_parallel<J: Sync, R: Send>(
    engine: &Engine,
    jobs: &[J],
    run: impl Fn(&J) -> wgvq::Result<R> + Sync,
) -> Result<Vec<R>, Box<dyn Error>> {
    if engine.adapter_info().is_some() {
        return Ok(jobs.iter().map(run).collect::<Result<_, _>>()?);
    }
    let core = || rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let cores = thread::available_parallelism()?.get();
    let cores = (0..cores).map(|_| core()).collect::<Result<Vec<_>, _>>()?;
    let next = AtomicUsize::new(0);
    let next_job = || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        jobs.get(number).map(|job| (number, job))
    };
    let work = |core: &rayon::ThreadPool| -> Vec<(usize, wgvq::Result<R>)> {
        core.install(|| iter::from_fn(next_job).map(|(number, job)| (number, run(job))).collect())
    };
    let work = &work;
    let mut done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = cores.iter().map(|core| scope.spawn(move || work(core))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no run panics")).collect()
    });
    done.sort_by_key(|&(number, _)| number);
    Ok(done.into_iter().map(|(_, result)| result).collect::<Result<_, _>>()?)
}
