//! CPU twin of `shaders/activate_grad.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::activate::{CHUNK, GELU_CUBE, GELU_SLOPE, gelu_exponent, sigmoid};
use super::math;
use super::widest::widest;
use crate::ops::Activation;

/// dx = gradient · f′(x)
pub(crate) fn activate_grad(activation: Activation, x: &[f32], gradient: &[f32], dx: &mut [f32]) {
    match activation {
        Activation::Relu => slope(x, gradient, dx, |x| if x > 0.0 { 1.0 } else { 0.0 }),
        Activation::Gelu => slope(x, gradient, dx, |x| {
            let z = gelu_exponent(x);
            let (s, near) = (sigmoid(z), x.clamp(-100.0, 100.0));
            s + near * s * sigmoid(-z) * GELU_SLOPE * (1.0 + 3.0 * GELU_CUBE * near * near)
        }),
        Activation::Tanh => slope(x, gradient, dx, |x| 4.0 * bell(2.0 * x)),
        Activation::Sigmoid => slope(x, gradient, dx, bell),
    }
}

fn slope(x: &[f32], gradient: &[f32], dx: &mut [f32], f: impl Fn(f32) -> f32 + Sync) {
    let arch = Arch::new();
    let inputs = x.par_chunks(CHUNK).zip(gradient.par_chunks(CHUNK));
    dx.par_chunks_mut(CHUNK).zip(inputs).for_each(|(dx, (x, gradient))| {
        widest(
            arch,
            #[inline(always)]
            || {
                for ((dx, &x), &gradient) in dx.iter_mut().zip(x).zip(gradient) {
                    *dx = gradient * f(x);
                }
            },
        );
    });
}

#[inline(always)]
fn bell(z: f32) -> f32 {
    let t = math::exp(-z.abs());
    t / ((1.0 + t) * (1.0 + t))
}
