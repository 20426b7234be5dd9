//! CPU twin of `shaders/activate.wgsl`.

use pulp::Arch;
use rayon::prelude::*;

use super::math;
use super::widest::widest;
use crate::ops::Activation;

/// Elements per task; a chunk stays in the first-level cache.
pub(super) const CHUNK: usize = 4096;

pub(super) const GELU_SLOPE: f32 = 1.595_769_2;
pub(super) const GELU_CUBE: f32 = 0.044_715;

/// y = f(x)
pub(crate) fn activate(activation: Activation, x: &[f32], y: &mut [f32]) {
    match activation {
        Activation::Relu => map(x, y, |x| x.max(0.0)),
        Activation::Gelu => map(x, y, |x| x * sigmoid(gelu_exponent(x))),
        Activation::Tanh => map(x, y, |x| {
            let t = math::exp(-2.0 * x.abs());
            ((1.0 - t) / (1.0 + t)).copysign(x)
        }),
        Activation::Sigmoid => map(x, y, sigmoid),
    }
}

fn map(x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32 + Sync) {
    let arch = Arch::new();
    y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
        widest(
            arch,
            #[inline(always)]
            || {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = f(x);
                }
            },
        );
    });
}

#[inline(always)]
pub(super) fn gelu_exponent(x: f32) -> f32 {
    let near = x.clamp(-100.0, 100.0);
    GELU_SLOPE * (near + GELU_CUBE * near * near * near)
}

#[inline(always)]
pub(super) fn sigmoid(z: f32) -> f32 {
    let t = math::exp(-z.abs());
    (if z >= 0.0 { 1.0 } else { t }) / (1.0 + t)
}
