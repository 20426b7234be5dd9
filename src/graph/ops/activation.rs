//! Functions of every element.

use super::{Computed, Gradients, Operation};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::graph::{Graph, Var};
use crate::ops::{Activation, Op, Unary};

impl Graph {
    /// f(a), element by element.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if `a` is of another graph.
    pub fn activate(&mut self, a: Var, activation: Activation) -> Result<Var> {
        self.apply(Activate(activation), &[a])
    }

    /// max(a, 0).
    ///
    /// # Errors
    /// As [`activate`](Self::activate).
    pub fn relu(&mut self, a: Var) -> Result<Var> {
        self.activate(a, Activation::Relu)
    }

    /// The Gaussian error linear unit, [in its tanh form](Activation::Gelu).
    ///
    /// # Errors
    /// As [`activate`](Self::activate).
    pub fn gelu(&mut self, a: Var) -> Result<Var> {
        self.activate(a, Activation::Gelu)
    }

    /// tanh a.
    ///
    /// # Errors
    /// As [`activate`](Self::activate).
    pub fn tanh(&mut self, a: Var) -> Result<Var> {
        self.activate(a, Activation::Tanh)
    }

    /// 1 / (1 + e⁻ᵃ).
    ///
    /// # Errors
    /// As [`activate`](Self::activate).
    pub fn sigmoid(&mut self, a: Var) -> Result<Var> {
        self.activate(a, Activation::Sigmoid)
    }

    /// eᵃ, at most [`f32::MAX`].
    ///
    /// # Errors
    /// As [`activate`](Self::activate).
    pub fn exp(&mut self, a: Var) -> Result<Var> {
        self.apply(Map(Unary::Exp), &[a])
    }

    /// The natural logarithm, [finite](Unary::Log) everywhere; its derivative is 0 where a is 0.
    ///
    /// # Errors
    /// As [`activate`](Self::activate).
    pub fn log(&mut self, a: Var) -> Result<Var> {
        self.apply(Map(Unary::Log), &[a])
    }

    /// √a, and 0 for what is below; its derivative there is 0.
    ///
    /// # Errors
    /// As [`activate`](Self::activate).
    pub fn sqrt(&mut self, a: Var) -> Result<Var> {
        self.apply(Map(Unary::Sqrt), &[a])
    }
}

struct Activate(Activation);

impl Operation for Activate {
    fn name(&self) -> &'static str {
        match self.0 {
            Activation::Relu => "relu",
            Activation::Gelu => "gelu",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
        }
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        Ok(inputs[0])
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.activate(self.0, inputs[0], output)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        into.add(recorder, 0, inputs[0].shape(), |recorder, target| {
            recorder.activate_grad(self.0, inputs[0], result.gradient, target)
        })
    }
}

/// The exponential, the logarithm and the square root, whose derivatives follow from what they took or made.
struct Map(Unary);

impl Operation for Map {
    fn name(&self) -> &'static str {
        match self.0 {
            Unary::Exp => "exp",
            Unary::Log => "log",
            _ => "sqrt",
        }
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        Ok(inputs[0])
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.map(self.0, inputs[0], output)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        let Computed { output, gradient } = result;
        into.add(recorder, 0, inputs[0].shape(), |recorder, target| match self.0 {
            Unary::Exp => recorder.elementwise(Op::Mul, gradient, *output, target),
            // What is divided by 0 is 0.
            Unary::Log => recorder.elementwise(Op::Div, gradient, inputs[0], target),
            _ => {
                recorder.elementwise(Op::Div, gradient, *output, target)?;
                recorder.update(Op::Mul, target, 0.5)
            }
        })
    }
}
