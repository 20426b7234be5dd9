//! Matrix products.

use super::{Computed, Gradients, Operation};
use crate::engine::{Matrix, Recorder};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};

impl Graph {
    /// a · b. Shapes: `a` (n, p), `b` (p, q).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the inner sides differ.
    pub fn matmul(&mut self, a: Var, b: Var) -> Result<Var> {
        self.apply(Matmul, &[a, b])
    }

    /// a · bᵀ: what a linear layer does with weights (outputs, inputs). Shapes: `a` (n, p), `b` (q, p).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the inner sides differ.
    pub fn matmul_transposed(&mut self, a: Var, b: Var) -> Result<Var> {
        self.apply(MatmulTransposed, &[a, b])
    }
}

/// a · b, by way of bᵀ, for which there is the tiled core.
fn product(
    recorder: &mut Recorder<'_>,
    a: &Matrix<f32>,
    b: &Matrix<f32>,
    into: &mut Matrix<f32>,
) -> Result<()> {
    let mut transposed = recorder.engine().uninitialized(b.cols(), b.rows())?;
    recorder.transpose(b, &mut transposed)?;
    recorder.matmul_transposed(a, &transposed, into)
}

struct Matmul;

impl Operation for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        let ((n, p), (rows, q)) = (inputs[0], inputs[1]);
        if p == rows {
            return Ok((n, q));
        }
        Err(Error::shape(format!("expected the second operand to have {p} rows, got {rows} × {q}")))
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        product(recorder, inputs[0], inputs[1], output)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        let (a, b, gradient) = (inputs[0], inputs[1], result.gradient);
        into.add(recorder, 0, a.shape(), |recorder, target| recorder.matmul_transposed(gradient, b, target))?;
        into.add(recorder, 1, b.shape(), |recorder, target| recorder.transposed_matmul(a, gradient, target))
    }
}

struct MatmulTransposed;

impl Operation for MatmulTransposed {
    fn name(&self) -> &'static str {
        "matmul_transposed"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        let ((n, p), (q, cols)) = (inputs[0], inputs[1]);
        if p == cols {
            return Ok((n, q));
        }
        Err(Error::shape(format!("expected the second operand to have {p} columns, got {q} × {cols}")))
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.matmul_transposed(inputs[0], inputs[1], output)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        let (a, b, gradient) = (inputs[0], inputs[1], result.gradient);
        into.add(recorder, 0, a.shape(), |recorder, target| product(recorder, gradient, b, target))?;
        into.add(recorder, 1, b.shape(), |recorder, target| recorder.transposed_matmul(gradient, a, target))
    }
}
