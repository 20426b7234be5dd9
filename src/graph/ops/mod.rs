//! The operations of a graph: each a method of [`Graph`](super::Graph), with its derivative beside it.

mod activation;
mod arithmetic;
mod columns;
pub(super) mod gather;
mod images;
mod loss;
mod matmul;
mod quantize;
mod softmax;
mod sums;

use super::{Computed, Gradients, Operation};
use crate::error::{Error, Result};

/// The one shape that all inputs have to be of.
fn same_shape(inputs: &[(usize, usize)]) -> Result<(usize, usize)> {
    let first = inputs[0];
    match inputs.iter().find(|&&shape| shape != first) {
        None => Ok(first),
        Some((rows, cols)) => Err(Error::shape(format!(
            "expected {} × {}, as the first is, got {rows} × {cols}",
            first.0, first.1
        ))),
    }
}
