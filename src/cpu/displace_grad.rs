//! CPU twin of `shaders/displace_grad.wgsl`.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::lengths::{dot, inverse_length_of, task_elements};

/// What `displace` worked with, rows of `d`: x − x̂, and unit vectors.
#[derive(Clone, Copy)]
pub(crate) struct Displaced<'a> {
    pub residuals: &'a [f32],
    pub directions: &'a [f32],
}

/// With v = (gradient · direction) residual / ‖residual‖ of a row, writes gradient + v to `dx` and −v to `dquantized`.
pub(crate) fn displace_grad(
    forward: Displaced,
    gradient: &[f32],
    d: usize,
    dx: &mut [f32],
    dquantized: &mut [f32],
) {
    let arch = Arch::new();
    let part = task_elements(d);
    let inputs = forward.residuals.par_chunks(part).zip(forward.directions.par_chunks(part));
    let outputs = dx.par_chunks_mut(part).zip(dquantized.par_chunks_mut(part));
    inputs.zip(gradient.par_chunks(part)).zip(outputs).for_each(
        |(((residuals, directions), gradient), (dx, dquantized))| {
            let forward = Displaced { residuals, directions };
            arch.dispatch(Block { forward, gradient, d, dx, dquantized });
        },
    );
}

struct Block<'a> {
    forward: Displaced<'a>,
    gradient: &'a [f32],
    d: usize,
    dx: &'a mut [f32],
    dquantized: &'a mut [f32],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Displaced { residuals, directions } = self.forward;
        let forward = residuals.chunks_exact(self.d).zip(directions.chunks_exact(self.d));
        let outputs = self.dx.chunks_exact_mut(self.d).zip(self.dquantized.chunks_exact_mut(self.d));
        for (((residual, direction), gradient), (dx, dquantized)) in
            forward.zip(self.gradient.chunks_exact(self.d)).zip(outputs)
        {
            let slope = dot(simd, gradient, direction) * inverse_length_of(dot(simd, residual, residual));
            for (((residual, gradient), dx), dquantized) in
                residual.iter().zip(gradient).zip(dx).zip(dquantized)
            {
                let v = slope * residual;
                *dx = gradient + v;
                *dquantized = -v;
            }
        }
    }
}
