//! Sizes that are written into shaders and their twins alike.

/// Chains of multiply-adds per element of [`Recorder::multiply_add`](crate::Recorder::multiply_add).
pub const MULTIPLY_ADD_CHAINS: usize = 64;

/// Queries whose look-up tables lie side by side: `LANES` in the shaders. A look-up serves all of them.
pub(crate) const LANES: usize = 16;

/// The most codebooks of a local search: `MOST_CODEBOOKS` in the shader.
pub(crate) const MOST_CODEBOOKS: usize = 64;
