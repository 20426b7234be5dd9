//! What the codewords of a codebook are made of while it is trained.

use ndarray::{Array2, ArrayView2};

use super::Trainer;
use crate::error::Result;
use crate::graph::{Graph, LinearCodebook, Var};

/// The codewords of a codebook in a graph.
#[derive(Clone, Copy)]
pub(super) enum Codewords {
    /// A parameter.
    Free(Var),
    /// A product of fixed vectors and a matrix, which is the parameter.
    Linear(LinearCodebook),
}

impl Codewords {
    /// Adds those that `trainer` learns, at `start`, under that name.
    pub fn new(graph: &mut Graph, trainer: &Trainer, name: &str, start: ArrayView2<f32>) -> Result<Self> {
        if trainer.is_linear {
            LinearCodebook::new(graph, name, start).map(Self::Linear)
        } else {
            graph.parameter(name, start).map(Self::Free)
        }
    }

    /// What vectors are quantized to.
    pub fn var(&self) -> Var {
        match self {
            Self::Free(codewords) => *codewords,
            Self::Linear(codebook) => codebook.codewords,
        }
    }

    /// What they are made of, each under what a checkpoint puts behind the codebook's name.
    pub fn parts(&self) -> Vec<(&'static str, Var)> {
        match self {
            Self::Free(codewords) => vec![("", *codewords)],
            Self::Linear(codebook) => vec![("", codebook.basis), (".weights", codebook.weights)],
        }
    }

    /// The codewords after the last update: the graph makes a product anew at the next step only.
    pub fn download(&self, graph: &Graph) -> Result<Array2<f32>> {
        match self {
            Self::Free(codewords) => graph.value(*codewords)?.download(),
            Self::Linear(codebook) => {
                let (basis, weights) = (graph.value(codebook.basis)?, graph.value(codebook.weights)?);
                let engine = graph.engine();
                let mut codewords = engine.uninitialized(basis.rows(), basis.cols())?;
                let mut recorder = engine.recorder();
                recorder.matmul_transposed(basis, weights, &mut codewords)?;
                recorder.submit()?;
                codewords.download()
            }
        }
    }
}
