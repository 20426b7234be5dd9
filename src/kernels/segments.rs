//! The partial sums of kernels that go over the rows of each code.

use crate::engine::{Engine, Matrix};
use crate::error::Result;

/// `shaders/shared/segments.wgsl`.
pub(crate) const SOURCE: &str = include_str!("../../shaders/shared/segments.wgsl");

/// Rows of a code that are summed up by themselves: `CHUNK` in the shader.
const CHUNK: usize = 256;

/// Bytes of partial sums at most; columns beyond that wait for the next round.
const SCRATCH: u64 = 256 << 20;

/// Room for the sums of all chunks of `n` rows of `k` codes, (slots, width): of as many of their `d` columns as bindings of
/// `max_binding` bytes hold, at least one.
pub(crate) fn partial_sums(
    engine: &Engine,
    max_binding: u64,
    n: usize,
    k: usize,
    d: usize,
) -> Result<Matrix<f32>> {
    let slots = n / CHUNK + k;
    let room = max_binding.min(SCRATCH) / 4 / slots.next_multiple_of(256) as u64;
    engine.uninitialized(slots, (room as usize).clamp(1, d))
}
