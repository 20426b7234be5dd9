//! A rotation in front of a product quantizer (OPQ).

use std::ops::Range;

use faer::Mat;
use ndarray::Array2;

use super::codes::check_recorded;
use super::model::Parts;
use super::{Coder, Product, Quantizer, Spec, joint};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::ops::Op;
use crate::train::Observer;
use crate::train::principal::principal_axes;

/// Iterations of k-means between two fits of the rotation.
pub(super) const ITERATIONS: usize = 2;

/// A product quantizer of R·x, for an orthogonal R (d, d) that deals the variance out to the parts. Made by
/// [`ProductBuilder::fit_rotated`](super::ProductBuilder::fit_rotated), which has an example.
///
/// Of vectors far from the origin it quantizes R·(x − o), for a point o among them: a rotation about the origin would cost
/// the digits by which they differ.
pub struct Rotated {
    rotation: Array2<f32>,
    offset: Option<Array2<f32>>,
    product: Product,
}

/// The tensor of o in a model file, (1, d).
pub(super) const OFFSET: &str = "offset";

/// How far R·Rᵀ may be from the identity, per element: far above what rounding a rotation does, far below what a matrix
/// that is none does.
const ORTHOGONAL: f32 = 1e-3;

impl Rotated {
    /// Puts the `rotation` (d, d) in front of `product`.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the matrix is not orthogonal or of another dimension, or if parts have more
    /// than one stage.
    pub fn new(rotation: Array2<f32>, product: Product) -> Result<Self> {
        let d = product.dim();
        if rotation.dim() != (d, d) {
            return Err(Error::input(format!("a rotation {:?} of {d} dimensions", rotation.dim())));
        }
        if !matches!(product.spec(), Spec::Product { .. }) {
            return Err(Error::input(format!("a rotation in front of {}; PQ is known", product.spec())));
        }
        let off = rotation.dot(&rotation.t()) - Array2::<f32>::eye(d);
        if let Some(((row, column), value)) =
            off.indexed_iter().find(|(_, v)| v.is_nan() || v.abs() >= ORTHOGONAL)
        {
            return Err(Error::input(format!(
                "the rotation is not orthogonal: rows {row} and {column} are off by {value}"
            )));
        }
        Ok(Self { rotation, offset: None, product })
    }

    /// The same for vectors about `offset` (1, d), if there is one.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is of another dimension or not finite.
    pub fn about(mut self, offset: Option<Array2<f32>>) -> Result<Self> {
        if let Some(offset) = &offset
            && (offset.dim() != (1, self.dim()) || offset.iter().any(|value| !value.is_finite()))
        {
            return Err(Error::input(format!(
                "the offset has shape {:?}; it has to be (1, {}), of finite values",
                offset.dim(),
                self.dim()
            )));
        }
        self.offset = offset;
        Ok(self)
    }

    pub(super) fn from_parts(parts: &mut Parts<'_>, count: usize) -> Result<Self> {
        let (rotation, offset) = (parts.tensor("rotation")?, parts.optional_tensor(OFFSET)?);
        Self::new(rotation, Product::new(parts.codebooks(count)?)?)?.about(offset)
    }
}

impl Quantizer for Rotated {
    fn spec(&self) -> Spec {
        let Spec::Product { parts, bits } = self.product.spec() else { unreachable!("`new` takes no other") };
        Spec::OptimizedProduct { parts, bits }
    }

    fn dim(&self) -> usize {
        self.product.dim()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.product.codebook_sizes()
    }

    fn codebooks(&self) -> Vec<&Array2<f32>> {
        self.product.codebooks()
    }

    fn columns(&self) -> Vec<Range<usize>> {
        self.product.columns()
    }

    fn rotation(&self) -> Option<&Array2<f32>> {
        Some(&self.rotation)
    }

    fn offset(&self) -> Option<&Array2<f32>> {
        self.offset.as_ref()
    }

    fn prepare(&self, engine: &Engine) -> Result<Box<dyn Coder>> {
        Ok(Box::new(RotatedCoder {
            rotation: engine.upload(self.rotation.view())?,
            transposed: engine.upload(self.rotation.t())?,
            offset: self.offset.as_ref().map(|offset| engine.upload(offset.view())).transpose()?,
            product: self.product.prepare(engine)?,
        }))
    }
}

struct RotatedCoder {
    rotation: Matrix<f32>,
    transposed: Matrix<f32>,
    offset: Option<Matrix<f32>>,
    product: Box<dyn Coder>,
}

impl Coder for RotatedCoder {
    fn dim(&self) -> usize {
        self.rotation.rows()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.product.codebook_sizes()
    }

    /// A rotation changes no distance.
    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let mut turned = recorder.engine().uninitialized(x.rows(), x.cols())?;
        match &self.offset {
            None => recorder.matmul_transposed(x, &self.rotation, &mut turned)?,
            Some(offset) => {
                let mut moved = recorder.engine().uninitialized(x.rows(), x.cols())?;
                recorder.elementwise(Op::Sub, x, offset, &mut moved)?;
                recorder.matmul_transposed(&moved, &self.rotation, &mut turned)?;
            }
        }
        self.product.record_encode(recorder, &turned, codes, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        let mut turned = recorder.engine().uninitialized(codes.rows(), self.dim())?;
        self.product.record_decode(recorder, codes, &mut turned)?;
        recorder.matmul_transposed(&turned, &self.transposed, decoded)?;
        match &self.offset {
            None => Ok(()),
            Some(offset) => recorder.update(Op::Add, decoded, offset),
        }
    }

    fn scratch_bytes(&self) -> usize {
        8 * self.dim() + self.product.scratch_bytes()
    }
}

/// The rows of `x` (n, d) turned: x·Rᵀ.
pub(super) fn apply(engine: &Engine, rotation: &Array2<f32>, x: &Array2<f32>) -> Result<Array2<f32>> {
    let (x, rotation) = (engine.upload(x.view())?, engine.upload(rotation.view())?);
    let mut turned = engine.uninitialized(x.rows(), x.cols())?;
    let mut recorder = engine.recorder();
    recorder.matmul_transposed(&x, &rotation, &mut turned)?;
    recorder.submit()?;
    turned.download()
}

/// The principal axes of `x`, dealt out to the parts: the largest first, each to the part whose variances have the
/// least product so far and that has room (Ge et al., section 4.2: for normal data this is optimal).
pub(super) fn principal(x: &Array2<f32>, columns: &[Range<usize>]) -> Result<Array2<f32>> {
    let d = x.ncols();
    let principal = principal_axes(x.view())?;
    let mut rotation = Array2::zeros((d, d));
    let mut filled = vec![0; columns.len()];
    let mut logs = vec![0.0; columns.len()];
    // In units of the smallest, so that each makes its part's product larger; one of 0 goes anywhere.
    let positive = principal.values.iter().copied().filter(|&value| value > 0.0);
    let least = positive.fold(f64::INFINITY, f64::min);
    for (axis, &value) in principal.axes.outer_iter().zip(&principal.values) {
        let room = (0..columns.len()).filter(|&part| filled[part] < columns[part].len());
        let part = room.min_by(|&a, &b| f64::total_cmp(&logs[a], &logs[b])).expect("as much room as axes");
        rotation.row_mut(columns[part].start + filled[part]).assign(&axis.mapv(|value| value as f32));
        filled[part] += 1;
        logs[part] += (value / least).max(1.0).ln();
    }
    Ok(rotation)
}

/// Fits rotation and codebooks in turn, `rounds` times. `codebooks` refits a product quantizer to vectors that are turned,
/// from the last one on.
pub(super) fn fit(
    engine: &Engine,
    x: &Array2<f32>,
    start: Array2<f32>,
    rounds: usize,
    observer: &mut dyn Observer,
    codebooks: impl Fn(&Array2<f32>, Option<Product>, &mut dyn Observer) -> Result<Product>,
) -> Result<(Array2<f32>, Product)> {
    let mut rotation = start;
    let mut product = codebooks(&apply(engine, &rotation, x)?, None, observer)?;
    for number in 0..rounds {
        let turned = apply(engine, &rotation, x)?;
        let encoded = joint::encode(&product, engine, &turned)?;
        joint::report_round(observer, number, encoded.mse)?;
        let decoded = &turned - &encoded.errors;
        rotation = procrustes(x, &decoded)?;
        product = codebooks(&apply(engine, &rotation, x)?, Some(product), observer)?;
    }
    Ok((rotation, product))
}

/// The orthogonal R that brings R·x nearest to y over all rows: V·Uᵀ of xᵀ·y = U·S·Vᵀ (Schönemann 1966).
fn procrustes(x: &Array2<f32>, y: &Array2<f32>) -> Result<Array2<f32>> {
    let d = x.ncols();
    let cross = x.t().dot(y);
    let cross = Mat::from_fn(d, d, |i, j| f64::from(cross[[i, j]]));
    let svd = cross.svd().map_err(|_| {
        Error::input("the vectors and what they decode to cannot be aligned; are all values moderate?")
    })?;
    let rotation = svd.V() * svd.U().transpose();
    Ok(Array2::from_shape_fn((d, d), |(i, j)| rotation[(i, j)] as f32))
}
