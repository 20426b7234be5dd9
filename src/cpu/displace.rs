//! CPU twin of `shaders/displace.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::lengths::{dot, inverse_length_of, length_of, task_elements};

/// Gives the rows of `directions` (n, d) unit length, and writes x + ‖residual‖ · direction to `displaced` (n, d).
pub(crate) fn displace(
    x: &[f32],
    residuals: &[f32],
    d: usize,
    directions: &mut [f32],
    displaced: &mut [f32],
) {
    let arch = Arch::new();
    let part = task_elements(d);
    let outputs = directions.par_chunks_mut(part).zip(displaced.par_chunks_mut(part));
    let inputs = x.par_chunks(part).zip(residuals.par_chunks(part));
    inputs.zip(outputs).for_each(|((x, residuals), (directions, displaced))| {
        arch.dispatch(Block { x, residuals, d, directions, displaced });
    });
}

struct Block<'a> {
    x: &'a [f32],
    residuals: &'a [f32],
    d: usize,
    directions: &'a mut [f32],
    displaced: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let inputs = self.x.chunks_exact(self.d).zip(self.residuals.chunks_exact(self.d));
        let outputs = self.directions.chunks_exact_mut(self.d).zip(self.displaced.chunks_exact_mut(self.d));
        for ((x, residual), (direction, displaced)) in inputs.zip(outputs) {
            let error = length_of(dot(simd, residual, residual));
            let inverse = inverse_length_of(dot(simd, direction, direction));
            for ((x, direction), displaced) in x.iter().zip(direction).zip(displaced) {
                *direction *= inverse;
                *displaced = x + error * *direction;
            }
        }
    }
}
