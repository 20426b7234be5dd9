//! Rows of a table, by number.

use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{Array2, ArrayView1};

use super::{Computed, Gradients, Operation};
use crate::engine::{Matrix, Recorder};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::train::estimators::scatter::Scatter;

/// The row numbers of a [gather](Graph::gather), to be set from outside.
#[derive(Clone)]
pub struct Indices {
    matrix: Arc<Mutex<Matrix<u32>>>,
    /// Rows of the table.
    below: usize,
}

impl Indices {
    /// Writes all numbers, each below the table's number of rows.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) for another number of them; [`Input`](crate::ErrorKind::Input), naming it, for
    /// one that is not a row of the table.
    pub fn set(&self, indices: ArrayView1<u32>) -> Result<()> {
        let mut matrix = self.matrix.lock().unwrap_or_else(PoisonError::into_inner);
        if indices.len() != matrix.rows() {
            let (expected, got) = (matrix.rows(), indices.len());
            return Err(Error::shape(format!("gather: expected {expected} row numbers, got {got}")));
        }
        if let Some((at, index)) =
            indices.iter().enumerate().find(|(_, index)| **index as usize >= self.below)
        {
            return Err(Error::input(format!(
                "gather: row number {index} at place {at}; the table has {} rows, from 0 on",
                self.below
            )));
        }
        let column = Array2::from_shape_fn((indices.len(), 1), |(row, _)| indices[row]);
        matrix.write_rows(0, column.view())
    }
}

impl Graph {
    /// n rows of `table` (k, d), which are [set](Indices::set) by number and are row 0 until then. The result is (n, d).
    ///
    /// ```
    /// use ndarray::array;
    /// use wgvq::graph::Graph;
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let mut graph = Graph::new(&engine);
    /// let table = graph.parameter("words", array![[1.0_f32], [2.0], [4.0]].view())?;
    /// let (rows, indices) = graph.gather(table, 4)?;
    /// indices.set(array![2, 0, 2, 2].view())?;
    /// let loss = graph.sum(rows)?;
    /// let mut recorder = engine.recorder();
    /// graph.record_forward(&mut recorder)?;
    /// graph.record_backward(&mut recorder, loss)?;
    /// recorder.submit()?;
    /// assert_eq!(graph.value(rows)?.download()?, array![[4.0], [1.0], [4.0], [4.0]]);
    /// let gradient = graph.gradient(table)?.expect("the loss depends on it");
    /// assert_eq!(gradient.download()?, array![[1.0], [0.0], [3.0]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if `table` is of another graph; [`Device`](crate::ErrorKind::Device).
    pub fn gather(&mut self, table: Var, n: usize) -> Result<(Var, Indices)> {
        let below = self.shape(table)?.0;
        let matrix = Arc::new(Mutex::new(self.engine().zeros(n, 1)?));
        let indices = Indices { matrix, below };
        let gather = Gather { indices: indices.clone(), n, scatter: Scatter::default() };
        Ok((self.apply(gather, &[table])?, indices))
    }
}

struct Gather {
    indices: Indices,
    n: usize,
    scatter: Scatter,
}

impl Operation for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        Ok((self.n, inputs[0].1))
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        let indices = self.indices.matrix.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.gather(inputs[0], &indices, output)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        let Self { indices, scatter, .. } = self;
        let indices = indices.matrix.lock().unwrap_or_else(PoisonError::into_inner);
        into.add(recorder, 0, inputs[0].shape(), |recorder, target| {
            scatter.record(recorder, &indices, result.gradient, target).map(|_| ())
        })
    }
}
