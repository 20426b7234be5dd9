use ndarray::{Array2, array};

use super::{Optimizer, OptimizerState, Rule};
use crate::engine::{Engine, Matrix};
use crate::error::{ErrorKind, Result};
use crate::rng::Rng;
use crate::selftest::oracle::sum_bound;
use crate::selftest::running::Running;
use crate::train::Schedule;

const ADAM: Rule = Rule::Adam { betas: [0.9, 0.999], epsilon: 1e-8 };
const ADAM_W: Rule = Rule::AdamW { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.01 };

/// Every rule, with a learning rate, and what PyTorch 1.12.1 makes in float64 of the five numbers of
/// [`the_rules_are_those_of_pytorch`].
#[allow(clippy::excessive_precision)]
const RULES: [(Rule, f64, [f64; 5]); 7] = [
    (Rule::Sgd { momentum: 0.0, nesterov: false }, 0.1, [1.05, -2.125, 0.4749999999999999, 0.325, 4.175]),
    (
        Rule::Sgd { momentum: 0.9, nesterov: false },
        0.1,
        [1.24164375, -2.350333, 0.46109274999999994, 0.09459099999999994, 4.541151499999999],
    ),
    (
        Rule::Sgd { momentum: 0.9, nesterov: true },
        0.1,
        [1.2674793750000002, -2.4402996999999997, 0.4399834749999999, 0.18513189999999996, 4.662036350000001],
    ),
    (
        Rule::RmsProp { smoothing: 0.99, epsilon: 1e-8 },
        0.01,
        [
            1.0554057359619524,
            -2.0172796122096437,
            0.43604600388195625,
            0.25122647660555153,
            4.129212729458958,
        ],
    ),
    (
        Rule::AdaGrad { epsilon: 1e-10 },
        0.01,
        [1.005538469977793, -2.00170026305395, 0.49361348132464716, 0.2500373606730424, 4.012869540540229],
    ),
    (
        ADAM,
        0.01,
        [1.0165539501194711, -2.0054980729642518, 0.49137517909100614, 0.23371025561106673, 4.02444076266307],
    ),
    (
        ADAM_W,
        0.01,
        [1.0159466257647158, -2.004299826410504, 0.4910793099073272, 0.23356822644236613, 4.02203411126272],
    ),
];

fn engines() -> Vec<Engine> {
    std::iter::once(Engine::cpu()).chain(crate::test_gpu()).collect()
}

/// A rule in float64, for one number: step `t` from 1 on, of `[θ, first state, second state]`.
fn plain(rule: Rule, rate: f64, t: i32, g: Running, [theta, m, v]: [Running; 3]) -> [Running; 3] {
    let number = Running::rounded;
    // (1 − β) a + β b
    let average = |beta: f64, a: Running, b: Running| b + number(1.0 - beta) * (a - b);
    let take = |direction: Running| theta - number(rate) * direction;
    let adam = |betas: [f64; 2], epsilon: f64, decay: f64| {
        let (m, v) = (average(betas[0], g, m), average(betas[1], g * g, v));
        let root = number(1.0 / (1.0 - betas[1].powi(t)).sqrt()) * v.sqrt();
        let step = number(rate / (1.0 - betas[0].powi(t))) * (m / (root + number(epsilon)));
        [theta - (step + number(rate * decay) * theta), m, v]
    };
    match rule {
        Rule::Sgd { momentum, nesterov } => {
            let accelerated = number(momentum) * m + g;
            let direction = if nesterov { g + number(momentum) * accelerated } else { accelerated };
            [take(direction), accelerated, v]
        }
        Rule::RmsProp { smoothing, epsilon } => {
            let v = average(smoothing, g * g, v);
            [take(g / (v.sqrt() + number(epsilon))), m, v]
        }
        Rule::AdaGrad { epsilon } => {
            let v = v + g * g;
            [take(g / (v.sqrt() + number(epsilon))), m, v]
        }
        Rule::Adam { betas, epsilon } => adam(betas, epsilon, 0.0),
        Rule::AdamW { betas, epsilon, weight_decay } => adam(betas, epsilon, weight_decay),
    }
}

#[test]
fn the_rules_are_those_of_pytorch() {
    for (rule, rate, want) in RULES {
        for (i, want) in want.into_iter().enumerate() {
            let start = [1.0_f32, -2.0, 0.5, 0.25, 4.0][i];
            let mut state = [start, 0.0, 0.0].map(Running::exact);
            for t in 0..6 {
                let g = ((7 * t + 3 * i as i32) % 11 - 5) as f32 / 4.0;
                state = plain(rule, rate, t + 1, Running::exact(g), state);
            }
            let got = state[0].value;
            assert!((got - want).abs() <= 1e-13, "{rule:?}: number {i} is {got}, not {want}");
        }
    }
}

/// Two parameters and the gradients of some steps.
struct Run {
    start: [Array2<f32>; 2],
    gradients: Vec<[Array2<f32>; 2]>,
}

impl Run {
    fn new(steps: usize) -> Self {
        let mut rng = Rng::new(5, 0);
        let mut pair =
            || [(300, 7), (1, 33)].map(|shape| Array2::from_shape_simple_fn(shape, || rng.normal()));
        Self { start: pair(), gradients: (0..steps).map(|_| pair()).collect() }
    }

    fn upload(&self, engine: &Engine) -> [Matrix<f32>; 2] {
        self.start.each_ref().map(|start| engine.upload(start.view()).unwrap())
    }

    /// The steps `steps` of `optimizer`, one submission each.
    fn go(&self, optimizer: &mut Optimizer, values: &mut [Matrix<f32>; 2], steps: std::ops::Range<usize>) {
        let engine = values[0].engine().clone();
        for gradients in &self.gradients[steps] {
            let gradients = gradients.each_ref().map(|gradient| engine.upload(gradient.view()).unwrap());
            let mut recorder = engine.recorder();
            let mut parameters: Vec<_> = values.iter_mut().zip(&gradients).collect();
            optimizer.record_step(&mut recorder, &mut parameters).unwrap();
            recorder.submit().unwrap();
        }
    }

    /// What `plain` makes of it.
    fn oracle(&self, rule: Rule, rates: &[f64], clip: Option<f32>) -> Vec<Running> {
        let flat = |pair: &[Array2<f32>; 2]| -> Vec<f32> { pair.iter().flatten().copied().collect() };
        let mut states: Vec<_> =
            flat(&self.start).into_iter().map(|start| [start, 0.0, 0.0].map(Running::exact)).collect();
        for (step, gradients) in self.gradients.iter().enumerate() {
            let gradients = flat(gradients);
            let squares: f64 = gradients.iter().map(|&g| f64::from(g).powi(2)).sum();
            // Trees of two levels, and one over the parameters.
            let norm = Running { value: squares, error: sum_bound(3 * 8, squares) }.sqrt();
            let scale = match clip {
                Some(clip) if norm.value > f64::from(clip) => Running::exact(clip) / norm,
                _ => Running::exact(1.0),
            };
            for (state, &g) in states.iter_mut().zip(&gradients) {
                *state = plain(rule, rates[step], step as i32 + 1, Running::exact(g) * scale, *state);
            }
        }
        states.into_iter().map(|[theta, ..]| theta).collect()
    }
}

fn bits(values: &[Matrix<f32>]) -> Vec<u32> {
    values.iter().flat_map(|value| value.download().unwrap()).map(f32::to_bits).collect()
}

#[test]
fn every_rule_does_what_float64_does() {
    let schedule = Schedule::Step { every: 4, factor: 0.5 }.warm_up(2);
    let run = Run::new(10);
    for engine in engines() {
        for (rule, rate, _) in RULES {
            // Norms are about √2133 = 46.
            for clip in [None, Some(1000.0), Some(3.0)] {
                let optimizer = Optimizer::new(rule, rate).schedule(schedule.clone());
                let mut optimizer = clip.into_iter().fold(optimizer, Optimizer::clip);
                let mut values = run.upload(&engine);
                run.go(&mut optimizer, &mut values, 0..10);
                assert_eq!(optimizer.step(), 10);
                let rates: Vec<f64> = (0..10).map(|step| schedule.rate(rate, step)).collect();
                let got: Vec<f32> = values.iter().flat_map(|value| value.download().unwrap()).collect();
                let off = misses(&got, &run.oracle(rule, &rates, clip));
                assert!(off.is_empty(), "{rule:?}, clip {clip:?} on {engine:?}: {:?}", off[0]);
                // The bounds tell the rules from each other.
                for (other, ..) in RULES.into_iter().filter(|(other, ..)| *other != rule && !engine.is_gpu())
                {
                    let off = misses(&got, &run.oracle(other, &rates, clip));
                    assert!(!off.is_empty(), "{rule:?} passes for {other:?}");
                }
            }
        }
    }
}

/// Place, what there is and what there should be, where the two are farther apart than rounding explains.
fn misses(got: &[f32], want: &[Running]) -> Vec<(usize, f32, Running)> {
    let all = got.iter().zip(want).enumerate();
    let off = all.filter(|(_, (got, want))| {
        let near = (f64::from(**got) - want.value).abs() <= want.error;
        !near
    });
    off.map(|(at, (&got, &want))| (at, got, want)).collect()
}

#[test]
fn a_limit_holds_for_all_gradients_together() {
    // 3 and 4 in different parameters: a norm of 5.
    for engine in engines() {
        for (limit, want) in [(10.0, [-3.0, -4.0]), (2.5, [-1.5, -2.0])] {
            let mut values = [engine.zeros(1, 1).unwrap(), engine.zeros(2, 1).unwrap()];
            let gradients = [
                engine.upload(array![[3.0_f32]].view()).unwrap(),
                engine.upload(array![[0.0_f32], [4.0]].view()).unwrap(),
            ];
            let mut recorder = engine.recorder();
            let mut parameters: Vec<_> = values.iter_mut().zip(&gradients).collect();
            Optimizer::sgd(1.0).clip(limit).record_step(&mut recorder, &mut parameters).unwrap();
            recorder.submit().unwrap();
            // All of it exact but for the root and the quotient: 4.5 and 2.5 ulp, of numbers up to 4.
            let got = [values[0].download().unwrap()[[0, 0]], values[1].download().unwrap()[[1, 0]]];
            for (got, want) in got.into_iter().zip::<[f32; 2]>(want) {
                assert!((got - want).abs() <= 8.0 * f32::EPSILON * want.abs(), "{got}, not {want}");
            }
            assert_eq!(values[1].download().unwrap()[[0, 0]], 0.0);
        }
    }
}

#[test]
fn a_gradient_that_is_not_finite_shows() {
    for engine in engines() {
        for (rule, rate, _) in RULES {
            for clip in [None, Some(1.0)] {
                let mut value = engine.upload(array![[1.0_f32, 2.0]].view()).unwrap();
                // An infinity cannot be uploaded.
                let mut gradient = engine.upload(array![[3e38_f32, 3e38]].view()).unwrap();
                let mut recorder = engine.recorder();
                recorder.update(crate::ops::Op::Mul, &mut gradient, 10.0).unwrap();
                let mut optimizer = clip.into_iter().fold(Optimizer::new(rule, rate), Optimizer::clip);
                optimizer.record_step(&mut recorder, &mut [(&mut value, &gradient)]).unwrap();
                recorder.submit().unwrap();
                let value = value.download().unwrap();
                assert!(value.iter().all(|v| !v.is_finite()), "{rule:?}, {clip:?} on {engine:?}: {value}");
            }
        }
    }
}

#[test]
fn a_run_that_is_resumed_has_the_same_bits() {
    let run = Run::new(7);
    for engine in engines() {
        for (rule, rate, _) in RULES {
            let make = || {
                let schedule = Schedule::Cosine { steps: 9, floor: 1e-4 };
                Optimizer::new(rule, rate).schedule(schedule).clip(4.0)
            };
            let mut whole = run.upload(&engine);
            run.go(&mut make(), &mut whole, 0..7);

            let mut first = make();
            let mut values = run.upload(&engine);
            run.go(&mut first, &mut values, 0..3);
            let state = first.state().unwrap();
            drop(first);
            let mut second = make();
            second.restore(&engine, &state).unwrap();
            assert_eq!(second.state().unwrap(), state);
            run.go(&mut second, &mut values, 3..7);
            assert_eq!(bits(&values), bits(&whole), "{rule:?} on {engine:?}");
        }
    }
}

#[test]
fn rows_that_are_reset_go_on_as_new_ones() {
    // Without Adam's corrections, which count steps, a row that was reset moves as in a fresh run.
    let run = Run::new(6);
    let keep = Array2::from_shape_fn((300, 1), |(row, _)| if row % 5 == 2 { 0.0_f32 } else { 1.0 });
    for engine in engines() {
        for (rule, rate, _) in RULES.into_iter().take(5) {
            let mut optimizer = Optimizer::new(rule, rate);
            let mut values = run.upload(&engine);
            run.go(&mut optimizer, &mut values, 0..3);
            let mut recorder = engine.recorder();
            optimizer.reset_rows(&mut recorder, 0, &engine.upload(keep.view()).unwrap()).unwrap();
            recorder.submit().unwrap();

            let middle = values.each_ref().map(|value| value.download().unwrap());
            run.go(&mut optimizer, &mut values, 3..6);
            let mut never_reset = run.upload(&engine);
            run.go(&mut Optimizer::new(rule, rate), &mut never_reset, 0..6);
            let mut fresh = middle.each_ref().map(|value| engine.upload(value.view()).unwrap());
            run.go(&mut Optimizer::new(rule, rate), &mut fresh, 3..6);

            let rows = |values: &[Matrix<f32>; 2]| values[0].download().unwrap();
            let (got, old, new) = (rows(&values), rows(&never_reset), rows(&fresh));
            for (row, keep) in keep.iter().enumerate() {
                let want = if *keep == 0.0 { &new } else { &old };
                assert_eq!(got.row(row), want.row(row), "{rule:?} on {engine:?}: row {row}");
            }
            assert_eq!(values[1].download().unwrap(), never_reset[1].download().unwrap());
        }
    }
}

#[test]
fn adam_forgets_the_rows_that_are_reset() {
    let run = Run::new(2);
    let engine = Engine::cpu();
    let mut optimizer = Optimizer::adam(0.1);
    let mut recorder = engine.recorder();
    let keep = Array2::from_shape_fn((300, 1), |(row, _)| (row % 2) as f32);
    let keep = engine.upload(keep.view()).unwrap();
    optimizer.reset_rows(&mut recorder, 0, &keep).unwrap();
    run.go(&mut optimizer, &mut run.upload(&engine), 0..2);
    let before = optimizer.state().unwrap();
    optimizer.reset_rows(&mut recorder, 0, &keep).unwrap();
    let after = optimizer.state().unwrap();
    for (name, tensor) in &after.tensors {
        for (at, (&got, &had)) in tensor.iter().zip(&before.tensors[name]).enumerate() {
            let kept = name.starts_with("optimizer.1.") || (at / 7) % 2 == 1;
            assert_eq!(got, if kept { had } else { 0.0 }, "{name}");
        }
    }
    let refused = optimizer.reset_rows(&mut recorder, 2, &keep).unwrap_err().to_string();
    assert_eq!(refused, "rows of parameter 2 to reset; there are 2, from 0 on");
    assert_eq!(optimizer.reset_rows(&mut recorder, 1, &keep).unwrap_err().kind(), ErrorKind::Shape);
}

/// Takes a step with matrices of these shapes: parameters, and their gradients.
fn step(engine: &Engine, optimizer: &mut Optimizer, shapes: &[[(usize, usize); 2]]) -> Result<()> {
    let zeros = |(rows, cols)| engine.zeros::<f32>(rows, cols).unwrap();
    let mut matrices: Vec<_> =
        shapes.iter().map(|&[value, gradient]| (zeros(value), zeros(gradient))).collect();
    let mut parameters: Vec<_> = matrices.iter_mut().map(|(value, gradient)| (value, &*gradient)).collect();
    optimizer.record_step(&mut engine.recorder(), &mut parameters)
}

#[test]
fn what_makes_no_sense_is_refused() {
    let engine = Engine::cpu();
    let sgd = |momentum, nesterov| Optimizer::new(Rule::Sgd { momentum, nesterov }, 0.1);
    let adam = |betas, epsilon| Optimizer::new(Rule::Adam { betas, epsilon }, 0.1);
    let wrong = [
        (Optimizer::sgd(0.0), "a learning rate of 0;"),
        (Optimizer::sgd(-1.0), "a learning rate of -1;"),
        (Optimizer::adam(f64::NAN), "a learning rate of NaN;"),
        (Optimizer::adam(1e39), "over 0 and finite"),
        (sgd(1.0, false), "a momentum of 1;"),
        (sgd(0.0, true), "Nesterov's momentum with a momentum of 0"),
        (adam([1.0, 0.999], 1e-8), "a β₁ of 1;"),
        (adam([0.9, -0.1], 1e-8), "a β₂ of -0.1;"),
        (adam([0.9, 0.999], 0.0), "an epsilon of 0;"),
        (Optimizer::new(Rule::AdaGrad { epsilon: 1e-60 }, 0.1), "an epsilon of 0.0000"),
        (Optimizer::new(Rule::RmsProp { smoothing: 1.5, epsilon: 1e-8 }, 0.1), "a smoothing of 1.5"),
        (
            Optimizer::new(Rule::AdamW { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: -0.1 }, 0.1),
            "a weight decay of -0.1",
        ),
        (Optimizer::adam(0.1).clip(0.0), "clipped to a norm of 0;"),
        (Optimizer::adam(0.1).clip(f32::INFINITY), "clipped to a norm of inf"),
        (Optimizer::adam(0.1).schedule(Schedule::Step { every: 0, factor: 0.5 }), "every 0 steps"),
    ];
    for (mut optimizer, says) in wrong {
        let error = step(&engine, &mut optimizer, &[[(2, 3), (2, 3)]]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn parameters_are_the_same_at_every_step() {
    let engine = Engine::cpu();
    let mut optimizer = Optimizer::adam(0.1);
    let both = [[(2, 3), (2, 3)], [(1, 4), (1, 4)]];
    let misfit = step(&engine, &mut optimizer, &[both[0], [(1, 4), (4, 1)]]).unwrap_err();
    assert_eq!(misfit.kind(), ErrorKind::Shape);
    let message = "parameter 1: optimizer_step: expected the gradient to be 1 × 4, got 4 × 1";
    assert_eq!(misfit.to_string(), message);
    assert!(step(&engine, &mut optimizer, &[]).is_err());
    // Nothing of that counted.
    assert_eq!((optimizer.step(), optimizer.state().unwrap()), (0, OptimizerState::default()));
    step(&engine, &mut optimizer, &both).unwrap();
    let fewer = step(&engine, &mut optimizer, &both[..1]).unwrap_err().to_string();
    assert!(fewer.contains("a step of 1 parameters; the steps before had 2"), "{fewer}");
    let others = step(&engine, &mut optimizer, &[both[1], both[0]]).unwrap_err().to_string();
    assert!(
        others.contains("parameter 0: ") && others.contains("expected the value to be 2 × 3"),
        "{others}"
    );
    assert_eq!(optimizer.step(), 1);
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    let engine = Engine::cpu();
    let mut adam = Optimizer::adam(0.1);
    step(&engine, &mut adam, &[[(2, 3), (2, 3)]]).unwrap();
    let state = adam.state().unwrap();
    let names: Vec<_> = state.tensors.keys().map(String::as_str).collect();
    assert_eq!(names, ["optimizer.0.first_moment", "optimizer.0.second_moment"]);

    let momentum = Rule::Sgd { momentum: 0.9, nesterov: false };
    for mut other in [Optimizer::new(momentum, 0.1), Optimizer::sgd(0.1), Optimizer::ada_grad(0.1)] {
        let error = other.restore(&engine, &state).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
        assert_eq!(other.step(), 0);
    }
    let mut flat = state.clone();
    let tensor = flat.tensors.get_mut("optimizer.0.second_moment").unwrap();
    *tensor = tensor.to_shape(6).unwrap().into_owned().into_dyn();
    assert_eq!(adam.restore(&engine, &flat).unwrap_err().kind(), ErrorKind::Shape);
    let mut none = state.clone();
    none.tensors.clear();
    let error = adam.restore(&engine, &none).unwrap_err().to_string();
    assert!(error.contains("no tensors after 1 steps"), "{error}");
    // AdamW remembers what Adam does.
    Optimizer::adam_w(0.1).restore(&engine, &state).unwrap();
    // The state before the first step is one too.
    adam.restore(&engine, &OptimizerState::default()).unwrap();
    assert_eq!(adam.step(), 0);
    step(&engine, &mut adam, &[[(5, 1), (5, 1)], [(1, 1), (1, 1)]]).unwrap();
}
