//! Check of `activate_grad` against float64.

use ndarray::array;

use super::Check;
use super::activate::{ALL, gelu_exponent, sigmoid};
use super::oracle::U;
use crate::error::Result;
use crate::ops::Activation;

/// The derivative and the bound of its error, which is counted as in the check of `activate`: twice for a product of two
/// sigmoids.
fn exact(activation: Activation, x: f64) -> (f64, f64) {
    match activation {
        Activation::Relu => (if x > 0.0 { 1.0 } else { 0.0 }, 0.0),
        Activation::Gelu => {
            let near = x.clamp(-100.0, 100.0);
            let (z, rise) = (gelu_exponent(near), 1.0 + 3.0 * 0.044715 * near * near);
            let bend = near * sigmoid(z) * sigmoid(-z) * 2.0 * (2.0 / std::f64::consts::PI).sqrt() * rise;
            let size = sigmoid(z) + bend.abs();
            (sigmoid(z) + bend, U * (12.0 * z.abs() + 48.0) * size + 1e-30)
        }
        Activation::Tanh => {
            let slope = 1.0 / x.cosh().powi(2);
            (slope, U * (4.0 * x.abs() + 24.0) * slope + 1e-36)
        }
        Activation::Sigmoid => {
            let slope = sigmoid(x) * sigmoid(-x);
            (slope, U * (2.0 * x.abs() + 24.0) * slope + 1e-36)
        }
    }
}

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    let far = array![[0.0_f32, -0.0, 1e-30, -1e-30, 20.0, -20.0, 86.0, -86.0, 1e4, -1e4, 3e38, -3e38]];
    for x in [check.normals(1, 1, 0.0), check.normals(257, 33, 0.0), check.normals(4099, 17, 0.0), far] {
        let gradient = check.normals(x.nrows(), x.ncols(), 0.0);
        for activation in ALL {
            let mut dx = engine.uninitialized(x.nrows(), x.ncols())?;
            let mut recorder = engine.recorder();
            let (on_x, on_gradient) = (engine.upload(x.view())?, engine.upload(gradient.view())?);
            recorder.activate_grad(activation, &on_x, &on_gradient, &mut dx)?;
            recorder.submit()?;
            let want: Vec<(f64, f64)> = x
                .iter()
                .zip(&gradient)
                .map(|(&x, &gradient)| {
                    let ((slope, bound), gradient) = (exact(activation, f64::from(x)), f64::from(gradient));
                    (gradient * slope, gradient.abs() * (bound + U * slope.abs()) + 1e-36)
                })
                .collect();
            let values: Vec<f64> = want.iter().map(|&(value, _)| value).collect();
            let case = format!("{activation:?} of {:?}", x.dim());
            check.close(&case, dx.download()?, &values, |at| want[at].1);
        }
    }
    Ok(())
}
