//! Optimizers: parameters on the device, moved along their gradients.

mod rule;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ndarray::{ArrayD, Ix2};

pub use rule::Rule;

use super::Schedule;
use crate::engine::{Engine, Matrix, Recorder, expect_shape};
use crate::error::{Context, Error, Result};
use crate::kernels::optimizer_step::{Clip, States};
use crate::ops::Op;

/// Moves the parameters of a model along their gradients: a [`Rule`], a learning rate and its [`Schedule`], and what the
/// rule remembers of each parameter.
///
/// All of it stays on the device, and nothing is allocated after the first step. Numbers that depend on the step are
/// computed in float64. The defaults are PyTorch's.
///
/// ```
/// use wgvq::train::{Optimizer, Schedule};
/// use wgvq::{Engine, ndarray::array, ops::Op};
/// # fn main() -> wgvq::Result<()> {
/// let engine = Engine::auto()?;
/// let target = engine.upload(array![[3.0_f32, -1.0]].view())?;
/// let mut weights = engine.zeros(1, 2)?;
/// let mut gradient = engine.uninitialized(1, 2)?;
/// let mut optimizer = Optimizer::adam(0.1).schedule(Schedule::Cosine { steps: 200, floor: 0.0 }).clip(1.0);
/// let mut recorder = engine.recorder();
/// for _ in 0..200 {
///     // That of half the squared distance.
///     recorder.elementwise(Op::Sub, &weights, &target, &mut gradient)?;
///     optimizer.record_step(&mut recorder, &mut [(&mut weights, &gradient)])?;
/// }
/// recorder.submit()?;
/// let weights = weights.download()?;
/// assert!((weights[[0, 0]] - 3.0).abs() < 0.01 && (weights[[0, 1]] + 1.0).abs() < 0.01);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Optimizer {
    rule: Rule,
    rate: f64,
    schedule: Schedule,
    clip: Option<f32>,
    step: u64,
    /// The states of each parameter; none before the first step.
    states: Vec<States>,
    norms: Option<Norms>,
}

/// Squared norms of the gradients.
#[derive(Debug)]
struct Norms {
    /// (parameters, 1)
    each: Matrix<f32>,
    /// (1, 1)
    total: Matrix<f32>,
}

/// What an [`Optimizer`] remembers: with the parameters themselves all that a run needs to go on with the very same bits.
///
/// Made by [`Optimizer::state`]. The tensors can be stored with a model's by
/// [`io::write_model`](crate::io::write_model).
#[derive(Clone, Debug, PartialEq, Default)]
pub struct OptimizerState {
    /// Steps taken.
    pub step: u64,
    /// `optimizer.0.first_moment` and the like, of the shape of parameter 0.
    pub tensors: BTreeMap<String, ArrayD<f32>>,
}

impl Optimizer {
    /// `rule` at a learning rate of `rate`, which does not change and without a limit to the gradients.
    pub fn new(rule: Rule, rate: f64) -> Self {
        Self {
            rule,
            rate,
            schedule: Schedule::Constant,
            clip: None,
            step: 0,
            states: Vec::new(),
            norms: None,
        }
    }

    /// [`Rule::SGD`] at a learning rate of `rate`.
    pub fn sgd(rate: f64) -> Self {
        Self::new(Rule::SGD, rate)
    }

    /// [`Rule::RMS_PROP`] at a learning rate of `rate`.
    pub fn rms_prop(rate: f64) -> Self {
        Self::new(Rule::RMS_PROP, rate)
    }

    /// [`Rule::ADA_GRAD`] at a learning rate of `rate`.
    pub fn ada_grad(rate: f64) -> Self {
        Self::new(Rule::ADA_GRAD, rate)
    }

    /// [`Rule::ADAM`] at a learning rate of `rate`.
    pub fn adam(rate: f64) -> Self {
        Self::new(Rule::ADAM, rate)
    }

    /// [`Rule::ADAM_W`] at a learning rate of `rate`.
    pub fn adam_w(rate: f64) -> Self {
        Self::new(Rule::ADAM_W, rate)
    }

    /// How the learning rate changes. The default is [`Schedule::Constant`].
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// The most that the L2 norm of all gradients together may be: where it is more, all are scaled down to it. The
    /// default is no limit.
    ///
    /// A norm that is not finite in `f32` (2⁶⁴ or more) makes every parameter infinite or NaN: nothing is hidden.
    pub fn clip(mut self, limit: f32) -> Self {
        self.clip = Some(limit);
        self
    }

    /// Steps taken.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The learning rate of the next step.
    pub fn rate(&self) -> f64 {
        self.schedule.rate(self.rate, self.step)
    }

    /// Records one step: each parameter moves along its gradient. A pair is a parameter and its gradient, of the same
    /// shape; every step has to name the same parameters in the same order, by which they are known.
    ///
    /// Counts as a step when it is recorded. Gradients are left as they are.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if a setting makes no sense, or the number of parameters is not that of the steps
    /// before; [`Shape`](crate::ErrorKind::Shape), naming the parameter, if shapes do not fit. Nothing has been recorded
    /// then.
    pub fn record_step(
        &mut self,
        recorder: &mut Recorder<'_>,
        parameters: &mut [(&mut Matrix<f32>, &Matrix<f32>)],
    ) -> Result<()> {
        self.check()?;
        let fresh = if self.states.is_empty() {
            Some(parameters.iter().map(|(value, _)| self.fresh_states(value)).collect::<Result<Vec<_>>>()?)
        } else {
            None
        };
        check_parameters(recorder, parameters, fresh.as_ref().unwrap_or(&self.states))?;
        if let Some(fresh) = fresh {
            self.states = fresh;
        }
        let update = self.rule.update(self.rate(), self.step + 1);
        self.record_norms(recorder, parameters)?;
        let clip = self.clip.zip(self.norms.as_ref());
        let clip = clip.map(|(limit, norms)| Clip { limit, squared_norm: &norms.total });
        for ((value, gradient), states) in parameters.iter_mut().zip(&mut self.states) {
            recorder.optimizer_step(&update, clip, gradient, value, states)?;
        }
        self.step += 1;
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let usable = |rate: f64| (rate as f32).is_finite() && rate > 0.0;
        if !usable(self.rate) {
            return Err(Error::input(format!(
                "a learning rate of {}; it has to be over 0 and finite",
                self.rate
            )));
        }
        if let Some(limit) = self.clip.filter(|limit| !(limit.is_normal() && *limit > 0.0)) {
            return Err(Error::input(format!(
                "gradients clipped to a norm of {limit}; it has to be over 0 and finite"
            )));
        }
        self.schedule.check(self.rate)?;
        self.rule.check()
    }

    fn fresh_states(&self, value: &Matrix<f32>) -> Result<States> {
        let [first, second] = self.rule.state_names();
        let fresh =
            |name: Option<_>| name.map(|_| value.engine().zeros(value.rows(), value.cols())).transpose();
        Ok([fresh(first)?, fresh(second)?])
    }

    /// Records the squared norm of all gradients, if there is a limit.
    fn record_norms(
        &mut self,
        recorder: &mut Recorder<'_>,
        parameters: &[(&mut Matrix<f32>, &Matrix<f32>)],
    ) -> Result<()> {
        if self.clip.is_none() {
            return Ok(());
        }
        if self.norms.is_none() {
            let engine = recorder.engine();
            let each = engine.uninitialized(parameters.len(), 1)?;
            self.norms = Some(Norms { each, total: engine.uninitialized(1, 1)? });
        }
        let norms = self.norms.as_mut().expect("just made");
        for (number, (_, gradient)) in parameters.iter().enumerate() {
            recorder.reduce_squares(gradient, &mut norms.each, number)?;
        }
        recorder.reduce_sum(&norms.each, &mut norms.total, 0)
    }

    /// Records that what is remembered of some rows of a parameter becomes 0, as it was at the start: for codewords that
    /// are replaced, whose past gradients mean nothing any more.
    ///
    /// `keep` (k, 1) has a 0 for each row to reset and a 1 for the others. Adam's corrections of the bias stay those of
    /// the step count: long after the start, the next step of a row that was reset is up to (1 − β₁)/√(1 − β₂) learning
    /// rates long, 3.2 by default, instead of 1.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is no such parameter; [`Shape`](crate::ErrorKind::Shape) if `keep` is no
    /// column of its height. Before the first step there is nothing to reset.
    pub fn reset_rows(
        &mut self,
        recorder: &mut Recorder<'_>,
        parameter: usize,
        keep: &Matrix<f32>,
    ) -> Result<()> {
        if self.states.is_empty() {
            return Ok(());
        }
        let parameters = self.states.len();
        let Some(states) = self.states.get_mut(parameter) else {
            return Err(Error::input(format!(
                "rows of parameter {parameter} to reset; there are {parameters}, from 0 on"
            )));
        };
        for state in states.iter_mut().flatten() {
            expect_shape("reset_rows", "keep", keep.shape(), (state.rows(), 1))?;
            recorder.update(Op::Mul, state, keep)?;
        }
        Ok(())
    }

    /// Copies what it remembers to the host, waiting for everything submitted before.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if the GPU has failed.
    pub fn state(&self) -> Result<OptimizerState> {
        let mut tensors = BTreeMap::new();
        for (number, states) in self.states.iter().enumerate() {
            for (name, state) in self.rule.state_names().into_iter().zip(states) {
                if let (Some(name), Some(state)) = (name, state) {
                    tensors.insert(tensor_name(number, name), state.download()?.into_dyn());
                }
            }
        }
        Ok(OptimizerState { step: self.step, tensors })
    }

    /// Goes on from `state`, which an optimizer of the same rule had.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input), naming the tensor, if one is missing, is of another rule, or holds what is not
    /// finite; [`Shape`](crate::ErrorKind::Shape) if one is no matrix; [`Device`](crate::ErrorKind::Device). The optimizer
    /// is as it was then.
    pub fn restore(&mut self, engine: &Engine, state: &OptimizerState) -> Result<()> {
        let names = self.rule.state_names();
        let per_parameter = names.iter().flatten().count();
        // Names that do not belong make the count too high, and then one is missing.
        let parameters = state.tensors.len().div_ceil(per_parameter.max(1));
        let read = |number: usize, name: &str| {
            let name = tensor_name(number, name);
            let tensor = state.tensors.get(&name);
            let tensor = tensor.ok_or_else(|| {
                let found: Vec<&str> = state.tensors.keys().map(String::as_str).collect();
                Error::input(format!("no tensor {name} among {found:?}; is it the state of another rule?"))
            })?;
            let shape = tensor.shape();
            let tensor = tensor.view().into_dimensionality::<Ix2>().map_err(|_| {
                Error::shape(format!("{name} has shape {shape:?}; two dimensions are needed"))
            })?;
            engine.upload(tensor).context(|| name)
        };
        if per_parameter == 0 && !state.tensors.is_empty() {
            return Err(Error::input(format!(
                "{} tensors for {:?}, which has none",
                state.tensors.len(),
                self.rule
            )));
        }
        if per_parameter > 0 && state.step > 0 && state.tensors.is_empty() {
            return Err(Error::input(format!("no tensors after {} steps of {:?}", state.step, self.rule)));
        }
        let states = |number: usize| -> Result<States> {
            let [first, second] = names.map(|name| name.map(|name| read(number, name)).transpose());
            Ok([first?, second?])
        };
        self.states = (0..parameters).map(states).collect::<Result<_>>()?;
        self.step = state.step;
        // There may be another number of parameters now.
        self.norms = None;
        Ok(())
    }
}

/// Fails, naming the parameter, unless all fit each other and the steps before.
fn check_parameters(
    recorder: &Recorder<'_>,
    parameters: &[(&mut Matrix<f32>, &Matrix<f32>)],
    states: &[States],
) -> Result<()> {
    if parameters.is_empty() {
        return Err(Error::input("a step of no parameters; at least one is needed"));
    }
    if parameters.len() != states.len() {
        return Err(Error::input(format!(
            "a step of {} parameters; the steps before had {}, and it has to be the same ones",
            parameters.len(),
            states.len()
        )));
    }
    for (number, ((value, gradient), states)) in parameters.iter().zip(states).enumerate() {
        recorder.check_optimizer_step(gradient, value, states).context(|| format!("parameter {number}"))?;
    }
    Ok(())
}

fn tensor_name(parameter: usize, state: &str) -> String {
    format!("optimizer.{parameter}.{state}")
}
