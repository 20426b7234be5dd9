//! k-means as a library user sees it.

use std::ops::ControlFlow;

use crate::common::{clustered, engines};
use wgvq::metrics::Metric;
use wgvq::ndarray::{Array2, Axis, array, concatenate};
use wgvq::train::{Ended, Init, Iteration, KMeans};
use wgvq::{Engine, ErrorKind};

/// Rounding of the objective: a sum of n squared distances of d terms each, in f32, n and d small.
const ROUNDING: f64 = 1e-5;

#[test]
fn the_objective_never_increases() {
    let x = clustered(3000, 9, 20, 1);
    for engine in engines() {
        for init in [Init::Random, Init::PlusPlus, Init::Parallel] {
            let found =
                KMeans::new(50).init(init.clone()).iterations(30).tolerance(0.0).fit(&engine, &x).unwrap();
            for pair in found.history.windows(2) {
                assert!(pair[1] <= pair[0] * (1.0 + ROUNDING), "{init:?} on {engine:?}: {:?}", found.history);
            }
            assert!(found.mse <= found.history[0], "{init:?}");
            assert_eq!(found.usage.counts().iter().sum::<u64>(), 3000);
            assert_eq!(found.usage.dead(), 0, "{init:?} on {engine:?}");
        }
    }
}

#[test]
fn well_separated_clusters_are_found() {
    // 8 clusters with unit noise in 16 dimensions: the error is 16 per vector if every cluster has its codeword, and
    // hundreds more for each that has to share.
    let x = clustered(2000, 16, 8, 2);
    for engine in engines() {
        for init in [Init::PlusPlus, Init::Parallel] {
            let found = KMeans::new(8).init(init.clone()).fit(&engine, &x).unwrap();
            assert!((15.0..17.0).contains(&found.mse), "{init:?} on {engine:?}: {}", found.mse);
        }
    }
}

#[test]
fn fewer_distinct_vectors_than_codewords_leave_dead_ones() {
    let distinct = array![[0.0_f32, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0], [8.0, 9.0]];
    let x = concatenate(Axis(0), &[distinct.view(), distinct.view(), distinct.view()]).unwrap();
    for engine in engines() {
        for init in [Init::Random, Init::PlusPlus, Init::Parallel] {
            let found = KMeans::new(10).init(init.clone()).fit(&engine, &x).unwrap();
            assert_eq!(found.mse, 0.0, "{init:?} on {engine:?}");
            assert_eq!(found.usage.dead(), 5, "{init:?} on {engine:?}");
            for row in distinct.outer_iter() {
                assert!(
                    found.codebook.outer_iter().any(|codeword| codeword == row),
                    "{init:?}: {row} is lost"
                );
            }
        }
    }
}

#[test]
fn empty_clusters_take_from_the_worst() {
    // All starts but one lie where no vector is: after one iteration those codewords are empty.
    let x = clustered(1000, 4, 6, 3);
    let mut start = Array2::from_elem((6, 4), 1e6_f32);
    start.row_mut(0).fill(0.0);
    for engine in engines() {
        let found = KMeans::new(6).init(Init::From(start.clone())).iterations(100).fit(&engine, &x).unwrap();
        assert_eq!(found.usage.dead(), 0, "on {engine:?}");
        // Unit noise in 4 dimensions, if at most a few clusters share.
        assert!(found.mse < 100.0, "on {engine:?}: {}", found.mse);
    }
}

#[test]
fn weights_count_like_copies() {
    let x = clustered(400, 5, 7, 4);
    let weights: Vec<f32> = (0..400).map(|row| (row % 3) as f32).collect();
    let copies: Vec<_> = (0..400).flat_map(|row| vec![row; row % 3]).collect();
    let copied = x.select(Axis(0), &copies);
    let start = Init::From(x.select(Axis(0), &[1, 2, 4, 5, 7, 8]));
    for engine in engines() {
        let trainer = KMeans::new(6).init(start.clone()).iterations(10).tolerance(0.0);
        let weighted = trainer.fit_observed(&engine, &x, Some(&weights), &mut ()).unwrap();
        let plain = trainer.fit(&engine, &copied).unwrap();
        assert!((weighted.mse - plain.mse).abs() < ROUNDING * plain.mse, "{} {}", weighted.mse, plain.mse);
    }
}

#[test]
fn more_restarts_are_never_worse() {
    let x = clustered(1500, 6, 12, 5);
    let engine = Engine::cpu();
    let trainer = KMeans::new(12).init(Init::Random).seed(3);
    let once = trainer.clone().fit(&engine, &x).unwrap().mse;
    let often = trainer.restarts(5).fit(&engine, &x).unwrap().mse;
    assert!(often <= once, "{often} {once}");
}

#[test]
fn spherical_codewords_have_unit_length() {
    let x = clustered(800, 10, 5, 6);
    for engine in engines() {
        let found = KMeans::new(5).spherical(true).fit(&engine, &x).unwrap();
        for codeword in found.codebook.outer_iter() {
            let norm = codeword.iter().map(|&c| f64::from(c).powi(2)).sum::<f64>().sqrt();
            assert!((norm - 1.0).abs() < 1e-6, "{norm}");
        }
    }
}

#[test]
fn mini_batches_come_near_whole_iterations() {
    let x = clustered(5000, 8, 10, 7);
    for engine in engines() {
        let whole = KMeans::new(10).fit(&engine, &x).unwrap().mse;
        let batches = KMeans::new(10).mini_batch(500).iterations(60).fit(&engine, &x).unwrap();
        assert_eq!(batches.rows, 5000);
        assert!(batches.mse < 1.1 * whole, "on {engine:?}: {} against {whole}", batches.mse);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_threads() {
    let x = clustered(3000, 17, 9, 8);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| KMeans::new(33).seed(5).fit(&Engine::cpu(), &x).unwrap())
    };
    let (one, three) = (run(1), run(3));
    assert_eq!(one.codebook, three.codebook);
    assert_eq!(one.history, three.history);
}

#[test]
fn devices_agree_where_no_two_codewords_are_close() {
    let x = clustered(2000, 16, 8, 9);
    let start = Init::From(x.select(Axis(0), &[0, 1, 2, 3, 4, 5, 6, 7]));
    let found: Vec<_> =
        engines().iter().map(|engine| KMeans::new(8).init(start.clone()).fit(engine, &x).unwrap()).collect();
    for other in &found[1..] {
        assert_eq!(other.history.len(), found[0].history.len());
        // Means of 2000 values of size 30 at most.
        let apart = (&other.codebook - &found[0].codebook).iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        assert!(apart < 1e-3, "{apart}");
    }
}

#[test]
fn extreme_shapes_work() {
    for engine in engines() {
        let one_row = KMeans::new(1).fit(&engine, &array![[3.0_f32]]).unwrap();
        assert_eq!((one_row.mse, one_row.codebook[[0, 0]]), (0.0, 3.0));
        let equal = KMeans::new(3).fit(&engine, &Array2::from_elem((50, 2), 0.1_f32)).unwrap();
        assert_eq!((equal.mse, equal.usage.dead(), equal.relative_mse), (0.0, 2, None));
        let wide = KMeans::new(2).fit(&engine, &clustered(20, 4096, 2, 10)).unwrap();
        assert!(wide.mse.is_finite());
        let thin = KMeans::new(3).fit(&engine, &clustered(500, 1, 3, 11)).unwrap();
        assert!(thin.mse < 20.0);
    }
}

#[test]
fn an_observer_sees_every_iteration_and_can_stop() {
    let x = clustered(2000, 8, 30, 12);
    for engine in engines() {
        let mut seen = Vec::new();
        let mut observer = |iteration: &Iteration| {
            seen.push(iteration.mse);
            if seen.len() == 6 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let trainer = KMeans::new(40).init(Init::Random).tolerance(0.0);
        let found = trainer.fit_observed(&engine, &x, None, &mut observer).unwrap();
        assert_eq!(found.ended, Ended::Cancelled);
        assert_eq!(found.history, seen);
        assert_eq!(seen.len(), 6);
    }
}

#[test]
fn unusable_settings_are_named() {
    let x = clustered(10, 2, 2, 13);
    let refuse = |trainer: KMeans, part: &str| {
        let error = trainer.fit(&Engine::cpu(), &x).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    refuse(KMeans::new(0), "k is 0");
    refuse(KMeans::new(11), "10 vectors");
    refuse(KMeans::new(2).restarts(0), "0 restarts");
    refuse(KMeans::new(2).tolerance(-1.0), "negative");
    refuse(KMeans::new(2).tolerance(f64::NAN), "NaN");
    refuse(KMeans::new(2).mini_batch(0), "0 vectors");
    refuse(KMeans::new(2).init(Init::From(Array2::zeros((3, 2)))), "3 × 2");
    let nan = array![[1.0_f32, 2.0], [3.0, f32::NAN]];
    let error = KMeans::new(1).fit(&Engine::cpu(), &nan).unwrap_err();
    assert!(error.to_string().contains("row 1, column 1"), "{error}");
    let weights = |w: &[f32]| KMeans::new(2).fit_observed(&Engine::cpu(), &x, Some(w), &mut ()).unwrap_err();
    assert!(weights(&[1.0; 9]).to_string().contains("9 weights"));
    assert!(weights(&[-1.0; 10]).to_string().contains("row 0"));
    assert!(weights(&[0.0; 10]).to_string().contains("positive weight"));
}

/// The least sum of distances to `k` codewords of `sorted` numbers: every way to cut them into runs is tried, as the best
/// clusters of a line are runs, and every one of `points` as the codeword of each.
fn best_on_a_line(sorted: &[f32], k: usize, metric: Metric, points: &[f32]) -> f64 {
    if k == 0 || sorted.is_empty() {
        return if sorted.is_empty() { 0.0 } else { f64::INFINITY };
    }
    let cost = |run: &[f32]| {
        let of = |point: &f32| {
            let distance = |x: &f32| metric.distance(array![*x].view(), array![*point].view());
            run.iter().map(distance).sum::<f64>()
        };
        points.iter().map(of).fold(f64::INFINITY, f64::min)
    };
    let first = |end: usize| cost(&sorted[..end]) + best_on_a_line(&sorted[end..], k - 1, metric, points);
    (1..=sorted.len()).map(first).fold(f64::INFINITY, f64::min)
}

#[test]
fn centres_by_other_metrics_are_those_of_enumeration_on_a_line() {
    let sorted = [0.0_f32, 1.0, 1.5, 7.0, 8.0, 8.25, 20.0, 21.0, 30.0];
    let x = Array2::from_shape_fn((sorted.len(), 1), |(row, _)| sorted[row * 4 % 9]);
    // Medians are among the numbers; others are within 2^-9 of one of these points, and the sum, which is flat about its
    // least, within a share of some 1e-5.
    let fine: Vec<f32> = (0..=30 * 256).map(|step| step as f32 / 256.0).collect();
    for engine in engines() {
        for (metric, points, slack) in [(Metric::L1, &sorted[..], 1e-6), (Metric::Power(3), &fine[..], 1e-4)]
        {
            let found = KMeans::new(3).metric(metric).restarts(40).fit(&engine, &x).unwrap();
            let best = best_on_a_line(&sorted, 3, metric, points) / sorted.len() as f64;
            assert!(
                (found.mean_distance / best - 1.0).abs() < slack,
                "{metric} on {engine:?}: {} and {best}",
                found.mean_distance
            );
            assert!(found.mse > 0.0 && found.relative_mse.unwrap() < 0.1);
        }
    }
}

#[test]
fn sums_of_other_metrics_never_increase_either() {
    let x = clustered(2000, 5, 20, 1);
    for engine in engines() {
        for metric in [Metric::L1, Metric::Power(2), Metric::Power(4)] {
            for init in [Init::Random, Init::Parallel] {
                let trainer = KMeans::new(30).metric(metric).init(init.clone()).tolerance(0.0);
                let found = trainer.fit(&engine, &x).unwrap();
                for pair in found.history.windows(2) {
                    assert!(
                        pair[1] <= pair[0] * (1.0 + ROUNDING),
                        "{metric}, {init:?} on {engine:?}: {:?}",
                        found.history
                    );
                }
                assert_eq!(found.usage.dead(), 0, "{metric}, {init:?} on {engine:?}");
            }
        }
        // Squares are squares.
        let squared = KMeans::new(30).fit(&engine, &x).unwrap();
        let second = KMeans::new(30).metric(Metric::Power(2)).fit(&engine, &x).unwrap();
        assert!((squared.mse / second.mse - 1.0).abs() < 0.05, "{} and {}", squared.mse, second.mse);
        // The share of the outlier in a median is nothing.
        let mut far = x.clone();
        far[[7, 2]] = 1e4;
        let near = |x: &Array2<f32>| KMeans::new(1).metric(Metric::L1).fit(&engine, x).unwrap().codebook;
        assert!((near(&far) - near(&x)).iter().all(|move_| move_.abs() < 0.1));
    }
}
