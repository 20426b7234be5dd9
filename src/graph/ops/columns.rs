//! Columns taken from a matrix, and put side by side.

use std::ops::Range;

use super::{Computed, Gradients, Operation};
use crate::engine::{Matrix, Recorder};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};

impl Graph {
    /// The columns `columns` of `a`. Shapes: (n, d) becomes (n, columns).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if there are none, or not so many.
    pub fn columns(&mut self, a: Var, columns: Range<usize>) -> Result<Var> {
        self.apply(Columns(columns), &[a])
    }

    /// Matrices of n rows side by side.
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if there is none, or they have different numbers of rows.
    pub fn concat(&mut self, parts: &[Var]) -> Result<Var> {
        self.apply(Concat, parts)
    }
}

struct Columns(Range<usize>);

impl Operation for Columns {
    fn name(&self) -> &'static str {
        "columns"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        let (n, d) = inputs[0];
        if self.0.is_empty() || self.0.end > d {
            return Err(Error::shape(format!("expected columns of {n} × {d}, got {:?}", self.0)));
        }
        Ok((n, self.0.len()))
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.copy_columns(inputs[0], self.0.clone(), output, 0)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        into.add(recorder, 0, inputs[0].shape(), |recorder, target| {
            recorder.fill(target, 0.0)?;
            recorder.copy_columns(result.gradient, 0..self.0.len(), target, self.0.start)
        })
    }
}

struct Concat;

impl Operation for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        let Some(&(n, _)) = inputs.first() else {
            return Err(Error::shape("expected one matrix or more, got none"));
        };
        match inputs.iter().find(|(rows, _)| *rows != n) {
            None => Ok((n, inputs.iter().map(|(_, cols)| cols).sum())),
            Some((rows, cols)) => {
                Err(Error::shape(format!("expected {n} rows, as the first has, got {rows} × {cols}")))
            }
        }
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        let mut to = 0;
        for part in inputs {
            recorder.copy_columns(part, 0..part.cols(), output, to)?;
            to += part.cols();
        }
        Ok(())
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        let mut from = 0;
        for (input, part) in inputs.iter().enumerate() {
            let columns = from..from + part.cols();
            from = columns.end;
            into.add(recorder, input, part.shape(), |recorder, target| {
                recorder.copy_columns(result.gradient, columns, target, 0)
            })?;
        }
        Ok(())
    }
}
