//! Space-filling and equalised quantizers, from Rust and on the command line.

use crate::common::engines;
use wgvq::ndarray::{Array2, array};
use wgvq::{
    Engine, Equalized, Evaluation, GradientTraining, Projection, Quantizer, Rng, SpaceFilling, Trainer, Vq,
};

fn gaussian(n: usize, d: usize, seed: u64) -> Array2<f32> {
    let mut rng = Rng::new(seed, 0);
    Array2::from_shape_simple_fn((n, d), || rng.normal())
}

fn trained(
    engine: &Engine,
    spec: &str,
    trainer: &'static Trainer,
    steps: u64,
    x: &Array2<f32>,
) -> Box<dyn Quantizer> {
    let training = GradientTraining::new(spec.parse().unwrap(), trainer);
    training.steps(steps).batch(256).log_every(50).seed(1).fit(engine, x).unwrap()
}

fn mse(engine: &Engine, quantizer: &dyn Quantizer, x: &Array2<f32>) -> f64 {
    Evaluation::of(&*quantizer.prepare(engine).unwrap(), engine, x).unwrap().distortion.mse()
}

fn mean_jump(corners: &Array2<f32>) -> f64 {
    let jumps = corners.rows().into_iter().zip(corners.rows().into_iter().skip(1));
    let length = |(a, b): (wgvq::ndarray::ArrayView1<f32>, wgvq::ndarray::ArrayView1<f32>)| {
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
    };
    jumps.map(length).sum::<f64>() / (corners.nrows() - 1) as f64
}

/// Both trainers make a curve that is nearer to the data than plain VQ's codewords, and whose corners are in order.
#[test]
fn a_curve_fills_the_plane_in_order() {
    let x = gaussian(6000, 2, 3);
    for engine in engines() {
        let vq = Vq::builder().k(32).seed(1).fit(&engine, &x).unwrap();
        for trainer in [Trainer::NSVQ, Trainer::DIVEQ] {
            let sfvq = trained(&engine, "SFVQ5", trainer, 2000, &x);
            let corners = sfvq.curve().unwrap();
            assert_eq!(corners.dim(), (32, 2));
            let along = Projection::of(&engine, corners, &x).unwrap().mse;
            let plain = mse(&engine, &vq, &x);
            assert!(along < plain, "{} on {}: {along}, VQ {plain}", trainer.name, engine.name());
            let share = mean_jump(corners) / mean_jump(vq.codebook());
            assert!(share < 0.5, "{} on {}: jumps of {share}", trainer.name, engine.name());
        }
    }
}

/// Between the error to the corners and that to the curve, and the nearer to the latter the more bits a position has.
#[test]
fn position_bits_go_from_the_corners_to_the_curve() {
    let x = gaussian(2000, 3, 4);
    let corners = gaussian(16, 3, 5);
    for engine in engines() {
        let curve = Projection::of(&engine, &corners, &x).unwrap().mse;
        let of = |bits| SpaceFilling::new(corners.clone(), bits).unwrap();
        let errors: Vec<f64> = [0, 1, 2, 4, 8, 12].map(|bits| mse(&engine, &of(bits), &x)).into();
        // One bit says at which end: of the nearest segment, which need not be the nearest corner.
        assert!(errors[1..].windows(2).all(|pair| pair[1] < pair[0]), "{errors:?}");
        assert!(errors[0] > errors[2] && errors[5] / curve - 1.0 < 1e-4, "{errors:?}, {curve}");
        assert!(errors.iter().all(|error| *error >= curve * (1.0 - 1e-6)), "{errors:?}, {curve}");
        assert_eq!((of(4).codebook_sizes(), of(4).bits_per_vector()), (vec![15, 16], 15_f64.log2() + 4.0));
    }
}

#[test]
fn models_come_back_from_their_files() {
    let (engine, x) = (Engine::cpu(), gaussian(500, 4, 6));
    let folder = tempfile::tempdir().unwrap();
    let corners = gaussian(8, 4, 7);
    let equalized = Equalized::of(&engine, &corners, &x, 10).unwrap();
    let models: [Box<dyn Quantizer>; 4] = [
        Box::new(SpaceFilling::new(corners.clone(), 0).unwrap()),
        Box::new(SpaceFilling::new(corners, 5).unwrap()),
        Box::new(equalized.clone()),
        Box::new(equalized.by_curve()),
    ];
    for (number, model) in models.iter().enumerate() {
        let path = folder.path().join(format!("{number}.safetensors"));
        model.save(&path, false, wgvq::serde_json::Value::Null).unwrap();
        let loaded = wgvq::load(&path).unwrap().quantizer;
        assert_eq!(loaded.spec(), model.spec());
        assert_eq!(loaded.settings(), model.settings());
        let codes = |model: &dyn Quantizer| model.encode(&engine, &x).unwrap();
        assert_eq!(codes(&*loaded).view(), codes(&**model).view());
    }
}

/// Every run has the same number of training vectors, to one, even where thousands project to one corner.
#[test]
fn runs_are_of_equal_count() {
    let x = gaussian(4001, 2, 8);
    // Most vectors are nearest to the bend, or to an end.
    let corners = array![[-0.5_f32, 0.0], [0.0, 0.0], [0.0, 0.5]];
    for engine in engines() {
        let equalized = Equalized::of(&engine, &corners, &x, 32).unwrap().by_curve();
        let codes = equalized.encode(&engine, &x).unwrap();
        let mut counts = [0; 32];
        codes.view().iter().for_each(|&code| counts[code as usize] += 1);
        assert!(counts.iter().all(|count| (125..=126).contains(count)), "{counts:?} on {}", engine.name());
        // And of vectors that were not seen nearly so: five standard deviations of the binomial.
        let others = equalized.encode(&engine, &gaussian(4000, 2, 9)).unwrap();
        let mut counts = [0; 32];
        others.view().iter().for_each(|&code| counts[code as usize] += 1);
        assert!(counts.iter().all(|count| (70..=185).contains(count)), "{counts:?} on {}", engine.name());
    }
}

#[test]
fn degenerate_data_and_settings() {
    let engine = Engine::cpu();
    // Constant vectors: a curve without length, and no loss.
    let constant = Array2::from_elem((300, 3), 7.5_f32);
    let sfvq = trained(&engine, "SFVQ3", Trainer::NSVQ, 20, &constant);
    assert!(mse(&engine, &*sfvq, &constant) < 1e-9);
    let equalized = Equalized::of(&engine, sfvq.curve().unwrap(), &constant, 4).unwrap();
    assert!(mse(&engine, &equalized, &constant) < 1e-9);
    // One bit is two corners.
    assert_eq!(
        trained(&engine, "SFVQ1", Trainer::NSVQ, 20, &gaussian(300, 2, 1)).curve().unwrap().nrows(),
        2
    );

    let refuse = |spec: &str, trainer, steps, n| {
        let training = GradientTraining::new(spec.parse().unwrap(), trainer).steps(steps).batch(8);
        training.fit(&engine, &gaussian(n, 2, 1)).err().expect("is refused").to_string()
    };
    assert!(refuse("SFVQ6", Trainer::NSVQ, 100, 63).contains("64"));
    assert!(refuse("SFVQ6", Trainer::NSVQ, 4, 100).contains("5 stages"));
    assert!(refuse("SFVQ6", Trainer::STE, 100, 100).contains("nsvq or diveq"));
    assert!(SpaceFilling::new(gaussian(5, 2, 1), 0).unwrap_err().to_string().contains("power of two"));
    let of = |n, k| Equalized::of(&engine, &gaussian(4, 2, 1), &gaussian(n, 2, 2), k);
    assert!(of(10, 11).unwrap_err().to_string().contains("11 runs of 10 vectors"));
    assert!(of(10, 1).is_err() && of(10, 10).is_ok());
    assert!(Projection::of(&engine, &gaussian(4, 2, 1), &gaussian(4, 3, 1)).is_err());
}
