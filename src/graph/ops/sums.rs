//! Sums and means of all elements.

use super::{Computed, Gradients, Operation};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::graph::{Graph, Var};
use crate::ops::Op;

impl Graph {
    /// The sum of all elements, (1, 1).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if `a` is of another graph.
    pub fn sum(&mut self, a: Var) -> Result<Var> {
        self.apply(Sum { name: "sum", mean: false }, &[a])
    }

    /// The mean of all elements, (1, 1).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if `a` is of another graph.
    pub fn mean(&mut self, a: Var) -> Result<Var> {
        self.apply(Sum { name: "mean", mean: true }, &[a])
    }
}

struct Sum {
    name: &'static str,
    mean: bool,
}

impl Sum {
    /// What the sum is multiplied with.
    fn factor(&self, (n, d): (usize, usize)) -> f32 {
        if self.mean { 1.0 / (n as f32 * d as f32) } else { 1.0 }
    }
}

impl Operation for Sum {
    fn name(&self) -> &'static str {
        self.name
    }

    fn shape(&self, _: &[(usize, usize)]) -> Result<(usize, usize)> {
        Ok((1, 1))
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        let mut rows = recorder.engine().uninitialized(inputs[0].rows(), 1)?;
        recorder.row_sums(inputs[0], &mut rows)?;
        recorder.reduce_sum(&rows, output, 0)?;
        recorder.update(Op::Mul, output, self.factor(inputs[0].shape()))
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        into.add(recorder, 0, inputs[0].shape(), |recorder, target| {
            // The same everywhere: 0 times whatever is there would keep a NaN.
            recorder.fill(target, self.factor(inputs[0].shape()))?;
            recorder.update(Op::Mul, target, result.gradient)
        })
    }
}
