//! Layers: thin structs over a graph that remember their parameters.

use ndarray::Array2;

use super::{Graph, Var};
use crate::error::Result;
use crate::rng::Rng;

/// x·Wᵀ + b, with W (outputs, inputs) and b (1, outputs).
///
/// ```
/// use wgvq::Rng;
/// use wgvq::graph::{Graph, Linear};
/// # fn main() -> wgvq::Result<()> {
/// let mut graph = Graph::new(&wgvq::Engine::cpu());
/// let layer = Linear::new(&mut graph, "first", 3, 2, &mut Rng::new(7, 0))?;
/// let x = graph.input(10, 3)?;
/// let y = layer.apply(&mut graph, x)?;
/// assert_eq!(graph.shape(y)?, (10, 2));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    /// (outputs, inputs)
    pub weights: Var,
    /// (1, outputs)
    pub bias: Var,
}

impl Linear {
    /// Adds the parameters `name.weights`, uniform in ±√(6 / inputs) (He et al., ICCV 2015), and `name.bias`, 0.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if a size is 0 or the name is taken.
    pub fn new(graph: &mut Graph, name: &str, inputs: usize, outputs: usize, rng: &mut Rng) -> Result<Self> {
        let weights = he_uniform(outputs, inputs, inputs, rng);
        Ok(Self {
            weights: graph.parameter(&format!("{name}.weights"), weights.view())?,
            bias: graph.parameter(&format!("{name}.bias"), Array2::zeros((1, outputs)).view())?,
        })
    }

    /// The layer's result (n, outputs) for `x` (n, inputs).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if `x` has another number of columns.
    pub fn apply(&self, graph: &mut Graph, x: Var) -> Result<Var> {
        let product = graph.matmul_transposed(x, self.weights)?;
        graph.add(product, self.bias)
    }
}

/// Weights that keep the variance through layers of rectified units.
pub(super) fn he_uniform(rows: usize, cols: usize, fan_in: usize, rng: &mut Rng) -> Array2<f32> {
    let bound = (6.0 / fan_in.max(1) as f64).sqrt();
    Array2::from_shape_simple_fn((rows, cols), || ((2.0 * rng.uniform_f64() - 1.0) * bound) as f32)
}
