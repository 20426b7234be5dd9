//! What kernels are asked to do: the words that their host side, their shader and their CPU twin have in common.

mod activation;
mod arithmetic;
mod bisection;
mod distribution;
pub(crate) mod gain_shape;
mod lookup;
pub(crate) mod mixing;
mod patches;
mod segments;
mod sizes;
mod update;

pub use activation::Activation;
pub use arithmetic::{Op, Unary};
pub(crate) use bisection::Bisection;
pub use distribution::Distribution;
pub(crate) use lookup::Term;
pub use patches::Patches;
pub(crate) use segments::Form;
pub use sizes::MULTIPLY_ADD_CHAINS;
pub(crate) use sizes::{LANES, MOST_CODEBOOKS};
pub(crate) use update::{Motion, Update};
