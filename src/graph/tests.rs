//! Every operation's gradient against central differences of what it computes.

use ndarray::{Array2, array};

use super::{Graph, Var};
use crate::engine::Engine;
use crate::error::Result;
use crate::ops::Patches;
use crate::rng::Rng;
use crate::train::estimators::Nsvq;
use crate::train::{Init, KMeans, Optimizer};

/// Builds the operation under test from parameters that the case made.
type Build = fn(&mut Graph, &[Var]) -> Result<Var>;

/// A name, the shapes of the parameters, and the operation.
type Case = (&'static str, &'static [(usize, usize)], Build);

const CASES: &[Case] = &[
    ("add", &[(5, 3), (5, 3)], |g, v| g.add(v[0], v[1])),
    ("add a row", &[(5, 3), (1, 3)], |g, v| g.add(v[0], v[1])),
    ("sub a column", &[(5, 3), (5, 1)], |g, v| g.sub(v[0], v[1])),
    ("sub an element", &[(5, 3), (1, 1)], |g, v| g.sub(v[0], v[1])),
    ("mul", &[(5, 3), (5, 3)], |g, v| g.mul(v[0], v[1])),
    ("mul by a row", &[(5, 3), (1, 3)], |g, v| g.mul(v[0], v[1])),
    ("mul by a column", &[(5, 3), (5, 1)], |g, v| g.mul(v[0], v[1])),
    ("mul by an element", &[(5, 3), (1, 1)], |g, v| g.mul(v[0], v[1])),
    ("a square, by itself", &[(4, 3)], |g, v| g.mul(v[0], v[0])),
    ("scale", &[(5, 3)], |g, v| g.scale(v[0], -2.5)),
    ("matmul", &[(5, 3), (3, 4)], |g, v| g.matmul(v[0], v[1])),
    ("matmul_transposed", &[(5, 3), (4, 3)], |g, v| g.matmul_transposed(v[0], v[1])),
    ("sum", &[(5, 3)], |g, v| g.sum(v[0])),
    ("mean", &[(5, 3)], |g, v| g.mean(v[0])),
    ("mse", &[(5, 3), (5, 3)], |g, v| g.mse(v[0], v[1])),
    ("columns", &[(5, 4)], |g, v| g.columns(v[0], 1..3)),
    ("concat", &[(5, 2), (5, 3), (5, 1)], |g, v| g.concat(&[v[2], v[0], v[1]])),
    ("gelu", &[(5, 3)], |g, v| g.gelu(v[0])),
    // Half a sixteenth aside: no value is so near the kink that a step goes over it.
    ("relu", &[(5, 3)], |g, v| {
        let aside = g.input(1, 1)?;
        g.set(aside, array![[1.0_f32 / 32.0]].view())?;
        let moved = g.add(v[0], aside)?;
        g.relu(moved)
    }),
    ("tanh", &[(5, 3)], |g, v| g.tanh(v[0])),
    ("sigmoid", &[(5, 3)], |g, v| g.sigmoid(v[0])),
    ("exp", &[(4, 3)], |g, v| g.exp(v[0])),
    ("log of what is over 0", &[(5, 3)], |g, v| {
        let one = g.exp(v[0])?;
        let square = g.mul(v[0], v[0])?;
        let sum = g.add(one, square)?;
        g.log(sum)
    }),
    ("sqrt of what is over 0", &[(4, 3)], |g, v| {
        let exponential = g.sigmoid(v[0])?;
        g.sqrt(exponential)
    }),
    ("softmax", &[(5, 4)], |g, v| g.softmax(v[0])),
    ("cross_entropy", &[(5, 4)], |g, v| {
        let p = g.input(5, 4)?;
        g.set(p, Array2::from_shape_fn((5, 4), |(row, label)| f32::from(u8::from(row % 4 == label))).view())?;
        g.cross_entropy(v[0], p)
    }),
    ("gather", &[(4, 3)], |g, v| {
        let (rows, indices) = g.gather(v[0], 6)?;
        indices.set(array![3, 0, 3, 1, 3, 0].view())?;
        Ok(rows)
    }),
    ("unfold", &[(2 * 3 * 4, 2)], |g, v| g.unfold(v[0], PATCHES)),
    ("fold", &[(2 * 2 * 2, 9)], |g, v| g.fold(v[0], PATCHES)),
    ("two uses", &[(3, 3)], |g, v| {
        let square = g.mul(v[0], v[0])?;
        let product = g.matmul(square, v[0])?;
        g.add(product, v[0])
    }),
];

const PATCHES: Patches = Patches { images: 2, height: 3, width: 4, kernel: 3, stride: 2, padding: 1 };

fn engines() -> Vec<Engine> {
    std::iter::once(Engine::cpu()).chain(crate::test_gpu()).collect()
}

/// A graph whose loss is a fixed weighted sum of the operation's result, with its parameters.
fn build(engine: &Engine, case: &Case, values: &[Array2<f32>]) -> (Graph, Vec<Var>, Var) {
    let mut graph = Graph::new(engine);
    let vars: Vec<Var> = values
        .iter()
        .enumerate()
        .map(|(at, values)| graph.parameter(&at.to_string(), values.view()).unwrap())
        .collect();
    let result = (case.2)(&mut graph, &vars).unwrap();
    let (n, d) = graph.shape(result).unwrap();
    let mut rng = Rng::new(3, 0);
    let weights = Array2::from_shape_simple_fn((n, d), || rng.normal());
    let input = graph.input(n, d).unwrap();
    graph.set(input, weights.view()).unwrap();
    let weighted = graph.mul(result, input).unwrap();
    let loss = graph.sum(weighted).unwrap();
    (graph, vars, loss)
}

fn run(graph: &mut Graph, loss: Var) -> f64 {
    let mut recorder = graph.engine().recorder();
    graph.record_forward(&mut recorder).unwrap();
    graph.record_backward(&mut recorder, loss).unwrap();
    recorder.submit().unwrap();
    f64::from(graph.value(loss).unwrap().download().unwrap()[[0, 0]])
}

/// The largest difference between the gradient and central differences, as a share of what rounding and curvature allow.
fn worst(engine: &Engine, case: &Case, spoil: f32) -> f64 {
    /// Large against the rounding of a loss of a few units, small against the scale of the values.
    const STEP: f32 = 1.0 / 64.0;
    let mut rng = Rng::new(1, 0);
    let values: Vec<Array2<f32>> = case
        .1
        .iter()
        // A few bits each, so that the steps are exact.
        .map(|&shape| Array2::from_shape_simple_fn(shape, || (rng.normal() * 16.0).round() / 16.0))
        .collect();
    let (mut graph, vars, loss) = build(engine, case, &values);
    run(&mut graph, loss);
    let gradients: Vec<Array2<f32>> = vars
        .iter()
        .map(|&var| graph.gradient(var).unwrap().expect("the loss depends on it").download().unwrap())
        .collect();
    let mut worst = 0.0_f64;
    for (at, gradient) in gradients.iter().enumerate() {
        for (place, &found) in gradient.indexed_iter() {
            let mut at_step = |step: f32| {
                let mut moved = values[at].clone();
                moved[place] += step;
                graph.set(vars[at], moved.view()).unwrap();
                run(&mut graph, loss)
            };
            let difference = (at_step(STEP) - at_step(-STEP)) / f64::from(2.0 * STEP);
            graph.set(vars[at], values[at].view()).unwrap();
            // A loss of at most 64 terms of size 8 is rounded by 2⁻²⁴ of that each; third derivatives are below 40.
            let bound = 64.0 * 8.0 * 2f64.powi(-24) / f64::from(STEP) + 40.0 / 6.0 * f64::from(STEP * STEP);
            worst = worst.max((difference - f64::from(found + spoil)).abs() / bound);
        }
    }
    worst
}

#[test]
fn every_gradient_is_that_of_central_differences() {
    for engine in engines() {
        for case in CASES {
            let share = worst(&engine, case, 0.0);
            assert!(share <= 1.0, "{} on {}: {share} of the bound", case.0, engine.name());
            // The check notices a gradient that is off by a hundredth.
            assert!(worst(&engine, case, 0.01) > 1.0, "{}: the bound is too wide", case.0);
        }
    }
}

#[test]
fn through_nsvq_the_loss_is_the_quantization_error() {
    // With the loss mse(x', x) the noise cancels: section 7 of the algorithms, exact but for rounding.
    let (n, k, d) = (200, 7, 5);
    let mut rng = Rng::new(9, 0);
    let mut x = Array2::from_shape_simple_fn((n, d), || rng.normal());
    let codewords = Array2::from_shape_simple_fn((k, d), || rng.normal());
    // A vector that is a codeword: no error, and no NaN from the length of nothing.
    x.row_mut(0).assign(&codewords.row(3));
    for engine in engines() {
        let mut graph = Graph::new(&engine);
        let input = graph.input(n, d).unwrap();
        let codebook = graph.parameter("codebook", codewords.view()).unwrap();
        let quantized = graph.quantize(input, codebook, Nsvq::new(4)).unwrap();
        let loss = graph.mse(quantized, input).unwrap();
        graph.set(input, x.view()).unwrap();
        let found = run(&mut graph, loss);

        let codes = graph.quantized(quantized).unwrap().codes.download().unwrap();
        let (mut want, mut total) = (Array2::<f64>::zeros((k, d)), 0.0);
        for (x, &code) in x.outer_iter().zip(&codes) {
            for (column, (&x, &c)) in x.iter().zip(codewords.row(code as usize)).enumerate() {
                let difference = f64::from(c) - f64::from(x);
                total += difference * difference / (n * d) as f64;
                want[[code as usize, column]] += 2.0 * difference / (n * d) as f64;
            }
        }
        assert!((found - total).abs() < 1e-5 * total, "{found} {total}");
        let got = graph.gradient(codebook).unwrap().unwrap().download().unwrap();
        let largest = want.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        for (got, want) in got.iter().zip(&want) {
            assert!((f64::from(*got) - want).abs() < 1e-5 * largest, "{got} {want}");
        }
        assert!(graph.quantized(loss).is_err());
    }
}

#[test]
fn training_by_gradient_ends_near_k_means_and_is_the_same_again() {
    let mut rng = Rng::new(2, 0);
    let centres = Array2::from_shape_simple_fn((8, 4), || 5.0 * rng.normal());
    let x = Array2::from_shape_fn((256, 4), |(row, column)| centres[[row % 8, column]] + rng.normal());
    for engine in engines() {
        let train = || {
            let mut graph = Graph::new(&engine);
            let input = graph.input(256, 4).unwrap();
            graph.set(input, x.view()).unwrap();
            let start = x.slice(ndarray::s![..8, ..]);
            let codebook = graph.parameter("codebook", start).unwrap();
            let quantized = graph.quantize(input, codebook, Nsvq::new(1)).unwrap();
            let loss = graph.mse(quantized, input).unwrap();
            let mut optimizer = Optimizer::adam(0.02);
            let mut losses = Vec::new();
            for _ in 0..300 {
                let mut recorder = engine.recorder();
                graph.record_forward(&mut recorder).unwrap();
                graph.record_backward(&mut recorder, loss).unwrap();
                graph.record_update(&mut recorder, &mut optimizer).unwrap();
                recorder.submit().unwrap();
                losses.push(graph.value(loss).unwrap().download().unwrap()[[0, 0]]);
            }
            (losses, graph.value(codebook).unwrap().download().unwrap())
        };
        let (losses, codebook) = train();
        // Lloyd's algorithm from the same start.
        let lloyd = KMeans::new(8).init(Init::From(x.slice(ndarray::s![..8, ..]).to_owned()));
        let found = lloyd.iterations(50).tolerance(0.0).fit(&engine, &x).unwrap();
        let (last, best) = (f64::from(losses[299]), found.mse / 4.0);
        assert!(losses[0] > 1.3 * losses[299], "{} to {last}", losses[0]);
        assert!((last / best - 1.0).abs() < 0.01, "{last} by gradient, {best} by k-means");
        // Same seed, same device: bit for bit.
        assert!(train() == (losses, codebook));
    }
}

#[test]
fn nothing_flows_past_a_stop_nor_to_what_the_loss_does_not_use() {
    let mut graph = Graph::new(&Engine::cpu());
    let a = graph.parameter("a", array![[3.0_f32]].view()).unwrap();
    let b = graph.parameter("b", array![[5.0_f32]].view()).unwrap();
    let stopped = graph.stop_gradient(a).unwrap();
    let loss = graph.mul(a, stopped).unwrap();
    assert_eq!(run(&mut graph, loss), 9.0);
    assert_eq!(graph.gradient(a).unwrap().unwrap().download().unwrap(), array![[3.0]]);
    assert!(graph.gradient(b).unwrap().is_none());
    let names: Vec<(String, bool)> =
        graph.parameters().map(|p| (p.name.to_string(), p.gradient.is_some())).collect();
    assert_eq!(names, [("a".to_string(), true), ("b".to_string(), false)]);
}

#[test]
fn what_does_not_fit_is_refused_when_it_is_added() {
    let mut graph = Graph::new(&Engine::cpu());
    let a = graph.input(4, 3).unwrap();
    let b = graph.parameter("b", Array2::zeros((2, 5)).view()).unwrap();
    let says = |result: Result<Var>, texts: &[&str]| {
        let error = result.expect_err("is refused").to_string();
        assert!(texts.iter().all(|text| error.contains(text)), "{error}");
    };
    says(graph.add(a, b), &["add", "expected", "4 × 3", "got 2 × 5"]);
    says(graph.matmul(a, b), &["matmul", "3 rows", "got 2 × 5"]);
    says(graph.matmul_transposed(a, b), &["matmul_transposed", "3 columns", "got 2 × 5"]);
    says(graph.mse(a, b), &["mse", "4 × 3", "got 2 × 5"]);
    says(graph.columns(a, 2..4), &["columns", "4 × 3", "2..4"]);
    says(graph.concat(&[]), &["concat", "none"]);
    says(graph.concat(&[a, b]), &["concat", "4 rows", "2 × 5"]);
    says(graph.scale(a, f32::NAN), &["scale", "finite"]);
    says(graph.parameter("b", Array2::zeros((1, 1)).view()), &["parameter b already"]);
    says(graph.parameter("c", Array2::zeros((0, 1)).view()), &["0 × 1"]);
    says(graph.input(0, 1), &["0 × 1"]);
    let sum = graph.sum(b).unwrap();
    assert!(graph.value_mut(sum).map(|_| ()).unwrap_err().to_string().contains("result of sum"));
    assert!(graph.set(a, Array2::zeros((3, 3)).view()).unwrap_err().to_string().contains("expected 4 × 3"));
    let foreign = Graph::new(&Engine::cpu()).input(1, 1).unwrap();
    says(graph.sum(foreign), &["another graph"]);
    let mut recorder = graph.engine().recorder();
    let untrained = graph.sum(a).unwrap();
    assert!(
        graph.record_backward(&mut recorder, untrained).unwrap_err().to_string().contains("no parameter")
    );
    assert!(graph.record_backward(&mut recorder, b).unwrap_err().to_string().contains("1 × 1"));
}
