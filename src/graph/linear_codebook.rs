//! Codebooks that are linear functions of fixed vectors.

use ndarray::{Array2, ArrayView2};

use super::{Graph, Var};
use crate::error::Result;

/// A codebook that only a matrix is learnt of, so that every gradient moves all codewords and none is left behind (SimVQ: Zhu
/// et al., "Addressing representation collapse in vector quantized models with one linear layer", 2024).
///
/// The codewords are B·Wᵀ: rows of a basis B (k, d), which never changes, times weights W (d, d), which start as the identity.
/// They are quantized to by any estimator that follows a gradient, in the publication by [`Ste`](crate::train::estimators::Ste).
/// Codewords cannot be replaced one by one, and need not be.
///
/// ```
/// use ndarray::array;
/// use wgvq::graph::{Graph, LinearCodebook};
/// use wgvq::train::Optimizer;
/// use wgvq::train::estimators::Ste;
/// # fn main() -> wgvq::Result<()> {
/// let engine = wgvq::Engine::cpu();
/// let mut graph = Graph::new(&engine);
/// let x = graph.input(1, 1)?;
/// graph.set(x, array![[3.0_f32]].view())?;
/// let codebook = LinearCodebook::new(&mut graph, "codebook", array![[1.0_f32], [2.0], [-4.0]].view())?;
/// let quantized = graph.quantize(x, codebook.codewords, Ste::new(1.0, 0.0)?)?;
/// let loss = graph.mse(quantized, x)?;
/// let mut optimizer = Optimizer::sgd(0.1);
/// let mut recorder = engine.recorder();
/// graph.record_forward(&mut recorder)?;
/// graph.record_backward(&mut recorder, loss)?;
/// graph.record_update(&mut recorder, &mut optimizer)?;
/// graph.record_forward(&mut recorder)?;
/// recorder.submit()?;
/// // The error of the codeword 2 is 1: its gradient is −2, that of the weight −4, and all codewords grow.
/// let codewords = graph.value(codebook.codewords)?.download()?;
/// assert!((codewords - array![[1.4_f32], [2.8], [-5.6]]).iter().all(|off| off.abs() < 1e-6));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LinearCodebook {
    /// B, (k, d)
    pub basis: Var,
    /// W, (d, d)
    pub weights: Var,
    /// B·Wᵀ, (k, d): what vectors are quantized to.
    pub codewords: Var,
}

impl LinearCodebook {
    /// Adds the input `basis` (k, d), which is set, and the parameter `name.weights`. In the publication the basis is normal;
    /// vectors of the data, where there are some, are codewords that are in their places from the beginning.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the basis has no elements, one is not finite, or the name is taken;
    /// [`Device`](crate::ErrorKind::Device).
    pub fn new(graph: &mut Graph, name: &str, basis: ArrayView2<f32>) -> Result<Self> {
        let (k, d) = basis.dim();
        let vectors = graph.input(k, d)?;
        graph.set(vectors, basis)?;
        let weights = graph.parameter(&format!("{name}.weights"), Array2::eye(d).view())?;
        let codewords = graph.matmul_transposed(vectors, weights)?;
        Ok(Self { basis: vectors, weights, codewords })
    }
}
