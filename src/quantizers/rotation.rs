//! A rotation in front of another quantizer.

mod learned;
mod random;

pub(super) use learned::{ITERATIONS, OPQ, fit, principal};
pub(super) use random::RR;

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewD, Axis};
use serde_json::{Map, Value};

use super::codes::check_recorded;
use super::model::{Parts, SCALE};
use super::spec::Spec;
use super::training::Fit;
use super::{Coder, Layout, Quantizer, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::ops::Op;
use crate::settings::{Setting, Settings};
use crate::train::frame::Frame;
use crate::train::settings::SPHERICAL;
use crate::vectors::Vectors;

/// A quantizer of R·x, for an orthogonal R (d, d): one that is learned, so that it deals the variance out to the parts of a
/// product quantizer (OPQ), or another. Made by [`Training`](crate::Training), or by
/// [`ProductBuilder::rotated`](super::ProductBuilder::rotated), which has an example.
///
/// Of vectors far from the origin it quantizes R·(x − o), for a point o among them: a rotation about the origin would cost
/// the digits by which they differ.
pub struct Rotated {
    rotation: Array2<f32>,
    offset: Option<Array2<f32>>,
    inner: Box<dyn Quantizer>,
    /// The piece of the spec before the comma.
    piece: String,
}

/// The tensors of R, (d, d), and o, (1, d), in a model file.
const ROTATION: &str = "rotation";
const OFFSET: &str = "offset";

/// How far R·Rᵀ may be from the identity, per element: far above what rounding a rotation does, far below what a matrix
/// that is none does.
const ORTHOGONAL: f32 = 1e-3;

impl Rotated {
    /// Puts the `rotation` (d, d) in front of `inner`, as one that was learned for its parts.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the matrix is not orthogonal or of another dimension, or if `inner` is a
    /// rotation or a curve.
    pub fn new(rotation: Array2<f32>, inner: Box<dyn Quantizer>) -> Result<Self> {
        let mut columns = inner.columns();
        columns.dedup();
        let piece = format!("OPQ{}", columns.len().max(1));
        Self::as_piece(rotation, None, inner, piece)
    }

    /// The same as the `piece` of a spec says, for vectors about `offset`.
    fn as_piece(
        rotation: Array2<f32>,
        offset: Option<Array2<f32>>,
        inner: Box<dyn Quantizer>,
        piece: String,
    ) -> Result<Self> {
        let d = inner.dim();
        if rotation.dim() != (d, d) {
            return Err(Error::input(format!("a rotation {:?} of {d} dimensions", rotation.dim())));
        }
        format!("{piece},{}", inner.spec()).parse::<Spec>()?;
        if inner.settings().contains_key(SCALE) {
            return Err(Error::input(format!(
                "{} has a scale of its own, which it cannot have behind a rotation",
                inner.spec()
            )));
        }
        let off = rotation.dot(&rotation.t()) - Array2::<f32>::eye(d);
        if let Some(((row, column), value)) =
            off.indexed_iter().find(|(_, v)| v.is_nan() || v.abs() >= ORTHOGONAL)
        {
            return Err(Error::input(format!(
                "the rotation is not orthogonal: rows {row} and {column} are off by {value}"
            )));
        }
        let rotated = Self { rotation, offset: None, inner, piece };
        match offset {
            Some(offset) => rotated.about(offset),
            None => Ok(rotated),
        }
    }

    /// The same for vectors about `offset` (1, d).
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it is of another dimension or not finite.
    pub fn about(mut self, offset: Array2<f32>) -> Result<Self> {
        if offset.dim() != (1, self.dim()) || offset.iter().any(|value| !value.is_finite()) {
            return Err(Error::input(format!(
                "the offset has shape {:?}; it has to be (1, {}), of finite values",
                offset.dim(),
                self.dim()
            )));
        }
        self.offset = Some(offset);
        Ok(self)
    }

    /// Trains `inner` on the rows of `x` about `offset`, turned.
    fn fit(
        rotation: Array2<f32>,
        offset: Option<Array2<f32>>,
        piece: String,
        inner: &Spec,
        x: &dyn Vectors,
        fit: &mut Fit<'_>,
    ) -> Result<Self> {
        let turned = Turned::new(fit.engine, &rotation, offset.as_ref(), x)?;
        let trained = inner.node().fit(&turned, &mut fit.behind_a_rotation())?;
        Self::as_piece(rotation, offset, trained, piece)
    }

    fn load(parts: &mut Parts<'_>, piece: String, inner: &Spec) -> Result<Self> {
        let (rotation, offset) = (parts.tensor(ROTATION)?, parts.optional_tensor(OFFSET)?);
        parts.unwrap_names();
        Self::as_piece(rotation, offset, inner.node().load(parts)?, piece)
    }
}

impl sealed::Sealed for Rotated {}

impl Quantizer for Rotated {
    fn spec(&self) -> Spec {
        format!("{},{}", self.piece, self.inner.spec()).parse().expect("as when it was made")
    }

    fn layout(&self) -> Layout<'_> {
        Layout { rotation: Some(&self.rotation), offset: self.offset.as_ref(), ..self.inner.layout() }
    }

    /// Those of what is behind it, of which one that is called as its own has another name, and its own.
    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        let mut tensors = self.inner.tensors();
        for (name, _) in &mut tensors {
            if *name == ROTATION || *name == OFFSET {
                *name = format!("{}{name}", Parts::INNER);
            }
        }
        tensors.push((ROTATION.to_string(), self.rotation.view().into_dyn()));
        tensors.extend(self.offset.iter().map(|offset| (OFFSET.to_string(), offset.view().into_dyn())));
        tensors
    }

    fn settings(&self) -> Map<String, Value> {
        self.inner.settings()
    }

    fn prepare_with(&self, engine: &Engine, settings: &Settings) -> Result<Box<dyn Coder>> {
        Ok(Box::new(RotatedCoder {
            rotation: engine.upload(self.rotation.view())?,
            transposed: engine.upload(self.rotation.t())?,
            offset: self.offset.as_ref().map(|offset| engine.upload(offset.view())).transpose()?,
            inner: self.inner.prepare_with(engine, settings)?,
        }))
    }
}

struct RotatedCoder {
    rotation: Matrix<f32>,
    transposed: Matrix<f32>,
    offset: Option<Matrix<f32>>,
    inner: Box<dyn Coder>,
}

impl Coder for RotatedCoder {
    fn dim(&self) -> usize {
        self.rotation.rows()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.inner.codebook_sizes()
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
        record_turned(recorder, x, &self.rotation, self.offset.as_ref(), &mut turned)?;
        self.inner.record_encode(recorder, &turned, codes, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        let mut turned = recorder.engine().uninitialized(codes.rows(), self.dim())?;
        self.inner.record_decode(recorder, codes, &mut turned)?;
        recorder.matmul_transposed(&turned, &self.transposed, decoded)?;
        match &self.offset {
            None => Ok(()),
            Some(offset) => recorder.update(Op::Add, decoded, offset),
        }
    }

    fn is_ragged(&self) -> bool {
        self.inner.is_ragged()
    }

    fn scratch_bytes(&self) -> usize {
        8 * self.dim() + self.inner.scratch_bytes()
    }
}

/// Records `turned` (n, d), the rows of `x` (n, d) about `offset`, turned: (x − o)·Rᵀ.
fn record_turned(
    recorder: &mut Recorder<'_>,
    x: &Matrix<f32>,
    rotation: &Matrix<f32>,
    offset: Option<&Matrix<f32>>,
    turned: &mut Matrix<f32>,
) -> Result<()> {
    let Some(offset) = offset else { return recorder.matmul_transposed(x, rotation, turned) };
    let mut moved = recorder.engine().uninitialized(x.rows(), x.cols())?;
    recorder.elementwise(Op::Sub, x, offset, &mut moved)?;
    recorder.matmul_transposed(&moved, rotation, turned)
}

/// The settings of `inner` behind a rotation: all but that of directions from the origin, which is not what it turns about.
fn settings_behind(inner: &Spec) -> Vec<&'static Setting> {
    let settings = inner.settings().into_iter();
    settings.filter(|setting| setting.name != SPHERICAL.name).collect()
}

/// A point about which `x` (n, d) can be turned without a loss of digits, (1, d); none if that is the origin.
fn centre(x: ArrayView2<f32>) -> Option<Array2<f32>> {
    let centre = Frame::centred(x).0.centre().cloned()?;
    centre.iter().any(|&value| value != 0.0).then(|| centre.insert_axis(Axis(0)))
}

/// The rows of `x` (n, d) turned: x·Rᵀ.
pub(super) fn apply(engine: &Engine, rotation: &Array2<f32>, x: &Array2<f32>) -> Result<Array2<f32>> {
    Turned::new(engine, rotation, None, x)?.turn(x)
}

/// Values that are turned at a time while vectors are read.
const TURNED_AT_ONCE: usize = 1 << 18;

/// Vectors about a point, turned as they are read.
struct Turned<'a> {
    engine: &'a Engine,
    rotation: Matrix<f32>,
    offset: Option<Matrix<f32>>,
    x: &'a dyn Vectors,
}

impl<'a> Turned<'a> {
    fn new(
        engine: &'a Engine,
        rotation: &Array2<f32>,
        offset: Option<&Array2<f32>>,
        x: &'a dyn Vectors,
    ) -> Result<Self> {
        let offset = offset.map(|offset| engine.upload(offset.view())).transpose()?;
        Ok(Self { engine, rotation: engine.upload(rotation.view())?, offset, x })
    }

    /// Rows that are turned at a time while vectors are read, so that the copies on the way take little memory.
    fn rows_at_once(&self) -> usize {
        (TURNED_AT_ONCE / self.dim().max(1)).max(1)
    }

    fn turn(&self, x: &Array2<f32>) -> Result<Array2<f32>> {
        let x = self.engine.upload(x.view())?;
        let mut turned = self.engine.uninitialized(x.rows(), x.cols())?;
        let mut recorder = self.engine.recorder();
        record_turned(&mut recorder, &x, &self.rotation, self.offset.as_ref(), &mut turned)?;
        recorder.submit()?;
        turned.download()
    }
}

impl Vectors for Turned<'_> {
    fn len(&self) -> usize {
        self.x.len()
    }

    fn dim(&self) -> usize {
        self.x.dim()
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let d = self.dim().max(1);
        for (part, out) in out.chunks_mut(self.rows_at_once() * d).enumerate() {
            let first = rows.start + part * self.rows_at_once();
            let turned = self.turn(&self.x.read_rows(first..first + out.len() / d)?)?;
            out.iter_mut().zip(&turned).for_each(|(out, &value)| *out = value);
        }
        Ok(())
    }

    fn read_each(&self, rows: &[usize]) -> Result<Array2<f32>> {
        let mut all = Array2::zeros((rows.len(), self.dim()));
        let parts = all.axis_chunks_iter_mut(Axis(0), self.rows_at_once());
        for (rows, mut turned) in rows.chunks(self.rows_at_once()).zip(parts) {
            turned.assign(&self.turn(&self.x.read_each(rows)?)?);
        }
        Ok(all)
    }
}
