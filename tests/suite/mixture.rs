//! Gaussian mixtures on both backends, against plain expectation maximization in float64.

use wgvq::ndarray::{Array1, Array2, Axis};
use wgvq::train::{Covariance, GaussianMixture, KMeans, Mixture};
use wgvq::{Quantizer, Rng, Vq};

/// Three components that overlap, far from the origin: shares .5, .3, .2.
fn overlapping(n: usize) -> (Array2<f32>, Vec<usize>) {
    const CENTRES: [[f32; 3]; 3] = [[100.0, 0.0, 5.0], [103.0, 1.0, 5.0], [100.0, 4.0, 2.0]];
    const SPREADS: [[f32; 3]; 3] = [[1.0, 0.5, 2.0], [0.7, 1.5, 1.0], [0.5, 0.8, 0.6]];
    let mut rng = Rng::new(5, 0);
    let labels: Vec<usize> = (0..n).map(|row| [0, 0, 0, 0, 0, 1, 1, 1, 2, 2][row % 10]).collect();
    let x = Array2::from_shape_fn((n, 3), |(row, column)| {
        CENTRES[labels[row]][column] + SPREADS[labels[row]][column] * rng.normal()
    });
    (x, labels)
}

/// One step of EM as the textbook has it: the log-likelihood before it, and the density after.
fn plain_step(
    x: &Array2<f64>,
    weights: &mut Array1<f64>,
    means: &mut Array2<f64>,
    variances: &mut Array2<f64>,
    spherical: bool,
) -> f64 {
    let (n, k) = (x.nrows(), weights.len());
    let mut shares = Array2::<f64>::zeros((n, k));
    let mut total = 0.0;
    for (x, mut shares) in x.outer_iter().zip(shares.rows_mut()) {
        for j in 0..k {
            let terms = x.iter().zip(means.row(j)).zip(variances.row(j));
            let exponent: f64 =
                terms.map(|((x, m), v)| (x - m) * (x - m) / v + (std::f64::consts::TAU * v).ln()).sum();
            shares[j] = weights[j].ln() - 0.5 * exponent;
        }
        let largest = shares.fold(f64::MIN, |a, &b| a.max(b));
        let sum: f64 = shares.iter().map(|share| (share - largest).exp()).sum();
        shares.mapv_inplace(|share| (share - largest).exp() / sum);
        total += largest + sum.ln();
    }
    for j in 0..k {
        let share = shares.column(j);
        let mass = share.sum();
        weights[j] = mass / n as f64;
        let mean = x.t().dot(&share) / mass;
        let squares = x.rows().into_iter().zip(share).map(|(x, share)| (&x - &mean).mapv(|e| e * e) * *share);
        let mut variance = squares.fold(Array1::zeros(x.ncols()), |sum, square| sum + square) / mass;
        if spherical {
            let mean = variance.mean().unwrap();
            variance.fill(mean);
        }
        means.row_mut(j).assign(&mean);
        variances.row_mut(j).assign(&variance);
    }
    total / n as f64
}

#[test]
fn the_steps_are_those_of_plain_em() {
    let (x, _) = overlapping(2000);
    let exact = x.mapv(f64::from);
    for engine in crate::common::engines() {
        for covariance in [Covariance::Diagonal, Covariance::Spherical] {
            let start = KMeans::new(3).iterations(5).seed(2).all_vectors();
            let clusters = start.fit(&engine, &x).unwrap();
            let mut weights = Array1::from_elem(3, 1.0 / 3.0);
            let mut means = clusters.codebook.mapv(f64::from);
            let mut variances = Array2::from_elem((3, 3), clusters.mse / 3.0);
            let found = GaussianMixture::new(3)
                .covariance(covariance)
                .start(start)
                .seed(2)
                .iterations(6)
                .tolerance(0.0)
                .fit(&engine, &x)
                .unwrap();
            assert_eq!(found.history.len(), 6);
            for (step, &got) in found.history.iter().enumerate() {
                let spherical = covariance == Covariance::Spherical;
                let want = plain_step(&exact, &mut weights, &mut means, &mut variances, spherical);
                // Densities come from sums of 7 products of size 40 or less in f32, and the steps carry errors on.
                assert!(
                    (got - want).abs() < 7.0 * 40.0 * 6e-8 * (step + 1) as f64,
                    "step {step}: {got} {want}"
                );
            }
            let near = |got: &Array2<f32>, want: &Array2<f64>, bound: f64| {
                got.iter().zip(want).all(|(&got, &want)| (f64::from(got) - want).abs() < bound)
            };
            // Means of size 100 in f32, and sums of 2000 rows whose squares reach 40.
            assert!(near(&found.mixture.means, &means, 5e-5), "{:?} {means:?}", found.mixture.means);
            assert!(near(&found.mixture.variances, &variances, 2e-4));
            assert!(near(&found.mixture.weights.insert_axis(Axis(1)), &weights.insert_axis(Axis(1)), 2e-5));
        }
    }
}

#[test]
fn what_was_drawn_from_is_found_again() {
    let n = 20_000;
    let (x, labels) = overlapping(n);
    let engine = wgvq::Engine::cpu();
    let found = GaussianMixture::new(3).start(KMeans::new(3).all_vectors()).fit(&engine, &x).unwrap();
    assert_eq!(found.rows, n);
    let mixture = &found.mixture;
    for label in 0..3 {
        let rows: Vec<usize> = (0..n).filter(|&row| labels[row] == label).collect();
        let mean = x.select(Axis(0), &rows).mean_axis(Axis(0)).unwrap();
        let distance = |j: &usize| (&mixture.means.row(*j) - &mean).mapv(|e| e * e).sum();
        let nearest = (0..3).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap();
        // The standard error of a mean of unit spread over a fifth of the rows is .016, and a third of them are shared.
        assert!(distance(&nearest) < 0.1 * 0.1, "{label}: {} {mean}", mixture.means.row(nearest));
        assert!((mixture.weights[nearest] - rows.len() as f32 / n as f32).abs() < 0.03);
    }
    // The likelihood cannot fall; rounding of a mean of 20,000 numbers of size 10 moves it by less than this.
    assert!(found.history.windows(2).all(|pair| pair[1] > pair[0] - 1e-5), "{:?}", found.history);
    let again = mixture.log_likelihood(&engine, &x).unwrap();
    assert!((again - found.log_likelihood).abs() < 1e-4, "{again} {}", found.log_likelihood);
    // Most vectors are explained best by the component they were drawn from.
    let shares = mixture.responsibilities(&engine, &x).unwrap();
    assert!(shares.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-5));
}

#[test]
fn odd_data_gives_a_finite_mixture_or_an_error() {
    let finite = |mixture: &Mixture| {
        let all = mixture.means.iter().chain(&mixture.variances).chain(&mixture.weights);
        assert!(all.clone().all(|value| value.is_finite()), "{mixture:?}");
        assert!(mixture.variances.iter().all(|&variance| variance > 0.0));
        assert!((mixture.weights.sum() - 1.0).abs() < 1e-5);
    };
    for engine in crate::common::engines() {
        let fit = |k: usize, x: &Array2<f32>| GaussianMixture::new(k).fit(&engine, x);
        let line = Array2::from_shape_fn((50, 1), |(row, _)| (row * row % 17) as f32);
        finite(&fit(4, &line).unwrap().mixture);
        // As many components as vectors, and more than there are different ones.
        finite(&fit(50, &line).unwrap().mixture);
        let few = Array2::from_shape_fn((60, 2), |(row, column)| (row % 3 + column) as f32);
        finite(&fit(5, &few).unwrap().mixture);
        let constant = Array2::from_elem((10, 3), 2.5_f32);
        assert!(fit(2, &constant).unwrap_err().to_string().contains("variance of 0"));
        assert!(fit(51, &line).unwrap_err().to_string().contains("k is 51 and there are 50 vectors"));
        assert!(fit(0, &line).is_err());
        for power in [-90, 100] {
            let moved = fit(4, &line.mapv(|value| value * 2.0_f32.powi(power))).unwrap();
            let at = fit(4, &line).unwrap();
            assert_eq!(moved.mixture.weights, at.mixture.weights);
            assert!(
                (moved.log_likelihood + f64::from(power) * 2.0_f64.ln() - at.log_likelihood).abs() < 1e-9
            );
        }
        assert!(GaussianMixture::new(2).tolerance(f64::NAN).fit(&engine, &line).is_err());
    }
}

#[test]
fn a_model_file_keeps_the_mixture() {
    let (x, _) = overlapping(600);
    let engine = wgvq::Engine::cpu();
    let mixture = GaussianMixture::new(4).fit(&engine, &x).unwrap().mixture;
    let folder = tempfile::tempdir().unwrap();
    let (path, again) = (folder.path().join("vq.safetensors"), folder.path().join("again.safetensors"));
    let vq = Vq::from_mixture(mixture.clone()).unwrap();
    assert_eq!(vq.mixture(), Some(mixture));
    vq.save(&path, false, wgvq::serde_json::Value::Null).unwrap();
    let loaded = wgvq::load(&path).unwrap().quantizer;
    assert_eq!(loaded.encode(&engine, &x).unwrap(), vq.encode(&engine, &x).unwrap());
    loaded.save(&again, false, wgvq::serde_json::Value::Null).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
}
