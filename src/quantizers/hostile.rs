//! Models and codes that cannot be: an error by name, never a panic, a hang or memory without end.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayD, Axis, IxDyn};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::*;
use crate::io::{ModelFile, read_model};
use crate::lattice::Lattice;
use crate::rng::Rng;
use crate::train::Mixture;

fn engines() -> impl Iterator<Item = Engine> {
    std::iter::once(Engine::cpu()).chain(crate::test_gpu())
}

fn normals(rng: &mut Rng, n: usize, d: usize) -> Array2<f32> {
    Array2::from_shape_simple_fn((n, d), || rng.normal())
}

/// One of every kind, for vectors of 8 dimensions.
fn quantizers() -> Vec<Box<dyn Quantizer>> {
    let mut rng = Rng::new(65, 0);
    let x = normals(&mut rng, 100, 8);
    let mut books = |count: usize, k: usize, d: usize| -> Vec<Array2<f32>> {
        (0..count).map(|_| normals(&mut rng, k, d)).collect()
    };
    let mut with_stop = books(2, 4, 8);
    with_stop.iter_mut().for_each(|codebook| codebook.row_mut(3).fill(0.0));
    let mixture = Mixture {
        weights: ndarray::arr1(&[0.5, 0.5]),
        means: books(1, 2, 8).remove(0),
        variances: Array2::ones((2, 8)),
    };
    let tree: Vec<_> = books(1, 4, 8).into_iter().chain(books(1, 16, 8)).collect();
    let uniform = |value| Array2::from_elem((8, 1), value);
    let row = |value| Array2::from_elem((1, 8), value);
    let product = |books: Vec<Array2<f32>>| Product::new(books).unwrap();
    let lattice = || LatticeVq::new(Lattice::E8, 0.5, row(0.0), row(-2.0), row(2.0)).unwrap();
    let corners = books(1, 4, 8).remove(0);
    let (encoder, levels) = (books(1, 2, 8).remove(0), ndarray::array![[-1.0, 0.0, 1.0], [-1.0, 1.0, 1.0]]);
    let finite = [3, 2].into_iter().flat_map(|k| books(1, k, 8)).collect();
    vec![
        Box::new(Vq::new(books(1, 5, 8).remove(0)).unwrap()),
        Box::new(Vq::from_mixture(mixture).unwrap()),
        Box::new(Scalar::uniform(8, 8, uniform(-2.0), uniform(0.5)).unwrap()),
        Box::new(Scalar::uniform(8, 9, Array2::zeros((1, 1)), Array2::ones((1, 1))).unwrap()),
        Box::new(Scalar::with_levels(8, Array2::from_shape_fn((8, 4), |(_, c)| c as f32)).unwrap()),
        Box::new(product(books(2, 4, 4))),
        Box::new(Rotated::new(Array2::eye(8), Box::new(product(books(2, 4, 4)))).unwrap()),
        Box::new(Rotated::new(Array2::eye(8), Box::new(Residual::new(books(2, 4, 8), 4).unwrap())).unwrap()),
        Box::new(Rotated::new(Array2::eye(8), Box::new(lattice())).unwrap().about(row(1.0)).unwrap()),
        Box::new(Product::residual(books(4, 4, 4), 2, 3).unwrap()),
        Box::new(RotatedBits::builder().bits(2).fit(&Engine::cpu(), &x).unwrap()),
        Box::new(Residual::new(books(2, 4, 8), 1).unwrap()),
        Box::new(Residual::new(books(2, 4, 8), 4).unwrap()),
        Box::new(Residual::new(with_stop, 4).unwrap().with_max_error(2.0).unwrap()),
        Box::new(TreeResidual::new(tree).unwrap()),
        Box::new(Additive::new(books(2, 4, 8), 4, 0).unwrap()),
        Box::new(Additive::new(books(2, 4, 8), 4, 2).unwrap()),
        Box::new(FiniteScalar::new(row(0.5), encoder, levels, finite).unwrap()),
        Box::new(SpaceFilling::new(corners.clone(), 0).unwrap()),
        Box::new(SpaceFilling::new(corners.clone(), 2).unwrap()),
        Box::new(Equalized::of(&Engine::cpu(), &corners, &x, 4).unwrap().by_curve()),
        Box::new(lattice()),
    ]
}

/// Every lattice, and every way in which levels lie, for vectors of 8 dimensions.
fn lattices_and_scalars() -> Vec<Box<dyn Quantizer>> {
    let x = normals(&mut Rng::new(67, 0), 300, 8);
    let engine = Engine::cpu();
    let mut quantizers: Vec<Box<dyn Quantizer>> = Vec::new();
    for spec in [
        "Z",
        "A2",
        "A3",
        "A9",
        "D3",
        "D4",
        "E8",
        "Leech24",
        "Z:0.000001",
        "Zx3",
        "A2x4",
        "D4x5",
        "E8x6",
        "SQ1",
        "SQ8",
        "SQ:9",
        "SQ16",
    ] {
        quantizers.push(Training::new(spec.parse().unwrap()).fit(&engine, &x, &mut ()).unwrap().quantizer);
    }
    for settings in [json!({"shared": true}), json!({"levels": "lloyd-max"})] {
        let training = Training::new("SQ:9".parse().unwrap());
        let training = training.set_all(settings.as_object().unwrap().clone(), Spelling::Key);
        quantizers.push(training.fit(&engine, &x, &mut ()).unwrap().quantizer);
    }
    quantizers
}

fn write(path: &Path, description: &Value, tensors: &BTreeMap<String, ArrayD<f32>>) {
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let bytes = tensor.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name.clone(), tensor.shape().to_vec(), bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    let metadata = std::collections::HashMap::from([("wgvq".to_string(), description.to_string())]);
    std::fs::write(path, safetensors::serialize(views, Some(metadata)).unwrap()).unwrap();
}

/// What a description cannot mean, most of it.
fn nonsense(rng: &mut Rng) -> Value {
    let numbers = [0.0, -1.0, 1.0, 3.0, 129.0, 4096.0, 65537.0, 9.007_199_254_740_992e15, 1e308, -0.5, 1e-45];
    let texts = [
        "x",
        "curve",
        "uniform",
        "lloyd_max",
        "VQ0",
        "VQ16777216",
        "PQ4096x16",
        "RQ4096x16",
        "SQ16",
        "SQ1",
        "AQ64x2",
        "LSQ4096x1",
        "PRQ64x64x16",
        "SFVQ16+16",
        "SFVQ2",
        "EVQ2",
        "EVQ4",
        "E8:1e-30",
        "D4:1e30",
        "Leech24:1",
        "TRQ99x12",
        "FSQ:3x2",
        "LFQ:2",
        "RBQ2",
        "RBQ8",
        "OPQ2,PQ2x16",
        "VQ4",
        "PQ2x2",
        "RQ2x2",
    ];
    match rng.below(8) {
        0..3 => json!(numbers[rng.below(numbers.len())]),
        3 => json!(numbers[rng.below(numbers.len())] as i64),
        4..6 => json!(texts[rng.below(texts.len())]),
        6 => json!([1_u64 << 40, 1_u64 << 40]),
        _ => [Value::Null, json!([]), json!({}), json!(true)][rng.below(4)].clone(),
    }
}

/// Changes one thing, and says what.
fn mutate(model: &mut ModelFile, rng: &mut Rng) -> String {
    let keys: Vec<String> = model.description.as_object().unwrap().keys().cloned().collect();
    let names: Vec<String> = model.tensors.keys().cloned().collect();
    if rng.below(2) == 0 || names.is_empty() {
        let (key, value) = (&keys[rng.below(keys.len())], nonsense(rng));
        let what = format!("{key} = {value}");
        model.description[key] = value;
        return what;
    }
    let name = &names[rng.below(names.len())];
    let tensor = model.tensors.remove(name).unwrap();
    let shape = tensor.shape().to_vec();
    let extreme = [3e38, -3e38, 1e19, -1e-45, 0.0, f32::MAX][rng.below(6)];
    let (what, changed) = match rng.below(9) {
        0 => ("no rows", tensor.select(Axis(0), &[])),
        1 => ("no columns", ArrayD::zeros(IxDyn(&[shape[0], 0]))),
        2 => ("one row less", tensor.select(Axis(0), &(1..shape[0]).collect::<Vec<_>>())),
        3 => (
            "every row twice",
            tensor.select(Axis(0), &(0..2 * shape[0]).map(|row| row / 2).collect::<Vec<_>>()),
        ),
        4 => ("turned", tensor.t().as_standard_layout().into_owned()),
        5 => ("flat", tensor.flatten().into_owned().into_dyn()),
        6 => ("all extreme", tensor.mapv(|_| extreme)),
        7 => {
            let mut tensor = tensor;
            let at = rng.below(tensor.len().max(1));
            tensor.iter_mut().skip(at).take(1).for_each(|value| *value = extreme);
            ("one extreme", tensor)
        }
        _ => return format!("no {name}"),
    };
    model.tensors.insert(name.clone(), changed);
    format!("{name}: {what}")
}

#[test]
fn a_model_that_cannot_be_is_refused_or_works() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let engine = Engine::cpu();
    let mut rng = Rng::new(66, 0);
    let models: Vec<ModelFile> = quantizers()
        .iter()
        .map(|quantizer| {
            quantizer.save(&path, true, Value::Null).unwrap();
            read_model(&path).unwrap()
        })
        .collect();
    let (mut opened, mut worked) = (0, 0);
    for number in 0..2000 {
        let mut model = models[number % models.len()].clone();
        let changes: Vec<String> = (0..1 + rng.below(2)).map(|_| mutate(&mut model, &mut rng)).collect();
        write(&path, &model.description, &model.tensors);
        let begin = Instant::now();
        let used = catch_unwind(AssertUnwindSafe(|| {
            let quantizer = load(&path)?.quantizer;
            opened += 1;
            assert!(quantizer.dim() <= 1 << 20 && quantizer.codebook_sizes().len() <= 1 << 20);
            let x = Array2::from_shape_fn((5, quantizer.dim().min(1 << 12)), |(row, _)| row as f32);
            quantizer.decode(&engine, &quantizer.encode(&engine, &x)?)
        }));
        let used = used.unwrap_or_else(|_| panic!("{number}: a panic after {changes:?}"));
        worked += usize::from(used.is_ok());
        // All of them are tiny; a busy machine may take a hundred times as long as an idle one.
        assert!(begin.elapsed() < Duration::from_secs(3), "{number}: {:?} for {changes:?}", begin.elapsed());
    }
    // Neither everything nor nothing is refused: the test is of both.
    assert!(worked > 200 && opened - worked < 400 && opened < 1200, "{opened} were opened, {worked} worked");
}

#[test]
fn codes_past_a_codebook_are_refused_by_name_and_harmless_where_a_kernel_has_them() {
    for engine in engines() {
        for quantizer in quantizers().into_iter().chain(lattices_and_scalars()) {
            let (spec, sizes) = (quantizer.spec(), quantizer.codebook_sizes());
            let coder = quantizer.prepare(&engine).unwrap();
            let mut decoded = engine.zeros(3, quantizer.dim()).unwrap();
            let record = |codes: &Matrix<u32>, decoded: &mut Matrix<f32>| {
                let mut recorder = engine.recorder();
                coder.record_decode(&mut recorder, codes, decoded)?;
                recorder.submit()
            };
            for (column, &k) in sizes.iter().enumerate() {
                for wrong in [k as u32, u32::MAX] {
                    let mut codes = Array2::zeros((3, sizes.len()));
                    codes[[1, column]] = wrong;
                    let codes = engine.upload(codes.view()).unwrap();
                    let error = record(&codes, &mut decoded).unwrap_err().to_string();
                    let says = format!(
                        "the code at row 1, column {column} is {wrong}; the codebook has {k} codewords"
                    );
                    assert_eq!(error, says, "{spec}");
                    // As if a kernel had computed it.
                    let mut computed = engine.zeros(3, sizes.len()).unwrap();
                    let mut recorder = engine.recorder();
                    recorder.copy(&codes, &mut computed).unwrap();
                    recorder.submit().unwrap();
                    record(&computed, &mut decoded).unwrap();
                }
            }
            let one_more = engine.zeros(3, sizes.len() + 1).unwrap();
            assert_eq!(
                record(&one_more, &mut decoded).unwrap_err().kind(),
                crate::error::ErrorKind::Shape,
                "{spec}"
            );
            // What was wrong and is written anew is right.
            let mut codes = engine.upload(Array2::from_elem((3, sizes.len()), u32::MAX).view()).unwrap();
            codes.write_rows(0, Array2::zeros((3, sizes.len())).view()).unwrap();
            record(&codes, &mut decoded).unwrap();
            assert!(decoded.download().unwrap().iter().all(|value| value.is_finite()), "{spec}");
            // The largest codes are the last that there are, from the host's arrays too.
            let largest: Vec<u32> = sizes.iter().map(|&k| k as u32 - 1).collect();
            let largest = Array2::from_shape_vec((1, sizes.len()), largest).unwrap();
            let codes = Codes::new(largest.clone(), sizes.clone()).unwrap();
            let last = quantizer.decode(&engine, &codes).unwrap();
            // The codes of RBQ have a length too, and the largest is that of no vector.
            let bound = if spec.to_string().starts_with("RBQ") { f32::MAX } else { 1e3 };
            assert!(last.iter().all(|value| value.abs() < bound), "{spec}: {last}");
            let Err(error) = Codes::new(largest + 1, sizes.clone()) else { panic!("{spec}") };
            assert!(error.to_string().contains(&format!("is {}; the codebook has", sizes[0])), "{error}");
        }
    }
}
