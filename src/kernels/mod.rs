//! The host side of the kernels: one file per stem, each a method of [`Recorder`](crate::Recorder) that
//! checks shapes and records the shader, or runs its CPU twin.

pub(crate) mod gather;

/// `shaders/shared/grid.wgsl`, for the kernels that use it.
pub(crate) const GRID: &str = include_str!("../../shaders/shared/grid.wgsl");

/// Invocations per workgroup of the kernels that give each invocation one element: `WORKGROUP` in
/// `shaders/shared/grid.wgsl`; the contract test compares the two.
pub(crate) const WORKGROUP: u64 = 256;
