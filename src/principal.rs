//! The principal axes of vectors.

use faer::{Mat, Side};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::error::{Error, Result};
use crate::scale::Scale;

/// Eigenvectors of the scatter matrix of vectors, as rows, those of the largest eigenvalues first.
pub(crate) struct PrincipalAxes {
    /// (d, d)
    pub axes: Array2<f64>,
    /// The sum of squares along each axis, about the mean.
    pub values: Array1<f64>,
}

/// The principal axes of `x` (n, d).
///
/// # Errors
/// [`Input`](crate::ErrorKind::Input) if there are no vectors, or values too large to decompose.
pub(crate) fn principal_axes(x: ArrayView2<f32>) -> Result<PrincipalAxes> {
    let d = x.ncols();
    let mean = x.mapv(f64::from).mean_axis(Axis(0)).ok_or_else(|| Error::input("no vectors"))?;
    let scale = Scale::of(x);
    let factor = f64::from(scale.factor());
    let centred = (x.mapv(f64::from) - mean).mapv(|value| (value * factor) as f32);
    let scatter = centred.t().dot(&centred);
    let failed =
        || Error::input("the covariance of the vectors cannot be decomposed; are all values moderate?");
    if scatter.iter().any(|value| !value.is_finite()) {
        return Err(failed());
    }
    let scatter = Mat::from_fn(d, d, |i, j| f64::from(scatter[[i, j]]));
    let eigen = scatter.self_adjoint_eigen(Side::Lower).map_err(|_| failed())?;
    let (vectors, values) = (eigen.U(), eigen.S());
    // Eigenvalues come in ascending order.
    Ok(PrincipalAxes {
        axes: Array2::from_shape_fn((d, d), |(axis, j)| vectors[(j, d - 1 - axis)]),
        values: Array1::from_shape_fn(d, |axis| values[d - 1 - axis] * scale.unit()),
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_longest_axis_comes_first() {
        let x = array![[2.0_f32, 2.0], [-2.0, -2.0], [0.5, -0.5], [-0.5, 0.5]];
        let found = principal_axes(x.view()).unwrap();
        assert!((found.values[0] - 16.0).abs() < 1e-5 && (found.values[1] - 1.0).abs() < 1e-5);
        assert!((found.axes[[0, 0]] - found.axes[[0, 1]]).abs() < 1e-6);
    }

    #[test]
    fn what_has_no_axes_is_refused() {
        assert!(principal_axes(Array2::zeros((0, 2)).view()).is_err());
    }
}
