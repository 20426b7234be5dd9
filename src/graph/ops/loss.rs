//! Losses.

use super::{Computed, Gradients, Operation, same_shape};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::graph::{Graph, Var};
use crate::ops::Op;

impl Graph {
    /// The mean over all elements of (a − b)², (1, 1).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn mse(&mut self, a: Var, b: Var) -> Result<Var> {
        self.apply(Mse, &[a, b])
    }
}

struct Mse;

impl Operation for Mse {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        same_shape(inputs).map(|_| (1, 1))
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        let (n, d) = inputs[0].shape();
        let mut distances = recorder.engine().uninitialized(n, 1)?;
        recorder.row_distances(inputs[0], inputs[1], &mut distances)?;
        recorder.reduce_sum(&distances, output, 0)?;
        recorder.update(Op::Mul, output, 1.0 / (n as f32 * d as f32))
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        let shape @ (n, d) = inputs[0].shape();
        let factor = 2.0 / (n as f32 * d as f32);
        for (input, from, less) in [(0, inputs[0], inputs[1]), (1, inputs[1], inputs[0])] {
            into.add(recorder, input, shape, |recorder, target| {
                recorder.elementwise(Op::Sub, from, less, target)?;
                recorder.update(Op::Mul, target, factor)?;
                recorder.update(Op::Mul, target, result.gradient)
            })?;
        }
        Ok(())
    }
}
