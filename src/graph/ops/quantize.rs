//! A quantizer in the middle of a graph.

use super::{Computed, Gradients, Operation};
use crate::engine::{Matrix, Recorder};
use crate::error::{Error, Result};
use crate::graph::{Graph, Source, Var};
use crate::train::estimators::{Backward, Estimator, Forward};

impl Graph {
    /// What goes on in the place of the nearest codewords of `x`, and the gradients that come back, as `estimator` has
    /// them. Shapes: `x` (n, d), `codebook` (k, d), the result (n, d).
    ///
    /// The gradient of the estimator's auxiliary loss, with weight 1, is in those of `x` and `codebook`; its value, the
    /// codes and the distances are in [`quantized`](Self::quantized).
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::graph::Graph;
    /// use wgvq::train::estimators::Nsvq;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let mut graph = Graph::new(&engine);
    /// let x = graph.input(3, 1)?;
    /// let codebook = graph.parameter("codebook", array![[0.0_f32], [10.0]].view())?;
    /// let quantized = graph.quantize(x, codebook, Nsvq::new(7))?;
    /// let loss = graph.mse(quantized, x)?;
    ///
    /// graph.set(x, array![[1.0_f32], [9.0], [2.0]].view())?;
    /// let mut recorder = engine.recorder();
    /// graph.record_forward(&mut recorder)?;
    /// graph.record_backward(&mut recorder, loss)?;
    /// recorder.submit()?;
    /// let codes = &graph.quantized(quantized)?.codes;
    /// assert_eq!(codes.download()?, array![[0], [1], [0]]);
    /// // The mean of the squared distances: the noise is as long as the error.
    /// assert!((graph.value(loss)?.download()?[[0, 0]] - 2.0).abs() < 1e-6);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the dimensions differ; [`Device`](crate::ErrorKind::Device).
    pub fn quantize(&mut self, x: Var, codebook: Var, estimator: impl Estimator + 'static) -> Result<Var> {
        let ((n, d), (k, _)) = (self.shape(x)?, self.shape(codebook)?);
        let engine = self.engine().clone();
        let operation = Quantize {
            estimator: Box::new(estimator),
            pass: Forward::new(&engine, n, d)?,
            dx: engine.uninitialized(n, d)?,
            dcodebook: engine.uninitialized(k, d)?,
        };
        self.apply(operation, &[x, codebook])
    }

    /// Codes, distances and auxiliary loss of the last forward pass of a variable that [`quantize`](Self::quantize) made.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is of another graph, or made by something else.
    pub fn quantized(&self, var: Var) -> Result<&Forward> {
        let pass = self.operation(var)?.and_then(|operation| operation.quantized());
        pass.ok_or_else(|| Error::input("a variable that is not the result of quantize"))
    }

    /// The codes (n, 1) of each codebook of the last forward pass of a variable that is the result of a quantizer; none of
    /// any other variable.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is of another graph.
    pub fn codes(&self, var: Var) -> Result<Vec<&Matrix<u32>>> {
        Ok(self.operation(var)?.map_or_else(Vec::new, |operation| operation.codes()))
    }

    /// The estimator of a variable that [`quantize`](Self::quantize) made.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is of another graph, or made by something else.
    pub fn estimator(&mut self, var: Var) -> Result<&mut dyn Estimator> {
        let index = self.index(var)?;
        let estimator = match &mut self.nodes[index].source {
            Source::Operation(operation) => operation.estimator(),
            _ => None,
        };
        estimator.ok_or_else(|| Error::input("a variable that is not the result of quantize"))
    }

    /// Records that codewords of a quantizer were replaced: `kept` (k, 1) is 1 for those that stay, 0 for the others. Does
    /// nothing for a quantizer without an estimator, which remembers nothing of them.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if a variable is of another graph; those of the kernels.
    pub fn record_reset_rows(
        &mut self,
        recorder: &mut Recorder<'_>,
        quantized: Var,
        codebook: Var,
        kept: &Matrix<f32>,
    ) -> Result<()> {
        let (quantized, codebook) = (self.index(quantized)?, self.index(codebook)?);
        let Source::Operation(operation) = &mut self.nodes[quantized].source else { return Ok(()) };
        match operation.estimator() {
            Some(estimator) => estimator.record_reset_rows(recorder, kept, &self.values[codebook]),
            None => Ok(()),
        }
    }
}

struct Quantize {
    estimator: Box<dyn Estimator>,
    pass: Forward,
    dx: Matrix<f32>,
    dcodebook: Matrix<f32>,
}

impl Operation for Quantize {
    fn name(&self) -> &'static str {
        self.estimator.name()
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        let ((n, d), (k, cols)) = (inputs[0], inputs[1]);
        if d == cols {
            return Ok((n, d));
        }
        Err(Error::shape(format!(
            "expected a codebook of {d} columns, as the vectors have, got {k} × {cols}"
        )))
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        step: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        self.estimator.record_forward(recorder, inputs[0], inputs[1], step, &mut self.pass)?;
        recorder.copy(&self.pass.output, output)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        let (x, codebook) = (inputs[0], inputs[1]);
        let Self { estimator, pass, dx, dcodebook } = self;
        let gradient = result.gradient;
        let backward = Backward { x, codebook, forward: pass, gradient, dx, dcodebook };
        estimator.record_backward(recorder, backward)?;
        into.add(recorder, 0, x.shape(), |recorder, target| recorder.copy(dx, target))?;
        into.add(recorder, 1, codebook.shape(), |recorder, target| recorder.copy(dcodebook, target))
    }

    fn update(
        &mut self,
        recorder: &mut Recorder<'_>,
        values: &mut [Matrix<f32>],
        inputs: &[usize],
    ) -> Result<()> {
        // The same variable for both would be a codebook that quantizes itself.
        let Ok([x, codebook]) = values.get_disjoint_mut([inputs[0], inputs[1]]) else { return Ok(()) };
        self.estimator.record_update(recorder, x, &self.pass, codebook)
    }

    fn codes(&self) -> Vec<&Matrix<u32>> {
        vec![&self.pass.codes]
    }

    fn quantized(&self) -> Option<&Forward> {
        Some(&self.pass)
    }

    fn estimator(&mut self) -> Option<&mut dyn Estimator> {
        Some(&mut *self.estimator)
    }
}
