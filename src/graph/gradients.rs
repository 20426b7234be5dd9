//! Where an operation leaves the gradients of its inputs.

use crate::engine::{Matrix, Recorder};
use crate::error::Result;
use crate::ops::Op;

/// The gradients of the inputs of one operation, which those of other operations on the same inputs add up with.
pub struct Gradients<'a> {
    /// The nodes that the inputs are.
    pub(super) inputs: &'a [usize],
    pub(super) trained: &'a [bool],
    /// The gradients of all nodes before the operation's own.
    pub(super) gradients: &'a mut [Option<Matrix<f32>>],
    pub(super) reached: &'a mut [bool],
}

impl Gradients<'_> {
    /// Whether anybody wants the gradient of input `input`.
    pub fn wants(&self, input: usize) -> bool {
        self.trained[self.inputs[input]]
    }

    /// Adds to the gradient of input `input`, of shape `shape`, what `record` writes to all of the matrix it is given. Does
    /// nothing if nobody wants it.
    ///
    /// # Errors
    /// As `record`; [`Device`](crate::ErrorKind::Device).
    pub fn add<'r>(
        &mut self,
        recorder: &mut Recorder<'r>,
        input: usize,
        shape: (usize, usize),
        record: impl FnOnce(&mut Recorder<'r>, &mut Matrix<f32>) -> Result<()>,
    ) -> Result<()> {
        if !self.wants(input) {
            return Ok(());
        }
        let node = self.inputs[input];
        let engine = recorder.engine().clone();
        let slot = &mut self.gradients[node];
        if slot.is_none() {
            *slot = Some(engine.uninitialized(shape.0, shape.1)?);
        }
        let gradient = slot.as_mut().expect("it was just made");
        if self.reached[node] {
            let mut more = engine.uninitialized(shape.0, shape.1)?;
            record(recorder, &mut more)?;
            recorder.update(Op::Add, gradient, &more)
        } else {
            self.reached[node] = true;
            record(recorder, gradient)
        }
    }
}
