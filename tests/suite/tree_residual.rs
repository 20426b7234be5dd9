//! What holds for tree-structured residual quantizers alone.

use std::ops::ControlFlow;

use wgvq::metrics::{self, Metric};
use wgvq::ndarray::{Array2, ArrayView1, Axis, concatenate, s};
use wgvq::search::Search;
use wgvq::train::{Init, Iteration, KMeans};
use wgvq::{Engine, ErrorKind, Quantizer, Residual, Rng, Training, TreeResidual, Vectors};

/// The unit roundoff of f32.
const U: f64 = 1.0 / 16_777_216.0;

fn mse(quantizer: &dyn Quantizer, engine: &Engine, x: &Array2<f32>) -> f64 {
    let back = quantizer.decode(engine, &quantizer.encode(engine, x).unwrap()).unwrap();
    metrics::mse(x.view(), back.view()).unwrap()
}

fn distance(a: &[f64], b: ArrayView1<f32>) -> f64 {
    a.iter().zip(b).map(|(a, &b)| (a - f64::from(b)).powi(2)).sum()
}

/// A plain greedy search in float64, which takes the lowest of equally near codes.
///
/// It goes the way that `given` went, and fails where another code is nearer by more than `bound`, which is told the
/// stage, the squared distances of the given and of the nearest code, and the norms of all residuals so far, added up.
fn follow(
    x: ArrayView1<f32>,
    families: &[Array2<f32>],
    given: &[u32],
    bound: impl Fn(usize, f64, f64, f64) -> f64,
) {
    let k = families[0].nrows();
    let mut residual: Vec<f64> = x.iter().map(|&x| x.into()).collect();
    let (mut last, mut norms) = (0, 0.0);
    for (stage, (family, &code)) in families.iter().zip(given).enumerate() {
        let start = if stage == 0 { 0 } else { last * k };
        let distances: Vec<f64> =
            (start..start + k).map(|row| distance(&residual, family.row(row))).collect();
        let nearest = (0..k).min_by(|&a, &b| distances[a].total_cmp(&distances[b])).unwrap();
        let code = code as usize;
        let excess = distances[code] - distances[nearest];
        let bound = bound(stage, distances[code], distances[nearest], norms);
        assert!(
            code == nearest || excess <= bound,
            "stage {stage}: {code} for {nearest}, dearer by {excess}"
        );
        residual.iter_mut().zip(family.row(start + code)).for_each(|(r, &c)| *r -= f64::from(c));
        norms += residual.iter().map(|r| r * r).sum::<f64>().sqrt();
        last = code;
    }
}

#[test]
fn whole_numbers_are_encoded_as_by_a_plain_tree_search() {
    // Every sum is exact in f32, and the codewords of the first codebook sum to 0, so that centring changes nothing:
    // not a code may differ.
    let mut rng = Rng::new(5, 0);
    let mut family = |rows: usize, scale: f32| {
        let half = Array2::from_shape_simple_fn((rows / 2, 6), || (scale * rng.normal()).round());
        concatenate(Axis(0), &[half.view(), (-&half).view()]).unwrap()
    };
    let families = vec![family(16, 30.0), family(256, 12.0), family(256, 4.0), family(256, 2.0)];
    let mut rng = Rng::new(6, 0);
    let x = Array2::from_shape_simple_fn((700, 6), || (30.0 * rng.normal()).round());
    let tree = TreeResidual::new(families).unwrap();
    for engine in crate::common::engines() {
        let codes = tree.encode(&engine, &x).unwrap();
        for (x, codes) in x.outer_iter().zip(codes.view().outer_iter()) {
            follow(x, tree.families(), &codes.to_vec(), |_, _, _, _| -1.0);
        }
    }
}

#[test]
fn any_numbers_are_encoded_as_by_a_plain_tree_search_but_for_rounding() {
    let (n, d, k) = (800, 21, 32);
    let mut rng = Rng::new(7, 0);
    let mut family = |rows: usize, scale: f32| {
        Array2::from_shape_simple_fn((rows, d), || scale * rng.normal() + 0.3 * scale)
    };
    let families = vec![family(k, 1.0), family(k * k, 0.7), family(k * k, 0.5)];
    let x = family(n, 1.2);
    let norm = |x: ArrayView1<f32>| x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let largest = families[0].outer_iter().map(norm).fold(0.0, f64::max);
    let tree = TreeResidual::new(families).unwrap();
    for engine in crate::common::engines() {
        let codes = tree.encode(&engine, &x).unwrap();
        for (x, codes) in x.outer_iter().zip(codes.view().outer_iter()) {
            let reach = 2.0 * (norm(x) + largest);
            follow(x, tree.families(), &codes.to_vec(), |stage, given, nearest, norms| {
                if stage == 0 {
                    // Scores ½‖c'‖² − x'·c' about the mean: sums of d + 1 terms of at most ½(‖x'‖ + ‖c'‖)² together,
                    // each factor rounded once, are off by (d + 5)·u of that; in units of distance twice as much.
                    return 2.0 * 1.1 * (d as f64 + 5.0) * U * reach * reach;
                }
                // The residual is off by what its subtractions were rounded by, each in any direction, and moves a
                // distance D by 2·off·√D + off²; the sum of squares is rounded d + 3 times.
                let off = 2.0 * U * norms;
                let of = |distance: f64| {
                    1.1 * ((d as f64 + 3.0) * U * distance + 2.0 * off * distance.sqrt() + off * off)
                };
                of(given) + of(nearest)
            });
        }
    }
}

#[test]
fn truncated_codes_are_a_prefix() {
    let x = crate::common::clustered(600, 8, 30, 2);
    for engine in crate::common::engines() {
        let tree = TreeResidual::builder().stages(4).bits(3).fit(&engine, &x).unwrap();
        let codes = tree.encode(&engine, &x).unwrap();
        let errors = [1, 2, 3, 4].map(|stages| {
            let first = tree.clone().truncated(stages).unwrap();
            let found = first.encode(&engine, &x).unwrap();
            assert_eq!(found.view(), codes.view().slice(s![.., ..stages]));
            mse(&first, &engine, &x)
        });
        assert!(errors.windows(2).all(|pair| pair[1] < pair[0]), "{errors:?}");
        assert!(tree.clone().truncated(5).is_err() && tree.truncated(0).is_err());
    }
}

#[test]
fn unseen_embeddings_lose_less_than_by_a_greedy_rq_of_the_same_bits() {
    let x = wgvq::io::open(crate::common::sample()).unwrap();
    let every = |keep: bool| -> Vec<usize> { (0..x.len()).filter(|row| (row % 4 > 0) == keep).collect() };
    let (learn, test) = (x.read_each(&every(true)).unwrap(), x.read_each(&every(false)).unwrap());
    let engine = Engine::cpu();
    let trainer = KMeans::new(16).init(Init::Random).iterations(10);
    let rq = Residual::builder().stages(4).bits(4).beam(1).refine(0).trainer(trainer.clone());
    let rq = rq.fit(&engine, &learn).unwrap();
    let tree = TreeResidual::builder().stages(4).bits(4).trainer(trainer).fit(&engine, &learn).unwrap();
    let (rq, tree) = (mse(&rq, &engine, &test), mse(&tree, &engine, &test));
    assert!(tree < 0.96 * rq, "{tree} {rq}");
}

#[test]
fn groups_of_few_vectors_keep_to_the_common_codebook() {
    let k = 16;
    for engine in crate::common::engines() {
        // Hardly more vectors than codewords: most last codes are of one or two vectors, some may be of none.
        for n in [k, k + 3, 3 * k] {
            let x = crate::common::clustered(n, 5, 4, 3);
            let tree = TreeResidual::builder().stages(3).bits(4).seed(1).fit(&engine, &x).unwrap();
            assert!(mse(&tree, &engine, &x) <= mse(&tree.clone().truncated(1).unwrap(), &engine, &x));
            let last = tree.clone().truncated(1).unwrap().encode(&engine, &x).unwrap();
            let member = |code: usize| tree.families()[1].slice(s![code * k..(code + 1) * k, ..]).to_owned();
            let counts = last.usage()[0].counts().to_vec();
            let unused: Vec<usize> = (0..k).filter(|&code| counts[code] == 0).collect();
            assert!(unused.windows(2).all(|pair| member(pair[0]) == member(pair[1])));
        }
        // Two values, so that 14 of 16 codes are never a last one.
        let x = Array2::from_shape_fn((40, 3), |(row, _)| (row % 2) as f32);
        let tree = TreeResidual::builder().stages(2).bits(4).fit(&engine, &x).unwrap();
        assert_eq!(mse(&tree, &engine, &x), 0.0);
    }
}

#[test]
fn the_sample_is_by_the_codewords_of_a_family() {
    let x = crate::common::clustered(700, 4, 9, 4);
    let rows = |spec: &str| {
        let training = Training::new(spec.parse().unwrap()).set("sample", 3);
        training.fit(&Engine::cpu(), &x, &mut ()).unwrap().sample.nrows()
    };
    assert_eq!([rows("TRQ1x3"), rows("TRQ2x3"), rows("TRQ3x3"), rows("TRQ2x4")], [24, 192, 192, 700]);
}

#[test]
fn training_can_be_cancelled_anywhere() {
    let (engine, x) = (Engine::cpu(), crate::common::clustered(300, 4, 9, 4));
    let run = |limit: usize| {
        let mut seen = 0;
        let mut observer = |_: &Iteration| {
            seen += 1;
            if seen == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let builder = TreeResidual::builder().stages(2).bits(3).trainer(KMeans::new(1).iterations(5));
        let ended = builder.fit_observed(&engine, &x, &mut observer);
        (ended.map_err(|error| error.kind()), seen)
    };
    let (whole, iterations) = run(usize::MAX);
    assert!(whole.is_ok() && iterations > 3, "{iterations}");
    for limit in 1..=iterations {
        let (ended, seen) = run(limit);
        assert_eq!((ended.unwrap_err(), seen), (ErrorKind::Cancelled, limit));
    }
}

#[test]
fn its_codes_are_searched_by_what_they_decode_to() {
    let (base, queries) = (crate::common::clustered(500, 6, 30, 5), crate::common::clustered(20, 6, 30, 5));
    for engine in crate::common::engines() {
        let tree = TreeResidual::builder().stages(3).bits(3).fit(&engine, &base).unwrap();
        let codes = tree.encode(&engine, &base).unwrap();
        let back = tree.decode(&engine, &codes).unwrap();
        let read = |rows| Ok(codes.rows(rows).to_owned());
        let found =
            Search::nearest(9).codes(&engine, Metric::SquaredL2, &tree, codes.len(), read, &queries).unwrap();
        assert_eq!(found, Search::nearest(9).flat(&engine, Metric::SquaredL2, &back, &queries).unwrap());
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (engine, x) = (Engine::cpu(), crate::common::clustered(20, 4, 3, 6));
    let fit = |stages, bits| {
        let builder = TreeResidual::builder().stages(stages).bits(bits);
        builder.fit(&engine, &x).unwrap_err().to_string()
    };
    assert!(fit(2, 5).contains("k is 32 and there are 20 vectors"));
    assert!(fit(0, 3).contains("0 stages"));
    assert!(fit(2, 0).contains("0 bits") && fit(2, 13).contains("13 bits"));
    assert!(fit(100, 12).contains("take fewer bits or stages"));
    let why = |families: &[(usize, usize)]| {
        let families = families.iter().map(|&shape| Array2::zeros(shape)).collect();
        TreeResidual::new(families).unwrap_err().to_string()
    };
    assert!(why(&[]).contains("no codebook"));
    assert!(why(&[(6, 2)]).contains("power of two"));
    assert!(why(&[(4, 2), (16, 2), (4, 2)]).contains("codebook 2 has 4 codewords"));
    assert!(why(&[(4, 2), (16, 3)]).contains("3 dimensions"));
    assert!(why(&[(8192, 1)]).contains("13 bits"));
}
