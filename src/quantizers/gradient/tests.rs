//! Runs of every trainer on every spec it can train.

use std::cell::Cell;

use ndarray::Array2;

use super::*;
use crate::metrics;
use crate::rng::Rng;
use crate::train::KMeans;

fn engines() -> impl Iterator<Item = Engine> {
    std::iter::once(Engine::cpu()).chain(crate::test_gpu())
}

/// 600 vectors of 6 dimensions around 12 places far from the origin.
fn vectors() -> Array2<f32> {
    let mut rng = Rng::new(3, 0);
    let places = Array2::from_shape_simple_fn((12, 6), || 100.0 + 20.0 * rng.normal());
    Array2::from_shape_fn((600, 6), |(row, column)| places[[row % 12, column]] + 3.0 * rng.normal())
}

/// Softer than by default, as these runs are short, and from vectors, as k-means leaves them little to do.
fn training(spec: &str, trainer: &'static Trainer) -> GradientTraining {
    let training = GradientTraining::new(spec.parse().unwrap(), trainer);
    let training = training.steps(300).batch(64).log_every(50).seed(5);
    let training = if trainer.follows_gradient { training.rate(0.03) } else { training };
    let is_curve = spec.starts_with("SFVQ");
    let training = if is_curve { training } else { training.set("start_from", "vectors") };
    match trainer.name {
        "ema" => training.set("decay", 0.9),
        "soft" => training.set("tau", "20:400"),
        "gumbel" => training.set("sharpness", 200),
        _ => training,
    }
}

fn mse(engine: &Engine, quantizer: &dyn Quantizer, x: &Array2<f32>) -> f64 {
    let back = quantizer.decode(engine, &quantizer.encode(engine, x).unwrap()).unwrap();
    metrics::mse(x.view(), back.view()).unwrap()
}

/// All pairs on the CPU; on the GPU, which runs the same graphs by kernels that are tested by themselves, each trainer once.
#[test]
fn every_trainer_trains_every_spec_it_can() {
    let (x, specs) = (vectors(), ["VQ8", "RQ2x3", "PQ2x3", "AQ2x3"]);
    for engine in engines() {
        for (at, trainer) in TRAINERS.iter().copied().enumerate() {
            let specs = match trainer {
                _ if trainer.is_linear => &specs[..1],
                _ if trainer.noise.is_some() => &specs[..],
                _ => &specs[..3],
            };
            let specs = if engine.is_gpu() { &specs[at % specs.len()..][..1] } else { specs };
            for spec in specs {
                let start = training(spec, trainer).start(&engine, &x).unwrap().quantizer().unwrap();
                let trained = training(spec, trainer).fit(&engine, &x).unwrap();
                let (before, after) = (mse(&engine, &*start, &x), mse(&engine, &*trained, &x));
                let name = trainer.name;
                assert!(after < 0.9 * before, "{spec} by {name} on {}: {before} to {after}", engine.name());
            }
        }
    }
}

#[test]
fn k_means_is_a_better_start_than_vectors() {
    let (engine, x) = (Engine::cpu(), vectors());
    for spec in ["VQ8", "RQ3x3", "PQ2x3", "AQ3x3"] {
        let start = |from: &str| {
            let training = training(spec, Trainer::NSVQ).set("start_from", from);
            mse(&engine, &*training.start(&engine, &x).unwrap().quantizer().unwrap(), &x)
        };
        let (clustered, drawn) = (start("kmeans"), start("vectors"));
        assert!(clustered < 0.9 * drawn, "{spec}: {clustered} and {drawn}");
    }
    let curve = training("SFVQ3", Trainer::NSVQ).set("start_from", "kmeans").start(&engine, &x);
    assert!(curve.is_err_and(|error| error.to_string().contains("along the longest axis")));
}

#[test]
fn noise_ends_where_k_means_does() {
    let mut rng = Rng::new(4, 0);
    // Not in clusters: where there are some, all depends on the start.
    let (engine, x) = (Engine::cpu(), Array2::from_shape_simple_fn((600, 4), || rng.normal()));
    let trained = training("VQ16", Trainer::NSVQ).steps(1000).fit(&engine, &x).unwrap();
    let classical = KMeans::new(16).fit(&engine, &x).unwrap();
    let found = mse(&engine, &*trained, &x);
    assert!(found < 1.02 * classical.mse, "{found}, {} by k-means", classical.mse);
}

/// With one noise term for the whole error, the loss is the squared error: the noise cancels.
#[test]
fn the_loss_of_noise_is_the_error_of_the_quantizer() {
    for engine in engines() {
        let x = vectors();
        for spec in ["RQ2x3", "PQ3x2", "AQ2x3"] {
            // A run of one step: AQ searches in its own way in the second half, which begins at once then.
            let training = training(spec, Trainer::NSVQ).steps(1).batch(600).log_every(1);
            let mut run = training.start(&engine, &x).unwrap();
            let start = run.quantizer().unwrap();
            let loss = run.advance().unwrap().losses[0];
            let error = mse(&engine, &*start, &x);
            // A mean of squares of numbers around 100 that are moved by their mean: 2⁻²⁴ of those, twice over, of an
            // error whose square root is about 20.
            let bound = error * 1e-5 + 2.0 * error.sqrt() * 100.0 * 2f64.powi(-23);
            assert!((loss - error).abs() < bound, "{spec} on {}: {loss}, not {error}", engine.name());
        }
    }
}

#[test]
fn a_run_is_the_same_each_time_and_when_resumed() {
    let x = vectors();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    for engine in engines() {
        // A software rasteriser takes its time.
        let (all, end) = if engine.is_gpu() { (2.., 150) } else { (0.., 300) };
        let runs = [("VQ32", Trainer::EMA), ("VQ32", Trainer::STE), ("RQ2x4", Trainer::NSVQ)];
        for &(spec, trainer) in &runs[all] {
            let training = training(spec, trainer).replace_every(60);
            let training = training.set("replace_last", 250).set("replace_share", 0.9);
            let curve = |run: &mut GradientRun| {
                let mut losses = Vec::new();
                while run.step() < end {
                    losses.extend(run.advance().unwrap().losses.iter().map(|loss| loss.to_bits()));
                }
                losses
            };
            let mut whole = training.start(&engine, &x).unwrap();
            let losses = curve(&mut whole);
            let mut half = training.start(&engine, &x).unwrap();
            let mut replaced = 0;
            // In the middle of a window.
            let steps = Cell::new(0);
            let stopped = || steps.replace(steps.get() + 1) == 129;
            while half.step() < 130 {
                let window = half.advance_until(&stopped).unwrap();
                replaced += window.replaced.iter().flat_map(|(_, counts)| counts).sum::<usize>();
            }
            assert!(replaced > 0, "nothing was replaced: the test is of too little");
            assert_eq!(half.step(), 130);
            half.save_checkpoint(&path).unwrap();
            let mut resumed = training.start(&engine, &x).unwrap();
            resumed.resume(&path).unwrap();
            assert_eq!(curve(&mut resumed), losses[130..], "{spec} by {}", trainer.name);
            let codebooks = |run: &GradientRun| {
                let quantizer = run.quantizer().unwrap();
                quantizer.codebooks().into_iter().cloned().collect::<Vec<_>>()
            };
            assert_eq!(codebooks(&resumed), codebooks(&whole));

            let other = training.clone().batch(65).start(&engine, &x).unwrap().resume(&path);
            let message = other.unwrap_err().to_string();
            assert!(message.contains("another run: batch 64 there and 65 here"), "{message}");
        }
    }
}

#[test]
fn a_run_of_simvq_is_the_same_when_resumed() {
    let x = vectors();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    for engine in engines() {
        let training = training("VQ32", Trainer::SIMVQ);
        let to_the_end = |run: &mut GradientRun| {
            while run.step() < 300 {
                run.advance().unwrap();
            }
            run.quantizer().unwrap().codebooks().into_iter().cloned().collect::<Vec<_>>()
        };
        let mut whole = training.start(&engine, &x).unwrap();
        let mut half = training.start(&engine, &x).unwrap();
        let start = half.quantizer().unwrap().codebooks()[0].clone();
        while half.step() < 150 {
            half.advance().unwrap();
        }
        half.save_checkpoint(&path).unwrap();
        // The codewords to start from are in the checkpoint too.
        let mut resumed = training.clone().set("start_from", "kmeans").start(&engine, &x).unwrap();
        resumed.resume(&path).unwrap();
        let codebook = |run: &GradientRun| run.quantizer().unwrap().codebooks()[0].clone();
        assert_eq!(codebook(&resumed), codebook(&half));
        assert_ne!(codebook(&half), start);
        let end = to_the_end(&mut whole);
        assert_eq!(to_the_end(&mut resumed), end);
        assert_eq!(to_the_end(&mut half), end);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (engine, x) = (Engine::cpu(), vectors());
    let says = |training: GradientTraining, text: &str| {
        let error = match training.start(&engine, &x).map(|mut run| run.advance()) {
            Ok(Ok(_)) => panic!("{text}: it ran"),
            Ok(Err(error)) | Err(error) => error.to_string(),
        };
        assert!(error.contains(text), "{error}");
    };
    says(training("VQ8", Trainer::NSVQ).batch(0), "batch is 0; must be a whole number of 1 or more");
    says(training("VQ8", Trainer::NSVQ).batch(601), "batches of 601 vectors of 600");
    says(training("VQ8", Trainer::NSVQ).steps(0), "steps is 0; must be");
    says(training("VQ8", Trainer::NSVQ).rate(-1.0), "lr is -1.0; must be a finite number above 0");
    says(
        training("VQ8", Trainer::NSVQ).rate(f64::NAN),
        "lr is no finite number; must be a finite number above 0",
    );
    says(training("AQ2x3", Trainer::EMA), "AQ2x3 is trained by nsvq or diveq, not by ema");
    for spec in ["RQ2x3", "PQ2x3"] {
        says(
            training(spec, Trainer::SIMVQ),
            "is trained by ste, ema, soft, gumbel, nsvq, diveq or rotation, not by simvq, which is for one codebook",
        );
    }
    says(training("AQ2x3", Trainer::SIMVQ), "AQ2x3 is trained by nsvq or diveq, not by simvq: its codewords");
    says(training("SFVQ3", Trainer::SIMVQ), "SFVQ3 is trained by nsvq or diveq, not by simvq");
    says(
        training("VQ8", Trainer::SIMVQ).replace_every(0),
        "replace_every belongs to ste, ema, soft, gumbel, nsvq, diveq and rotation; leave it out, simvq has lr, steps",
    );
    says(training("LSQ2x3", Trainer::NSVQ), "LSQ2x3 cannot be trained by gradient");
    says(training("VQ8", Trainer::EMA).set("decay", 1.0), "the decay is 1");
    says(training("VQ1024", Trainer::NSVQ), "1024");
}

#[test]
fn a_batch_is_all_there_are_where_there_are_few() {
    let (engine, few) = (Engine::cpu(), vectors().slice(ndarray::s![..40, ..]).to_owned());
    let mut run = GradientTraining::new("VQ8".parse().unwrap(), Trainer::NSVQ).start(&engine, &few).unwrap();
    assert_eq!(run.batch(), 40);
    assert!(run.advance().unwrap().mse().is_finite());
    let asked = training("VQ8", Trainer::NSVQ).batch(41).start(&engine, &few);
    assert!(asked.is_err_and(|error| error.to_string().contains("batches of 41 vectors of 40")));
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run() {
    let (engine, x) = (Engine::cpu(), vectors());
    let rule = Rule::Sgd { momentum: 0.0, nesterov: false };
    let training = training("VQ8", Trainer::NSVQ).rule(rule).rate(1e30).schedule(Schedule::Constant);
    let mut run = training.start(&engine, &x).unwrap();
    let error = loop {
        match run.advance() {
            Ok(_) => assert!(run.step() < 300, "it went to the end"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.starts_with("step ") && error.contains("codebook.0"), "{error}");
}
