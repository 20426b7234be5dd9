//! CPU twin of `shaders/rotation_grad.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::lengths::{dot, inverse_length_of, length_of, task_elements};

/// 2⁻²⁴: the square of the length of e + f from which on it has a direction.
const OPPOSITE: f32 = 1.0 / 16_777_216.0;

/// Carries the `gradient` by q back to x along the rotation that takes x to q, for rows of `d`.
pub(crate) fn rotation_grad(x: &[f32], quantized: &[f32], gradient: &[f32], d: usize, dx: &mut [f32]) {
    let arch = Arch::new();
    let part = task_elements(d);
    let inputs = x.par_chunks(part).zip(quantized.par_chunks(part)).zip(gradient.par_chunks(part));
    inputs.zip(dx.par_chunks_mut(part)).for_each_init(
        || vec![0.0; 2 * d],
        |scratch, (((x, quantized), gradient), dx)| {
            arch.dispatch(Block { x, quantized, gradient, d, dx, scratch });
        },
    );
}

struct Block<'a> {
    x: &'a [f32],
    quantized: &'a [f32],
    gradient: &'a [f32],
    d: usize,
    dx: &'a mut [f32],
    /// Room for e + f and f.
    scratch: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let d = self.d;
        let (sum, unit) = self.scratch.split_at_mut(d);
        let inputs = self.x.chunks_exact(d).zip(self.quantized.chunks_exact(d));
        let rows = inputs.zip(self.gradient.chunks_exact(d)).zip(self.dx.chunks_exact_mut(d));
        for (((x, quantized), gradient), dx) in rows {
            let square = dot(simd, quantized, quantized);
            let (x_to_unit, to_unit) = (inverse_length_of(dot(simd, x, x)), inverse_length_of(square));
            if x_to_unit == 0.0 {
                dx.copy_from_slice(gradient);
                continue;
            }
            for (((sum, unit), x), q) in sum.iter_mut().zip(&mut *unit).zip(x).zip(quantized) {
                *unit = q * to_unit;
                *sum = x * x_to_unit + *unit;
            }
            let length = dot(simd, sum, sum);
            let along_sum = if length < OPPOSITE { 0.0 } else { 2.0 * dot(simd, sum, gradient) / length };
            let along_e = 2.0 * dot(simd, unit, gradient) * x_to_unit;
            let scale = length_of(square) * x_to_unit;
            for (((sum, x), gradient), dx) in sum.iter().zip(x).zip(gradient).zip(dx) {
                *dx = scale * (gradient - along_sum * sum + along_e * x);
            }
        }
    }
}
