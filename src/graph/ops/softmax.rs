//! Softmax, and the cross entropy of what it makes.

use super::{Computed, Gradients, Operation, same_shape};
use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::graph::{Graph, Var};
use crate::ops::Op;

impl Graph {
    /// The softmax of every row of `a` (n, k).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if `a` is of another graph.
    pub fn softmax(&mut self, a: Var) -> Result<Var> {
        self.apply(Softmax, &[a])
    }

    /// The mean over the rows of −Σ p log softmax(a), (1, 1), for probabilities p, whose gradient is not asked for: of a
    /// label 1 in its column and 0 elsewhere. Shapes: `a` and `p` (n, k), each row of p with a sum of 1.
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::graph::Graph;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let mut graph = Graph::new(&engine);
    /// let scores = graph.parameter("scores", array![[0.0_f32, 0.0, 0.0, 0.0]].view())?;
    /// let label = graph.input(1, 4)?;
    /// graph.set(label, array![[0.0_f32, 1.0, 0.0, 0.0]].view())?;
    /// let loss = graph.cross_entropy(scores, label)?;
    /// let mut recorder = engine.recorder();
    /// graph.record_forward(&mut recorder)?;
    /// recorder.submit()?;
    /// assert!((graph.value(loss)?.download()?[[0, 0]] - 4.0_f32.ln()).abs() < 1e-6);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes differ.
    pub fn cross_entropy(&mut self, a: Var, p: Var) -> Result<Var> {
        self.apply(CrossEntropy { weights: None }, &[a, p])
    }
}

struct Softmax;

impl Operation for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
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
        let mut log_sums = recorder.engine().uninitialized(output.rows(), 1)?;
        recorder.soft_weights(inputs[0], 1.0, output, &mut log_sums)
    }

    /// With y the output and g its gradient: y (g − Σ y g), the sum over the row.
    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        let Computed { output, gradient } = result;
        into.add(recorder, 0, inputs[0].shape(), |recorder, target| {
            let mut sums = recorder.engine().uninitialized(output.rows(), 1)?;
            recorder.elementwise(Op::Mul, gradient, *output, target)?;
            recorder.row_sums(target, &mut sums)?;
            recorder.elementwise(Op::Sub, gradient, &sums, target)?;
            recorder.update(Op::Mul, target, *output)
        })
    }
}

struct CrossEntropy {
    /// softmax(a) of the last pass forward.
    weights: Option<Matrix<f32>>,
}

impl Operation for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        same_shape(inputs).map(|_| (1, 1))
    }

    /// −Σ p log softmax(a) = log Σ eᵃ − Σ p a, as Σ p = 1.
    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        let engine = recorder.engine().clone();
        let (n, k) = inputs[0].shape();
        if self.weights.is_none() {
            self.weights = Some(engine.uninitialized(n, k)?);
        }
        let weights = self.weights.as_mut().expect("just made");
        let (mut log_sums, mut chosen) = (engine.uninitialized(n, 1)?, engine.uninitialized(n, 1)?);
        let mut products = engine.uninitialized(n, k)?;
        recorder.soft_weights(inputs[0], 1.0, weights, &mut log_sums)?;
        recorder.elementwise(Op::Mul, inputs[0], inputs[1], &mut products)?;
        recorder.row_sums(&products, &mut chosen)?;
        recorder.update(Op::Sub, &mut log_sums, &chosen)?;
        recorder.reduce_sum(&log_sums, output, 0)?;
        recorder.update(Op::Mul, output, 1.0 / n as f32)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        let shape @ (n, _) = inputs[0].shape();
        let Some(weights) = &self.weights else { return Ok(()) };
        into.add(recorder, 0, shape, |recorder, target| {
            recorder.elementwise(Op::Sub, weights, inputs[1], target)?;
            recorder.update(Op::Mul, target, 1.0 / n as f32)?;
            recorder.update(Op::Mul, target, result.gradient)
        })?;
        // What p is, is given: it has no gradient, but a parameter's has to be something.
        into.add(recorder, 1, shape, |recorder, target| recorder.fill(target, 0.0))
    }
}
