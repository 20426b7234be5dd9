//! Patches of images, and their sums: with a matrix product between them, convolutions.

use super::{Computed, Gradients, Operation};
use crate::engine::{Matrix, Recorder};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::ops::Patches;

impl Graph {
    /// The patches of images, each as a row: shapes as for [`Recorder::unfold`].
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the images are not of so many pixels, or have no patch.
    pub fn unfold(&mut self, image: Var, of: Patches) -> Result<Var> {
        self.apply(Unfold(of), &[image])
    }

    /// Patches added up where they lie in their images: shapes as for [`Recorder::fold`].
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if there are not so many patches, or their columns are not those of a kernel.
    pub fn fold(&mut self, patches: Var, of: Patches) -> Result<Var> {
        self.apply(Fold(of), &[patches])
    }
}

struct Unfold(Patches);

impl Operation for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        let ((rows, channels), of) = (inputs[0], &self.0);
        of.check()?;
        if rows != of.pixels() {
            return Err(Error::shape(format!("expected {} pixels, got {rows} × {channels}", of.pixels())));
        }
        Ok((of.count(), of.kernel * of.kernel * channels))
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.unfold(&self.0, inputs[0], output)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        into.add(recorder, 0, inputs[0].shape(), |recorder, target| {
            recorder.fold(&self.0, result.gradient, target)
        })
    }
}

struct Fold(Patches);

impl Operation for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn shape(&self, inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
        let ((rows, columns), of) = (inputs[0], &self.0);
        of.check()?;
        let places = of.kernel * of.kernel;
        if rows != of.count() || !columns.is_multiple_of(places) {
            return Err(Error::shape(format!(
                "expected {} patches of a multiple of {places} columns, got {rows} × {columns}",
                of.count()
            )));
        }
        Ok((of.pixels(), columns / places))
    }

    fn forward(
        &mut self,
        recorder: &mut Recorder<'_>,
        _: u64,
        inputs: &[&Matrix<f32>],
        output: &mut Matrix<f32>,
    ) -> Result<()> {
        recorder.fold(&self.0, inputs[0], output)
    }

    fn backward(
        &mut self,
        recorder: &mut Recorder<'_>,
        inputs: &[&Matrix<f32>],
        result: &Computed<'_>,
        into: &mut Gradients<'_>,
    ) -> Result<()> {
        into.add(recorder, 0, inputs[0].shape(), |recorder, target| {
            recorder.unfold(&self.0, result.gradient, target)
        })
    }
}
