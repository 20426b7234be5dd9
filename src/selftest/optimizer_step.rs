//! Check of `optimizer_step`: every rule, with and without a limit of the norm.

use ndarray::{Array2, array};

use super::Check;
use super::running::Running;
use crate::engine::Matrix;
use crate::error::Result;
use crate::kernels::optimizer_step::{Clip, States};
use crate::ops::{Motion, Update};

const MOTIONS: [Motion; 6] =
    [Motion::Plain, Motion::Momentum, Motion::Nesterov, Motion::RmsProp, Motion::AdaGrad, Motion::Adam];

pub(super) fn check(check: &mut Check) -> Result<()> {
    // The last is over 256 KiB.
    for (n, d) in [(1, 1), (3, 5), (255, 3), (257, 16), (1031, 65)] {
        for motion in MOTIONS {
            // A norm of 5: no limit, one that is not reached, and one that is.
            for limit in [None, Some(5.5), Some(0.75)] {
                step(check, (n, d), motion, limit)?;
            }
        }
    }
    for motion in MOTIONS {
        overflow(check, motion)?;
    }
    misfits(check)
}

/// An update with all numbers that any motion reads set to something that shows.
fn update(motion: Motion) -> Update {
    Update {
        momentum: 0.875,
        first_weight: 0.1,
        second_weight: 0.001,
        root_weight: 1.5,
        epsilon: 1e-3,
        shrinkage: 0.01,
        ..Update::new(motion, 0.05)
    }
}

struct Case {
    value: Array2<f32>,
    gradient: Array2<f32>,
    states: [Array2<f32>; 2],
}

impl Case {
    fn new(check: &mut Check, n: usize, d: usize) -> Self {
        let mut gradient = check.normals(n, d, 0.0);
        // A gradient of 0 where nothing has been before either.
        gradient[[0, 0]] = 0.0;
        let mut states = [check.normals(n, d, 0.0), check.normals(n, d, 0.0).mapv(|v| v * v)];
        states[1][[0, 0]] = 0.0;
        Self { value: check.normals(n, d, 1.0), gradient, states }
    }

    /// On the check's engine: the value, and the states that the motion keeps.
    fn run(&self, check: &Check, motion: Motion, clip: Option<Clip>) -> Result<(Matrix<f32>, States)> {
        let engine = check.engine();
        let mut value = engine.upload(self.value.view())?;
        let mut states: States = [None, None];
        for ((state, start), keeps) in states.iter_mut().zip(&self.states).zip(motion.keeps()) {
            *state = keeps.then(|| engine.upload(start.view())).transpose()?;
        }
        let gradient = engine.upload(self.gradient.view())?;
        let mut recorder = engine.recorder();
        recorder.optimizer_step(&update(motion), clip, &gradient, &mut value, &mut states)?;
        recorder.submit()?;
        Ok((value, states))
    }
}

/// The new value and states, by the formulas.
fn oracle(update: &Update, g: Running, [theta, m, v]: [Running; 3]) -> [Running; 3] {
    let [rate, momentum, first_weight, second_weight, root_weight, epsilon, shrinkage] = [
        update.rate,
        update.momentum,
        update.first_weight,
        update.second_weight,
        update.root_weight,
        update.epsilon,
        update.shrinkage,
    ]
    .map(Running::exact);
    let accelerated = momentum * m + g;
    let average = m + first_weight * (g - m);
    let average_square = v + second_weight * (g * g - v);
    let sum_of_squares = v + g * g;
    let root = |v: Running| root_weight * v.sqrt() + epsilon;
    let (direction, m, v) = match update.motion {
        Motion::Plain => (g, m, v),
        Motion::Momentum => (accelerated, accelerated, v),
        Motion::Nesterov => (g + momentum * accelerated, accelerated, v),
        Motion::RmsProp => (g / root(average_square), m, average_square),
        Motion::AdaGrad => (g / root(sum_of_squares), m, sum_of_squares),
        Motion::Adam => (average / root(average_square), average, average_square),
    };
    [theta - (rate * direction + shrinkage * theta), m, v]
}

fn step(check: &mut Check, (n, d): (usize, usize), motion: Motion, limit: Option<f32>) -> Result<()> {
    let case = Case::new(check, n, d);
    let update = update(motion);
    let norm = check.engine().upload(array![[25.0_f32]].view())?;
    let (value, states) = case.run(check, motion, limit.map(|limit| Clip { limit, squared_norm: &norm }))?;

    let want: Vec<[Running; 3]> = case
        .gradient
        .indexed_iter()
        .map(|(at, &g)| {
            let scale = match limit {
                Some(limit) if limit < 5.0 => Running::exact(limit) / Running::exact(25.0).sqrt(),
                _ => Running::exact(1.0),
            };
            let [first, second] = &case.states;
            oracle(
                &update,
                Running::exact(g) * scale,
                [case.value[at], first[at], second[at]].map(Running::exact),
            )
        })
        .collect();
    let results = [Some(&value), states[0].as_ref(), states[1].as_ref()];
    for (number, result) in results.into_iter().enumerate() {
        let Some(result) = result else { continue };
        let exact: Vec<f64> = want.iter().map(|want| want[number].value).collect();
        let what = ["value", "first", "second"][number];
        let name = format!("{motion:?}, {n} × {d}, limit {limit:?}: {what}");
        check.close(&name, result.download()?, &exact, |at| want[at][number].error);
    }
    Ok(())
}

/// The squared norm of gradients that are finite overflows: the step must not pass for one.
fn overflow(check: &mut Check, motion: Motion) -> Result<()> {
    let engine = check.engine();
    let case = Case::new(check, 2, 3);
    let huge = engine.upload(array![[3e38_f32]].view())?;
    let mut norm = engine.uninitialized(1, 1)?;
    let mut recorder = engine.recorder();
    recorder.reduce_squares(&huge, &mut norm, 0)?;
    recorder.submit()?;
    let (value, _) = case.run(check, motion, Some(Clip { limit: 1.0, squared_norm: &norm }))?;
    let infinite = value.download()?.iter().all(|value| !value.is_finite());
    check.holds(&format!("{motion:?}, a norm that overflows"), "no finite value", infinite);
    Ok(())
}

fn misfits(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    let (mut value, gradient) = (engine.zeros::<f32>(0, 3)?, engine.zeros::<f32>(0, 3)?);
    let plain = update(Motion::Plain);
    let mut none: States = [None, None];
    let mut recorder = engine.recorder();
    let fine = recorder.optimizer_step(&plain, None, &gradient, &mut value, &mut none);
    check.holds("no rows", "nothing to do", fine.is_ok());
    let other = engine.zeros::<f32>(1, 3)?;
    let misfit = recorder.optimizer_step(&plain, None, &other, &mut value, &mut none);
    check.holds("a gradient of another shape", "an error", misfit.is_err());
    let mut short = [Some(engine.zeros::<f32>(1, 2)?), None];
    let momentum = update(Motion::Momentum);
    let misfit = recorder.optimizer_step(&momentum, None, &gradient, &mut value, &mut short);
    check.holds("a state of another shape", "an error", misfit.is_err());
    recorder.submit()
}
