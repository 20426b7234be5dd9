//! Training codebooks, and the optimizers of training by gradient.

mod elbow;
mod empty;
pub mod estimators;
mod evolution;
pub(crate) mod family;
pub(crate) mod frame;
mod init;
mod kmeans;
pub(crate) mod least_squares;
mod memory;
mod mini_batch;
mod mixture;
mod optimizer;
mod replacement;
mod schedule;
pub(crate) mod settings;
mod training;

pub use elbow::{Elbow, ElbowPoint, elbow};
pub use evolution::Evolution;
pub use init::Init;
pub use kmeans::{Clustering, Ended, Iteration, KMeans};
pub use memory::Holds;
pub use mixture::{Covariance, GaussianMixture, Mixture, MixtureFit};
pub use optimizer::{Optimizer, OptimizerState, Rule};
pub use replacement::{CodewordUse, Replaced, Replacement};
pub use schedule::Schedule;

use std::ops::ControlFlow;

/// What a training run tells while it goes on; [`ControlFlow::Break`] stops it after the current iteration,
/// and the codebook so far is the result.
///
/// Any closure is an observer, and `()` is the one that watches nothing.
pub trait Observer {
    /// Called once per iteration, in order, though not necessarily at once: on a GPU several iterations run
    /// between two reports.
    fn iteration(&mut self, iteration: &Iteration) -> ControlFlow<()>;

    /// Asked between iterations, without waiting for the device: whether to stop.
    fn cancelled(&self) -> bool {
        false
    }
}

impl Observer for () {
    fn iteration(&mut self, _: &Iteration) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(&Iteration) -> ControlFlow<()>> Observer for F {
    fn iteration(&mut self, iteration: &Iteration) -> ControlFlow<()> {
        self(iteration)
    }
}
