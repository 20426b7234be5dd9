use ndarray::{Array2, Axis, array, s};

use super::*;
use crate::metrics;
use crate::quantizers::{Batching, Training, encode_batches};
use crate::rng::Rng;

fn engines() -> impl Iterator<Item = Engine> {
    std::iter::once(Engine::cpu()).chain(crate::test_gpu())
}

/// Normal vectors, the longer in a direction the sooner it comes.
fn normals(n: usize, d: usize) -> Array2<f32> {
    let mut rng = Rng::new(21, 0);
    let mix = Array2::from_shape_fn((d, d), |(i, _)| rng.normal() * 2.0 / (i + 1) as f32);
    Array2::from_shape_simple_fn((n, d), || rng.normal()).dot(&mix) + 3.0
}

fn loss(quantizer: &FiniteScalar, engine: &Engine, x: &Array2<f32>) -> f64 {
    let back = quantizer.decode(engine, &quantizer.encode(engine, x).unwrap()).unwrap();
    metrics::mse(x.view(), back.view()).unwrap()
}

/// The vectors o + Σ_j l_j·w_j·e_j, with all combinations of levels l_j, and e_j that are orthogonal.
fn grid(levels: &[usize], widths: &[f32]) -> Array2<f32> {
    let n: usize = levels.iter().product();
    let axes = array![[0.6_f32, 0.8, 0.0, 0.0], [-0.8, 0.6, 0.0, 0.0], [0.0, 0.0, 0.28, 0.96]];
    let places = Array2::from_shape_fn((n, levels.len()), |(row, j)| {
        let stride: usize = levels[..j].iter().product();
        widths[j] * grid::level(row / stride % levels[j], levels[j]) as f32
    });
    places.dot(&axes.slice(s![..levels.len(), ..])) + array![[5.0_f32, -7.0, 0.5, 100.0]]
}

#[test]
fn a_rotated_and_scaled_grid_comes_back() {
    for engine in engines() {
        for levels in [vec![8, 5, 3], vec![2, 2, 2]] {
            let x = grid(&levels, &[9.0, 5.0, 2.0]);
            let found = FiniteScalar::builder().levels(levels.clone()).fit(&engine, &x).unwrap();
            assert_eq!(found.codebook_sizes(), levels);
            let codes = found.encode(&engine, &x).unwrap();
            let mut distinct: Vec<Vec<u32>> = codes.view().outer_iter().map(|row| row.to_vec()).collect();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), x.nrows(), "{levels:?}");
            let back = found.decode(&engine, &codes).unwrap();
            // Numbers up to 100 are rounded to 2^-18, some times over; least squares leave 10^-4 of 10^-4.
            let off = (&back - &x).iter().fold(0.0_f32, |most, off| most.max(off.abs()));
            assert!(off < 1e-4, "{levels:?}: {off}");
        }
    }
}

#[test]
fn training_loses_no_more_than_principal_axes() {
    let engine = Engine::cpu();
    let x = normals(3000, 10);
    for levels in [vec![8, 5, 5, 5], vec![2; 8]] {
        let trained = FiniteScalar::builder().levels(levels.clone()).fit(&engine, &x).unwrap();
        let axes = fit::principal(&engine, &levels, &x).unwrap();
        let (trained, axes) = (loss(&trained, &engine, &x), loss(&axes, &engine, &x));
        let variance = metrics::mse(x.view(), (&x * 0.0 + x.mean_axis(Axis(0)).unwrap()).view()).unwrap();
        assert!(
            trained <= 1.00001 * axes && axes < 0.7 * variance,
            "{levels:?}: {trained} {axes} {variance}"
        );
    }
}

#[test]
fn units_origin_and_batches_change_no_code() {
    let x = normals(700, 9).mapv(|value| (value * 256.0).round());
    for engine in engines() {
        let codes = |spec: &str, x: &Array2<f32>| {
            let training = Training::new(spec.parse().unwrap()).seed(3);
            let found = training.fit(&Engine::cpu(), x, &mut ()).unwrap().quantizer;
            let mut values = Vec::new();
            let coder = found.prepare(&engine).unwrap();
            encode_batches(&*coder, &engine, x, 0..700, Batching::of(37), |batch| {
                values.extend(batch.codes.iter().copied());
                Ok(())
            })
            .unwrap();
            let whole = found.encode(&engine, x).unwrap();
            assert_eq!(values, whole.view().iter().copied().collect::<Vec<_>>(), "{spec} in batches");
            values
        };
        for spec in ["FSQ:5x4x3", "LFQ:7"] {
            let base = codes(spec, &x);
            for power in [-90, -20, 50, 90] {
                let moved = x.mapv(|value| value * 2.0_f32.powi(power));
                assert_eq!(codes(spec, &moved), base, "{spec} times 2^{power}");
            }
            assert_eq!(codes(spec, &(&x + 1_048_576.0)), base, "{spec} elsewhere");
        }
    }
}

/// Each device adds up products in an order of its own; only a coordinate within rounding of a border may get another code.
#[test]
fn devices_agree_but_at_borders() {
    let x = normals(4000, 12);
    let Some(gpu) = crate::test_gpu() else { return };
    for levels in [vec![8, 5, 5, 5], vec![2; 12]] {
        let found = FiniteScalar::builder().levels(levels).fit(&Engine::cpu(), &x).unwrap();
        let (here, there) =
            [Engine::cpu(), gpu.clone()].map(|engine| found.encode(&engine, &x).unwrap()).into();
        for ((row, j), &code) in here.view().indexed_iter() {
            let other = there.view()[[row, j]];
            if code == other {
                continue;
            }
            let product = |column: usize| {
                let moved = f64::from(x[[row, column]]) - f64::from(found.offset[[0, column]]);
                f64::from(found.encoder[[j, column]]) * moved
            };
            let products: Vec<f64> = (0..12).map(product).collect();
            let level = |code: u32| f64::from(found.levels[[j, code as usize]]);
            let off = products.iter().sum::<f64>() - (level(code) + level(other)) / 2.0;
            // d + 2 roundings of the sum, and one of each distance to a level.
            let sizes = products.iter().map(|product| product.abs()).sum::<f64>();
            let bound = (14.0 * sizes + level(code).abs() + level(other).abs()) * f64::from(f32::EPSILON);
            assert_eq!(code.abs_diff(other), 1);
            assert!(off.abs() <= bound, "row {row}, code {j}: {off} from a border, {bound} allowed");
        }
    }
}

#[test]
fn few_equal_and_flat_vectors_are_fine() {
    let flat = normals(300, 6)
        .dot(&Array2::from_shape_fn((6, 6), |(i, j)| if i < 2 { (j + 1) as f32 } else { 0.0 }));
    let engine = Engine::cpu();
    for (name, x, most) in [
        ("one", array![[1.0_f32, -2.0, 5.0]], 1e-12),
        ("equal", Array2::from_elem((50, 3), 7.0), 1e-12),
        ("two", array![[1.0_f32, 0.0, 5.0], [2.0, 3.0, 5.0]], 1e-6),
        ("flat", flat.clone(), f64::INFINITY),
    ] {
        for levels in [vec![8, 5, 5], vec![2; 3]] {
            let found = FiniteScalar::builder().levels(levels.clone()).fit(&engine, &x).unwrap();
            let loss = loss(&found, &engine, &x);
            assert!(loss <= most && loss.is_finite(), "{name} {levels:?}: {loss}");
        }
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let engine = Engine::cpu();
    let fit = |levels: Vec<usize>, x: &Array2<f32>| {
        FiniteScalar::builder().levels(levels).fit(&engine, x).unwrap_err().to_string()
    };
    let x = normals(20, 3);
    assert!(
        fit(vec![8, 5, 5, 5], &x)
            .contains("4 coordinates of vectors of 3 dimensions; must be at most 3, such as in FSQ:8x5x5")
    );
    assert!(fit(vec![2; 4], &x).contains("such as in LFQ:3"));
    assert!(fit(vec![8, 1], &x).contains("coordinate 1: the levels are 1; must be 2 to 256"));
    assert!(fit(vec![], &x).contains("at least 1 is needed"));
    assert!(fit(vec![4], &Array2::zeros((0, 3))).contains("0 vectors"));
    assert!(fit(vec![4], &array![[f32::NAN]]).contains("NaN"));
    let mut far = normals(300, 3);
    far[[7, 1]] = 1e30;
    assert!(fit(vec![4], &far).contains("row 7 of the training vectors, column 1"));

    let good = || {
        let (offset, encoder) = (Array2::zeros((1, 2)), Array2::ones((2, 2)));
        (
            offset,
            encoder,
            array![[0.0_f32, 1.0, 1.0], [0.0, 1.0, 2.0]],
            vec![Array2::zeros((2, 2)), Array2::zeros((3, 2))],
        )
    };
    let new = |(offset, encoder, levels, codebooks)| FiniteScalar::new(offset, encoder, levels, codebooks);
    assert!(new(good()).is_ok());
    type Parts = (Array2<f32>, Array2<f32>, Array2<f32>, Vec<Array2<f32>>);
    let refused = |change: fn(&mut Parts)| {
        let mut parts = good();
        change(&mut parts);
        new(parts).unwrap_err().to_string()
    };
    assert!(
        refused(|parts| parts.0 = Array2::zeros((2, 2)))
            .contains("offset has shape (2, 2); it has to be (1, 2)")
    );
    assert!(refused(|parts| parts.1[[0, 0]] = f32::INFINITY).contains("encoder"));
    assert!(
        refused(|parts| parts.2[[0, 2]] = 3.0)
            .contains("the levels of coordinate 0 are not 2 in ascending order")
    );
    assert!(refused(|parts| parts.2[[1, 0]] = 3.0).contains("the levels of coordinate 1"));
    assert!(refused(|parts| parts.3.clear()).contains("no codebook"));
    assert!(refused(|parts| parts.3[0] = Array2::zeros((1, 2))).contains("coordinate 0: the levels are 1"));
}
