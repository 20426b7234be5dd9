//! Element by element: a + b, a − b, a · b, s · a.

use super::{Computed, Gradients, Operation, same_shape};
use crate::engine::{Matrix, Recorder};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::ops::Op;

impl Graph {
    /// a + b. Shapes: `a` (n, d); `b` the same, a row (1, d), a column (n, 1) or an element (1, 1).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for other shapes.
    pub fn add(&mut self, a: Var, b: Var) -> Result<Var> {
        self.apply(Binary(Op::Add), &[a, b])
    }

    /// a − b. Shapes as for [`add`](Self::add).
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn sub(&mut self, a: Var, b: Var) -> Result<Var> {
        self.apply(Binary(Op::Sub), &[a, b])
    }

    /// a · b, element by element. Shapes as for [`add`](Self::add).
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn mul(&mut self, a: Var, b: Var) -> Result<Var> {
        self.apply(Binary(Op::Mul), &[a, b])
    }

    /// s · a.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if `s` is not finite.
    pub fn scale(&mut self, a: Var, s: f32) -> Result<Var> {
        if !s.is_finite() {
            return Err(Error::input(format!("scale: a factor of {s}; it has to be finite")));
        }
        self.apply(Scale(s), &[a])
    }

    /// a itself, whose gradient is 0: sg\[a\].
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if `a` is of another graph.
    pub fn stop_gradient(&mut self, a: Var) -> Result<Var> {
        self.apply(StopGradient, &[a])
    }
}

struct Binary(Op);

impl Operation for Binary {
    fn name(&self) -> &'static str {
        match self.0 {
            Op::Add => "add",
            Op::Sub => "sub",
            _ => "mul",
        }
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        let ((n, d), b) = (inputs[0], inputs[1]);
        if [(n, d), (1, d), (n, 1), (1, 1)].contains(&b) {
            return Ok((n, d));
        }
        let (rows, cols) = b;
        Err(Error::shape(format!(
            "expected the second operand to be {n} × {d}, 1 × {d}, {n} × 1 or 1 × 1, got {rows} × {cols}"
        )))
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.elementwise(self.0, inputs[0], inputs[1], output)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        let (a, b, gradient) = (inputs[0], inputs[1], result.gradient);
        let op = self.0;
        into.add(recorder, 0, a.shape(), |recorder, target| match op {
            Op::Mul => recorder.elementwise(Op::Mul, gradient, b, target),
            _ => recorder.copy(gradient, target),
        })?;
        into.add(recorder, 1, b.shape(), |recorder, target| match op {
            Op::Mul => {
                let mut product = recorder.engine().uninitialized(a.rows(), a.cols())?;
                recorder.elementwise(Op::Mul, gradient, a, &mut product)?;
                sum_to_shape(recorder, &product, target)
            }
            Op::Sub => {
                sum_to_shape(recorder, gradient, target)?;
                recorder.update(Op::Mul, target, -1.0)
            }
            _ => sum_to_shape(recorder, gradient, target),
        })
    }
}

/// Sums a gradient (n, d) over what its target, of a shape that was broadcast, has but one of.
fn sum_to_shape(recorder: &mut Recorder<'_>, gradient: &Matrix<f32>, target: &mut Matrix<f32>) -> Result<()> {
    let (n, d) = gradient.shape();
    match target.shape() {
        shape if shape == (n, d) => recorder.copy(gradient, target),
        (1, 1) => {
            let mut rows = recorder.engine().uninitialized(n, 1)?;
            recorder.row_sums(gradient, &mut rows)?;
            recorder.reduce_sum(&rows, target, 0)
        }
        (1, _) => recorder.column_sums(gradient, target),
        _ => recorder.row_sums(gradient, target),
    }
}

struct Scale(f32);

impl Operation for Scale {
    fn name(&self) -> &'static str {
        "scale"
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
        recorder.elementwise(Op::Mul, inputs[0], self.0, output)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        into.add(recorder, 0, inputs[0].shape(), |recorder, target| {
            recorder.elementwise(Op::Mul, result.gradient, self.0, target)
        })
    }
}

struct StopGradient;

impl Operation for StopGradient {
    fn name(&self) -> &'static str {
        "stop_gradient"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        same_shape(inputs)
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.copy(inputs[0], output)
    }

    fn backward(
        &mut self,
        _: &mut Recorder<'_>,
        _: &[&Matrix<f32>],
        _: &Computed<'_>,
        _: &mut Gradients<'_>,
    ) -> Result<()> {
        Ok(())
    }
}
