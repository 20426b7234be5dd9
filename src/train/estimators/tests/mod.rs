//! Estimators against float64, on both backends.

mod curve;
mod gradients;
mod grids;
mod speed;

use ndarray::Array2;

use super::*;
use crate::ops::Distribution;

fn engines() -> impl Iterator<Item = Engine> {
    std::iter::once(Engine::cpu()).chain(crate::test_gpu())
}

fn normals(seed: u64, shape: (usize, usize)) -> Array2<f32> {
    let mut rng = Rng::new(seed, 0);
    Array2::from_shape_simple_fn(shape, || rng.normal())
}
