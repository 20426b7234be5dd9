//! Autodiff-lite: reverse-mode differentiation over device matrices.
//!
//! A [`Graph`] is built once, for batches of one size: inputs, parameters, and operations on them, each of which is checked
//! when it is added. A step then records the whole of it, forward and backward, without reading anything back; all buffers
//! are kept from step to step.
//!
//! ```
//! use ndarray::array;
//! use wgvq::graph::Graph;
//! # fn main() -> wgvq::Result<()> {
//! let engine = wgvq::Engine::cpu();
//! let mut graph = Graph::new(&engine);
//! let x = graph.input(2, 3)?;
//! let weights = graph.parameter("weights", array![[1.0_f32, 0.0, 2.0]].view())?;
//! let y = graph.matmul_transposed(x, weights)?;
//! let target = graph.input(2, 1)?;
//! let loss = graph.mse(y, target)?;
//!
//! graph.set(x, array![[1.0_f32, 2.0, 3.0], [0.0, 1.0, 0.0]].view())?;
//! graph.set(target, array![[6.0_f32], [0.0]].view())?;
//! let mut recorder = engine.recorder();
//! graph.record_forward(&mut recorder)?;
//! graph.record_backward(&mut recorder, loss)?;
//! recorder.submit()?;
//! assert_eq!(graph.value(loss)?.download()?, array![[0.5]]);
//! let gradient = graph.gradient(weights)?.expect("the loss depends on it");
//! assert_eq!(gradient.download()?, array![[1.0, 2.0, 3.0]]);
//! # Ok(())
//! # }
//! ```

mod convolution;
mod gradients;
mod layers;
mod linear_codebook;
mod ops;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{Array2, ArrayView2};

pub use convolution::{Conv2d, ConvTranspose2d, Images};
pub use gradients::Gradients;
pub use layers::Linear;
pub use linear_codebook::LinearCodebook;
pub use ops::gather::Indices;

use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::train::Optimizer;
use crate::train::estimators::{Estimator, Forward};

/// A matrix of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Var {
    graph: u64,
    index: usize,
}

/// An operation of a [`Graph`]: how its result comes about, and what becomes of the gradient of its result.
pub trait Operation: Send {
    /// Name shown in error messages.
    fn name(&self) -> &'static str;

    /// The shape of the result, for inputs of these shapes.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape), saying what was expected and what it got.
    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)>;

    /// Records how `output` is computed. Whatever is random depends on `step` alone.
    ///
    /// # Errors
    /// The errors of the kernels that it records.
    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        step: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()>;

    /// Records how the gradients of the inputs come from that of the output, and adds them `into` these.
    ///
    /// # Errors
    /// The errors of the kernels that it records.
    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()>;

    /// Records a change of inputs that is not by gradient, behind the optimizer's step: nothing, but for quantizers whose
    /// estimator has one. `values` are those of all nodes, `inputs` the places of the operation's among them.
    ///
    /// # Errors
    /// The errors of the kernels that it records.
    fn update(
        &mut self,
        _recorder: &mut Recorder<'_>,
        _values: &mut [Matrix<f32>],
        _inputs: &[usize],
    ) -> Result<()> {
        Ok(())
    }

    /// The codes (n, 1) of each codebook, if it is a quantizer: see [`Graph::codes`].
    fn codes(&self) -> Vec<&Matrix<u32>> {
        Vec::new()
    }

    /// Codes and what else there is, if it is a quantizer of one codebook: see [`Graph::quantized`].
    fn quantized(&self) -> Option<&Forward> {
        None
    }

    /// The estimator, if it is a quantizer that has one: see [`Graph::estimator`].
    fn estimator(&mut self) -> Option<&mut dyn Estimator> {
        None
    }
}

/// The result of an operation, and the gradient of the loss by it.
pub struct Computed<'a> {
    /// What [`Operation::forward`] made.
    pub output: &'a Matrix<f32>,
    /// The gradient, of the same shape as the value.
    pub gradient: &'a Matrix<f32>,
}

/// Matrices, and the operations between them.
pub struct Graph {
    id: u64,
    engine: Engine,
    nodes: Vec<Node>,
    /// The value of each node.
    values: Vec<Matrix<f32>>,
    /// The gradient of each node that needs one; made when it is first wanted.
    gradients: Vec<Option<Matrix<f32>>>,
    /// Whether each node depends on a parameter.
    trained: Vec<bool>,
    /// Whether the gradient of each node is that of the last backward pass.
    reached: Vec<bool>,
    step: u64,
}

struct Node {
    source: Source,
    inputs: Vec<usize>,
}

enum Source {
    Input,
    Parameter(String),
    Operation(Box<dyn Operation>),
}

/// A parameter of a graph and its gradient, as an optimizer needs them.
pub struct Parameter<'a> {
    /// The name it was given.
    pub name: &'a str,
    /// What is to be changed.
    pub value: &'a mut Matrix<f32>,
    /// `None` if the loss did not depend on it.
    pub gradient: Option<&'a Matrix<f32>>,
}

impl Graph {
    /// A graph without anything, on `engine`.
    pub fn new(engine: &Engine) -> Self {
        static GRAPHS: AtomicU64 = AtomicU64::new(0);
        Self {
            id: GRAPHS.fetch_add(1, Ordering::Relaxed),
            engine: engine.clone(),
            nodes: Vec::new(),
            values: Vec::new(),
            gradients: Vec::new(),
            trained: Vec::new(),
            reached: Vec::new(),
            step: 0,
        }
    }

    /// The engine it runs on.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A matrix that is [set](Self::set) from outside, 0 until then.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it has no elements; [`Device`](crate::ErrorKind::Device).
    pub fn input(&mut self, rows: usize, cols: usize) -> Result<Var> {
        if rows == 0 || cols == 0 {
            return Err(Error::input(format!("an input of {rows} × {cols}; both have to be at least 1")));
        }
        let value = self.engine.zeros(rows, cols)?;
        Ok(self.push(Source::Input, Vec::new(), value, false))
    }

    /// A matrix that an optimizer changes.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it has no elements, one is not finite, or the name is taken;
    /// [`Device`](crate::ErrorKind::Device).
    pub fn parameter(&mut self, name: &str, start: ArrayView2<f32>) -> Result<Var> {
        if start.is_empty() {
            let (rows, cols) = start.dim();
            return Err(Error::input(format!(
                "the parameter {name} is {rows} × {cols}; both have to be at least 1"
            )));
        }
        let taken = |node: &Node| matches!(&node.source, Source::Parameter(other) if other == name);
        if self.nodes.iter().any(taken) {
            return Err(Error::input(format!("there is a parameter {name} already; names are different")));
        }
        let value = self.engine.upload(start)?;
        Ok(self.push(Source::Parameter(name.into()), Vec::new(), value, true))
    }

    /// The result of `operation` on `inputs`.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape), naming the operation, if the inputs do not fit;
    /// [`Device`](crate::ErrorKind::Device).
    pub fn apply(&mut self, operation: impl Operation + 'static, inputs: &[Var]) -> Result<Var> {
        let name = operation.name();
        let indices = inputs.iter().map(|&var| self.index(var)).collect::<Result<Vec<_>>>()?;
        let shapes: Vec<_> = indices.iter().map(|&index| self.values[index].shape()).collect();
        let shape = operation.shape(&shapes).map_err(|error| Error::shape(format!("{name}: {error}")))?;
        let value = self.engine.zeros(shape.0, shape.1)?;
        let trained = indices.iter().any(|&index| self.trained[index]);
        Ok(self.push(Source::Operation(Box::new(operation)), indices, value, trained))
    }

    fn push(&mut self, source: Source, inputs: Vec<usize>, value: Matrix<f32>, trained: bool) -> Var {
        self.nodes.push(Node { source, inputs });
        self.trained.push(trained);
        self.values.push(value);
        self.gradients.push(None);
        self.reached.push(false);
        Var { graph: self.id, index: self.nodes.len() - 1 }
    }

    fn index(&self, var: Var) -> Result<usize> {
        if var.graph == self.id {
            return Ok(var.index);
        }
        Err(Error::input("a variable of another graph; every graph has its own"))
    }

    /// What a variable is the result of, if of anything.
    fn operation(&self, var: Var) -> Result<Option<&dyn Operation>> {
        Ok(match &self.nodes[self.index(var)?].source {
            Source::Operation(operation) => Some(&**operation),
            _ => None,
        })
    }

    /// `(rows, cols)` of a variable.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is of another graph.
    pub fn shape(&self, var: Var) -> Result<(usize, usize)> {
        Ok(self.value(var)?.shape())
    }

    /// What a variable is, after [`record_forward`](Self::record_forward) and a submission.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is of another graph.
    pub fn value(&self, var: Var) -> Result<&Matrix<f32>> {
        Ok(&self.values[self.index(var)?])
    }

    /// What an input or parameter is, to be written by kernels.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is of another graph, or the result of an operation.
    pub fn value_mut(&mut self, var: Var) -> Result<&mut Matrix<f32>> {
        let index = self.index(var)?;
        if let Source::Operation(operation) = &self.nodes[index].source {
            return Err(Error::input(format!(
                "the result of {} is computed; inputs and parameters can be written",
                operation.name()
            )));
        }
        Ok(&mut self.values[index])
    }

    /// Writes an input or parameter.
    ///
    /// # Errors
    /// As [`value_mut`](Self::value_mut), and if the shape is another or a value is not finite.
    pub fn set(&mut self, var: Var, values: ArrayView2<f32>) -> Result<()> {
        let matrix = self.value_mut(var)?;
        if values.dim() != matrix.shape() {
            let ((rows, cols), (n, d)) = (matrix.shape(), values.dim());
            return Err(Error::shape(format!("set: expected {rows} × {cols}, got {n} × {d}")));
        }
        matrix.write_rows(0, values)
    }

    /// The gradient of the loss by a variable, if the loss of the last backward pass depends on it and it depends on a
    /// parameter.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is of another graph.
    pub fn gradient(&self, var: Var) -> Result<Option<&Matrix<f32>>> {
        let index = self.index(var)?;
        Ok(self.gradients[index].as_ref().filter(|_| self.reached[index]))
    }

    /// All parameters in the order in which they were made.
    pub fn parameters(&mut self) -> impl Iterator<Item = Parameter<'_>> {
        let gradients = self.gradients.iter().zip(&self.reached);
        let nodes = self.nodes.iter().zip(&mut self.values).zip(gradients);
        nodes.filter_map(|((node, value), (gradient, &reached))| match &node.source {
            Source::Parameter(name) => {
                Some(Parameter { name, value, gradient: gradient.as_ref().filter(|_| reached) })
            }
            _ => None,
        })
    }

    /// Records one step of `optimizer` along the gradients of the last backward pass, and the updates of estimators that use
    /// none, such as EMA.
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::graph::Graph;
    /// use wgvq::train::Optimizer;
    /// use wgvq::train::estimators::Nsvq;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let mut graph = Graph::new(&engine);
    /// let x = graph.input(4, 1)?;
    /// let codebook = graph.parameter("codebook", array![[0.0_f32], [1.0]].view())?;
    /// let quantized = graph.quantize(x, codebook, Nsvq::new(7))?;
    /// let loss = graph.mse(quantized, x)?;
    /// graph.set(x, array![[-3.0_f32], [-1.0], [7.0], [9.0]].view())?;
    /// let mut optimizer = Optimizer::adam(0.1);
    /// for _ in 0..300 {
    ///     let mut recorder = engine.recorder();
    ///     graph.record_forward(&mut recorder)?;
    ///     graph.record_backward(&mut recorder, loss)?;
    ///     graph.record_update(&mut recorder, &mut optimizer)?;
    ///     recorder.submit()?;
    /// }
    /// let codebook = graph.value(codebook)?.download()?;
    /// assert!((codebook[[0, 0]] + 2.0).abs() < 0.05 && (codebook[[1, 0]] - 8.0).abs() < 0.05);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if a parameter has no gradient: every loss of a run has to depend on all of them;
    /// those of the optimizer.
    pub fn record_update(&mut self, recorder: &mut Recorder<'_>, optimizer: &mut Optimizer) -> Result<()> {
        let mut parameters = Vec::new();
        for parameter in self.parameters() {
            let Some(gradient) = parameter.gradient else {
                return Err(Error::input(format!(
                    "the loss did not depend on the parameter {}; leave it out of the graph",
                    parameter.name
                )));
            };
            parameters.push((parameter.value, gradient));
        }
        optimizer.record_step(recorder, &mut parameters)?;
        for node in &mut self.nodes {
            if let Source::Operation(operation) = &mut node.source {
                operation.update(recorder, &mut self.values, &node.inputs)?;
            }
        }
        Ok(())
    }

    /// Passes forward that were recorded: what random operations draw depends on it.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Goes on from step `step`, as a run does that is resumed.
    pub fn set_step(&mut self, step: u64) {
        self.step = step;
    }

    /// Records the computation of all results from inputs and parameters.
    ///
    /// # Errors
    /// The errors of the kernels that it records.
    pub fn record_forward(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            let Source::Operation(operation) = &mut node.source else { continue };
            let (before, rest) = self.values.split_at_mut(index);
            let inputs: Vec<&Matrix<f32>> = node.inputs.iter().map(|&input| &before[input]).collect();
            operation.forward(recorder, self.step, &inputs, &mut rest[0])?;
        }
        self.step += 1;
        Ok(())
    }

    /// Records the computation of the gradients of `loss`, (1, 1), by all that it depends on.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the loss is no single number; [`Input`](crate::ErrorKind::Input) if it is of
    /// another graph or depends on no parameter; those of the kernels.
    pub fn record_backward(&mut self, recorder: &mut Recorder<'_>, loss: Var) -> Result<()> {
        let last = self.index(loss)?;
        if self.values[last].shape() != (1, 1) {
            let (rows, cols) = self.values[last].shape();
            return Err(Error::shape(format!("backward: expected a loss of 1 × 1, got {rows} × {cols}")));
        }
        if !self.trained[last] {
            return Err(Error::input("the loss depends on no parameter; there is nothing to train"));
        }
        self.reached.fill(false);
        if self.gradients[last].is_none() {
            self.gradients[last] = Some(self.engine.upload(Array2::ones((1, 1)).view())?);
        }
        self.reached[last] = true;
        for index in (0..=last).rev() {
            let node = &mut self.nodes[index];
            let Source::Operation(operation) = &mut node.source else { continue };
            if !self.reached[index] || !self.trained[index] {
                continue;
            }
            let inputs: Vec<&Matrix<f32>> = node.inputs.iter().map(|&input| &self.values[input]).collect();
            let (before, rest) = self.gradients.split_at_mut(index);
            let gradient = rest[0].as_ref().expect("what is reached has a gradient");
            let result = Computed { output: &self.values[index], gradient };
            let mut into = Gradients {
                inputs: &node.inputs,
                trained: &self.trained,
                gradients: before,
                reached: &mut self.reached,
            };
            operation.backward(recorder, &inputs, &result, &mut into)?;
        }
        Ok(())
    }
}
