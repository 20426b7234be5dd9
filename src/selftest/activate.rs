//! Check of `activate` against float64.

use ndarray::array;

use super::Check;
use super::oracle::U;
use crate::error::Result;
use crate::ops::Activation;

pub(super) const ALL: [Activation; 4] =
    [Activation::Relu, Activation::Gelu, Activation::Tanh, Activation::Sigmoid];

/// z of gelu(x) = x · sigmoid(z).
pub(super) fn gelu_exponent(x: f64) -> f64 {
    2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)
}

pub(super) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// The value and the bound of its error. An exponent has at most 6 roundings, which move its exponential by 6 |z| units;
/// the exponential has 4, the quotient 5 and the sum under it 1.
fn exact(activation: Activation, x: f64) -> (f64, f64) {
    match activation {
        Activation::Relu => (x.max(0.0), 0.0),
        Activation::Gelu => {
            let z = gelu_exponent(x);
            let y = x * sigmoid(z);
            (y, U * (6.0 * z.abs() + 16.0) * y.abs() + 1e-30)
        }
        // The difference 1 − t has the error of t, which is at most 1.
        Activation::Tanh => (x.tanh(), 16.0 * U),
        Activation::Sigmoid => (sigmoid(x), U * (2.0 * x.abs() + 12.0) * sigmoid(x) + 1e-37),
    }
}

pub(super) fn check(check: &mut Check) -> Result<()> {
    let engine = check.engine();
    let far = array![[0.0_f32, -0.0, 1e-30, -1e-30, 20.0, -20.0, 86.0, -86.0, 1e4, -1e4, 3e38, -3e38]];
    for x in [check.normals(1, 1, 0.0), check.normals(257, 33, 0.0), check.normals(4099, 17, 0.0), far] {
        for activation in ALL {
            let mut y = engine.uninitialized(x.nrows(), x.ncols())?;
            let mut recorder = engine.recorder();
            recorder.activate(activation, &engine.upload(x.view())?, &mut y)?;
            recorder.submit()?;
            let want: Vec<(f64, f64)> = x.iter().map(|&x| exact(activation, f64::from(x))).collect();
            let values: Vec<f64> = want.iter().map(|&(value, _)| value).collect();
            let case = format!("{activation:?} of {:?}", x.dim());
            check.close(&case, y.download()?, &values, |at| want[at].1);
        }
    }
    Ok(())
}
