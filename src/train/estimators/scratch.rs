//! Matrices that are kept from step to step.

use crate::engine::{Element, Engine, Matrix};
use crate::error::{Error, Result};

/// Room for a matrix, made anew only when another shape is asked for.
pub(crate) struct Scratch<T: Element>(Option<Matrix<T>>);

impl<T: Element> Default for Scratch<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Element> Scratch<T> {
    pub fn room(&mut self, engine: &Engine, shape: (usize, usize)) -> Result<&mut Matrix<T>> {
        self.0.take_if(|matrix| matrix.shape() != shape || !matrix.engine().is(engine));
        if self.0.is_none() {
            self.0 = Some(engine.uninitialized(shape.0, shape.1)?);
        }
        Ok(self.0.as_mut().expect("just made"))
    }
}

/// What a forward pass leaves for the backward pass.
#[derive(Default)]
pub(crate) struct Saved {
    /// The estimator it is for.
    by: &'static str,
    /// A number that goes with them.
    pub number: f32,
    matrices: Vec<Scratch<f32>>,
}

impl Saved {
    /// Room for what the estimator `by` saves.
    pub fn room<const M: usize>(
        &mut self,
        by: &'static str,
        engine: &Engine,
        shapes: [(usize, usize); M],
    ) -> Result<[&mut Matrix<f32>; M]> {
        self.by = by;
        self.matrices.resize_with(M, Scratch::default);
        let mut room = Vec::with_capacity(M);
        for (matrix, shape) in self.matrices.iter_mut().zip(shapes) {
            room.push(matrix.room(engine, shape)?);
        }
        Ok(room.try_into().unwrap_or_else(|_| unreachable!("as many as shapes")))
    }

    /// What the estimator `by` saved.
    pub fn get<const M: usize>(&self, by: &'static str) -> Result<[&Matrix<f32>; M]> {
        let matrices: Vec<_> = self.matrices.iter().filter_map(|matrix| matrix.0.as_ref()).collect();
        match matrices.try_into() {
            Ok(matrices) if self.by == by => Ok(matrices),
            _ if self.by.is_empty() => Err(Error::shape(format!(
                "{by}: no forward pass is recorded in this Forward; record one first"
            ))),
            _ => {
                Err(Error::shape(format!("{by}: this Forward comes from {}; give the one of {by}", self.by)))
            }
        }
    }
}
