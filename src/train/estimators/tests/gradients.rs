//! Every estimator's output and gradients against the formulas at its head, in float64.

use ndarray::{Array1, Array2, ArrayView1, array};

use super::*;

const SHAPE: (usize, usize, usize) = (48, 6, 5);
const STEP: u64 = 3;
const SEED: u64 = 7;

/// What went in, and the codes that were chosen.
struct Case {
    x: Array2<f64>,
    codebook: Array2<f64>,
    gradient: Array2<f64>,
    codes: Vec<usize>,
    /// Numbers of the estimator's distribution, (n, d) or (n, k).
    noise: Array2<f64>,
}

/// What comes out.
struct Passes {
    output: Array2<f64>,
    loss: f64,
    dx: Array2<f64>,
    dcodebook: Array2<f64>,
}

impl Case {
    fn code_of(&self, row: usize) -> ArrayView1<'_, f64> {
        self.codebook.row(self.codes[row])
    }

    /// x − c of a vector.
    fn residual(&self, row: usize) -> Array1<f64> {
        &self.x.row(row) - &self.code_of(row)
    }

    fn quantized(&self) -> Passes {
        let (n, d, k) = SHAPE;
        let mut output = Array2::zeros((n, d));
        (0..n).for_each(|row| output.row_mut(row).assign(&self.code_of(row)));
        Passes { output, loss: 0.0, dx: self.gradient.clone(), dcodebook: Array2::zeros((k, d)) }
    }

    /// Adds the loss of weights β₁ and β₂ with its gradients.
    fn pull(&self, passes: &mut Passes, codebook: f64, commitment: f64) {
        let elements = self.x.len() as f64;
        for row in 0..self.x.nrows() {
            let residual = self.residual(row);
            passes.loss += (codebook + commitment) * residual.dot(&residual) / elements;
            passes.dx.row_mut(row).scaled_add(2.0 * commitment / elements, &residual);
            passes.dcodebook.row_mut(self.codes[row]).scaled_add(-2.0 * codebook / elements, &residual);
        }
    }

    /// x + ‖x − c‖ v / ‖v‖, with v fixed in the derivative.
    fn displaced(&self, direction: impl Fn(usize) -> Array1<f64>) -> Passes {
        let mut passes = self.quantized();
        for row in 0..self.x.nrows() {
            let (residual, v) = (self.residual(row), direction(row));
            let length = residual.dot(&residual).sqrt();
            let unit = &v / v.dot(&v).sqrt();
            passes.output.row_mut(row).assign(&(&self.x.row(row) + &(length * &unit)));
            let slope = self.gradient.row(row).dot(&unit) / length;
            passes.dx.row_mut(row).scaled_add(slope, &residual);
            passes.dcodebook.row_mut(self.codes[row]).scaled_add(-slope, &residual);
        }
        passes
    }

    /// The gradients through softmax(τ z), z = noise − s ‖x − c‖², of the sum of all codewords so weighted: those to the
    /// codebook together no longer, for each vector, than its gradient times its weights.
    fn through_softmax(&self, sharpness: f64, tau: f64, noise: &Array2<f64>) -> (Array2<f64>, Passes) {
        let (n, _, k) = SHAPE;
        let mut weights = Array2::zeros((n, k));
        let mut passes = self.quantized();
        passes.dx.fill(0.0);
        for row in 0..n {
            let x = self.x.row(row);
            let distances = self.codebook.rows().into_iter().map(|c| (&x - &c).mapv(|e| e * e).sum());
            let mut w: Array1<f64> = distances.map(|distance| -sharpness * distance).collect();
            w = (tau * (w + noise.row(row))).mapv(f64::exp);
            w /= w.sum();
            let mean = w.dot(&self.codebook);
            let through = self.codebook.rows().into_iter().enumerate().map(|(j, c)| {
                let slope = w[j] * self.gradient.row(row).dot(&(&c - &mean));
                (2.0 * sharpness * tau * slope).powi(2) * (&x - &c).mapv(|e| e * e).sum()
            });
            let through = through.sum::<f64>().sqrt();
            let gradient = self.gradient.row(row);
            let limit = (gradient.dot(&gradient) * w.dot(&w)).sqrt() / through;
            for (j, c) in self.codebook.rows().into_iter().enumerate() {
                let slope = w[j] * self.gradient.row(row).dot(&(&c - &mean));
                // By the distance: d/dx ‖x − c‖² = 2 (x − c).
                let by_distance = -sharpness * tau * slope * limit.min(1.0);
                passes.dx.row_mut(row).scaled_add(2.0 * by_distance, &(&x - &c));
                passes.dcodebook.row_mut(j).scaled_add(-2.0 * by_distance, &(&x - &c));
            }
            passes.output.row_mut(row).assign(&mean);
            weights.row_mut(row).assign(&w);
        }
        (weights, passes)
    }
}

fn soft(case: &Case) -> Passes {
    let (weights, mut passes) = case.through_softmax(1.0, 0.7, &Array2::zeros((SHAPE.0, SHAPE.2)));
    passes.dcodebook += &weights.t().dot(&case.gradient);
    passes
}

fn gumbel(case: &Case) -> Passes {
    let (_, mut passes) = case.through_softmax(0.5, 0.8, &case.noise);
    passes.output = case.quantized().output;
    for (row, &code) in case.codes.iter().enumerate() {
        passes.dcodebook.row_mut(code).scaled_add(1.0, &case.gradient.row(row));
    }
    passes
}

fn nsvq(case: &Case) -> Passes {
    case.displaced(|row| case.noise.row(row).to_owned())
}

fn diveq(case: &Case) -> Passes {
    case.displaced(|row| 0.3 * &case.noise.row(row) - case.residual(row))
}

fn ste(case: &Case) -> Passes {
    let mut passes = case.quantized();
    case.pull(&mut passes, 1.0, 0.25);
    passes
}

fn ema(case: &Case) -> Passes {
    let mut passes = case.quantized();
    case.pull(&mut passes, 0.0, 0.25);
    passes
}

fn rotation(case: &Case) -> Passes {
    let mut passes = case.quantized();
    for row in 0..SHAPE.0 {
        let (x, c, g) = (case.x.row(row), case.code_of(row), case.gradient.row(row));
        let [long_x, long_c] = [x, c].map(|vector| vector.dot(&vector).sqrt());
        let (e, f) = (&x / long_x, &c / long_c);
        let s = &e + &f;
        let turned = &g - &(2.0 * g.dot(&s) / s.dot(&s) * &s) + 2.0 * g.dot(&f) * &e;
        passes.dx.row_mut(row).assign(&(long_c / long_x * turned));
    }
    case.pull(&mut passes, 1.0, 0.25);
    passes
}

type Reference = fn(&Case) -> Passes;

/// Each with its formula, and the noise it draws.
fn estimators() -> Vec<(Box<dyn Estimator>, Reference, Distribution)> {
    let fixed = |tau| Temperature::fixed(tau).unwrap();
    vec![
        (Box::new(Nsvq::new(SEED)), nsvq, Distribution::Normal),
        (Box::new(Diveq::new(0.3, SEED).unwrap()), diveq, Distribution::Normal),
        (Box::new(Soft::new(fixed(0.7))), soft, Distribution::Normal),
        (Box::new(Gumbel::new(0.5, fixed(0.8), SEED).unwrap()), gumbel, Distribution::Gumbel),
        (Box::new(Ste::new(1.0, 0.25).unwrap()), ste, Distribution::Normal),
        (Box::new(Rotation::new(1.0, 0.25).unwrap()), rotation, Distribution::Normal),
        (Box::new(Ema::new(0.99, 0.25).unwrap()), ema, Distribution::Normal),
    ]
}

/// The largest difference from the reference, as a share of what rounding allows.
fn worst(engine: &Engine, estimator: &mut dyn Estimator, reference: Reference, of: Distribution) -> f64 {
    let (n, d, k) = SHAPE;
    let [x, codebook, gradient] = [(1, n), (2, k), (3, n)].map(|(seed, rows)| normals(seed, (rows, d)));
    let there = |values: &Array2<f32>| engine.upload(values.view()).unwrap();
    let mut forward = Forward::new(engine, n, d).unwrap();
    let (mut dx, mut dcodebook) = (engine.zeros(n, d).unwrap(), engine.zeros(k, d).unwrap());
    let mut noise = engine.zeros(n, if of == Distribution::Gumbel { k } else { d }).unwrap();
    let (on_x, on_codebook) = (there(&x), there(&codebook));
    let mut recorder = engine.recorder();
    estimator.record_forward(&mut recorder, &on_x, &on_codebook, STEP, &mut forward).unwrap();
    let g = there(&gradient);
    let pass = Backward {
        x: &on_x,
        codebook: &on_codebook,
        forward: &forward,
        gradient: &g,
        dx: &mut dx,
        dcodebook: &mut dcodebook,
    };
    estimator.record_backward(&mut recorder, pass).unwrap();
    recorder.random_fill(of, noise_seed(SEED), STEP, &mut noise).unwrap();
    recorder.submit().unwrap();

    let codes = forward.codes.download().unwrap().into_iter().map(|code| code as usize).collect();
    let double = |values: &Array2<f32>| values.mapv(f64::from);
    let case = Case {
        x: double(&x),
        codebook: double(&codebook),
        gradient: double(&gradient),
        codes,
        noise: double(&noise.download().unwrap()),
    };
    let want = reference(&case);
    // The largest a term can be: squared distances reach 60, slopes 2 τ s g·c (x − c) with them. What is computed has at
    // most 300 roundings of such terms: 48 vectors in a sum, 6 dimensions, and weights within k + 20 + 8 |score| units.
    let bound = 300.0 * 2f64.powi(-24) * 60.0;
    let close = |got: &Matrix<f32>, want: &Array2<f64>| {
        let differences = &double(&got.download().unwrap()) - want;
        differences.fold(0.0, |worst: f64, difference| worst.max(difference.abs())) / bound
    };
    let loss = (f64::from(forward.loss.download().unwrap()[[0, 0]]) - want.loss).abs() / bound;
    let distances = Array2::from_shape_fn((n, 1), |(row, _)| case.residual(row).mapv(|e| e * e).sum());
    [
        close(&forward.output, &want.output),
        close(&dx, &want.dx),
        close(&dcodebook, &want.dcodebook),
        close(&forward.distances, &distances),
        loss,
    ]
    .into_iter()
    .fold(0.0, f64::max)
}

#[test]
fn every_estimator_is_its_formula() {
    for engine in engines() {
        for (mut estimator, reference, noise) in estimators() {
            let name = estimator.name();
            let share = worst(&engine, &mut *estimator, reference, noise);
            assert!(share <= 1.0, "{name} on {}: {share} of the bound", engine.name());
        }
    }
}

#[test]
fn a_formula_is_no_other_estimators() {
    let engine = Engine::cpu();
    let formulas = estimators().into_iter().map(|(estimator, formula, _)| (estimator.name(), formula));
    let formulas: Vec<(&str, Reference)> = formulas.collect();
    for (mut estimator, _, noise) in estimators() {
        for &(name, formula) in &formulas {
            // Gumbel noise is of another shape, which the others' formulas have no use for.
            if name == estimator.name() || name == "gumbel" || noise == Distribution::Gumbel {
                continue;
            }
            let share = worst(&engine, &mut *estimator, formula, noise);
            assert!(share > 1.0, "{} passes for {name}", estimator.name());
        }
    }
}

/// The gradients by x and the codebook, where `gradient` is that by the output.
fn backward(
    engine: &Engine,
    estimator: &mut dyn Estimator,
    (x, codebook): (&Array2<f32>, &Array2<f32>),
    gradient: impl Fn(Array2<f32>) -> Array2<f32>,
) -> (Array2<f32>, Array2<f32>) {
    let there = |values: &Array2<f32>| engine.upload(values.view()).unwrap();
    let ((n, d), k) = (x.dim(), codebook.nrows());
    let (x, codebook) = (there(x), there(codebook));
    let mut forward = Forward::new(engine, n, d).unwrap();
    let mut recorder = engine.recorder();
    estimator.record_forward(&mut recorder, &x, &codebook, STEP, &mut forward).unwrap();
    recorder.submit().unwrap();
    let gradient = there(&gradient(forward.output.download().unwrap()));
    let (mut dx, mut dcodebook) = (engine.zeros(n, d).unwrap(), engine.zeros(k, d).unwrap());
    let pass = Backward {
        x: &x,
        codebook: &codebook,
        forward: &forward,
        gradient: &gradient,
        dx: &mut dx,
        dcodebook: &mut dcodebook,
    };
    let mut recorder = engine.recorder();
    estimator.record_backward(&mut recorder, pass).unwrap();
    recorder.submit().unwrap();
    (dx.download().unwrap(), dcodebook.download().unwrap())
}

fn length(values: &Array2<f32>) -> f32 {
    values.iter().map(|value| value * value).sum::<f32>().sqrt()
}

fn soft_and_gumbel(tau: f32) -> [Box<dyn Estimator>; 2] {
    let tau = Temperature::fixed(tau).unwrap();
    [Box::new(Soft::new(tau)), Box::new(Gumbel::new(1.0, tau, SEED).unwrap())]
}

/// Both vectors are as far from one codeword as from the other, where the true gradient grows with τ for ever.
#[test]
fn soft_gradients_do_not_grow_with_the_temperature_factor() {
    let (x, codebook) = (array![[0.0_f32, 1.0], [0.0, -2.0]], array![[1.0_f32, 0.0], [-1.0, 0.0]]);
    let gradient = array![[1.0_f32, 0.5], [-2.0, 1.0]];
    let most: f32 = gradient.rows().into_iter().map(|row| row.dot(&row).sqrt()).sum();
    for engine in engines() {
        for tau in [0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e6] {
            for mut estimator in soft_and_gumbel(tau) {
                let (_, dcodebook) =
                    backward(&engine, &mut *estimator, (&x, &codebook), |_| gradient.clone());
                // As much through the weights as directly, at most.
                let (name, found) = (estimator.name(), length(&dcodebook));
                assert!(found <= 2.0 * most, "{name}, tau {tau} on {}: {found}", engine.name());
            }
        }
    }
}

#[test]
fn soft_gradients_go_to_those_of_straight_through() {
    let (n, d, k) = SHAPE;
    let [x, codebook] = [(1, n), (2, k)].map(|(seed, rows)| normals(seed, (rows, d)));
    let of_error = |output: Array2<f32>| (output - &x) * (2.0 / x.len() as f32);
    for engine in engines() {
        // Straight through, the codebook's loss is the same mean squared error.
        let mut ste = Ste::new(1.0, 0.25).unwrap();
        let (_, straight) = backward(&engine, &mut ste, (&x, &codebook), of_error);
        let [mut soft, mut gumbel] = soft_and_gumbel(1e8);
        let (dx, hard) = backward(&engine, &mut *soft, (&x, &codebook), of_error);
        assert_eq!(dx, Array2::<f32>::zeros((n, d)), "{}", engine.name());
        assert!(length(&(&hard - &straight)) <= 1e-6 * length(&straight), "{}", engine.name());
        let (dx, _) = backward(&engine, &mut *gumbel, (&x, &codebook), of_error);
        assert_eq!(dx, Array2::<f32>::zeros((n, d)), "{}", engine.name());
    }
}
