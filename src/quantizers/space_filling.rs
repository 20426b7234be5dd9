//! Space-filling vector quantization: an ordered codebook whose codewords are the corners of a curve.

use std::fmt;

use ndarray::{Array2, ArrayViewD};

use super::codes::check_recorded;
use super::gradient::{self, ByGradient, GradientTraining, Trainer};
use super::kinds::{Kind, Place};
use super::model::Parts;
use super::spec::{Needs, Node, Piece, whole};
use super::training::Fit;
use super::vq::{Vq, check_codebook};
use super::{Coder, Layout, Quantizer, Spec, joint, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::kernels::curve_project::Polyline;
use crate::kernels::scalar_encode::Levels;
use crate::ops::Op;
use crate::settings::Settings;
use crate::train::{Holds, KMeans};
use crate::vectors::Vectors;

/// A codebook C (2^bits, d) that is the corners of a piecewise linear curve, in order (Publication IV of the thesis):
/// codewords that follow one another are near one another, so that a code means something by itself.
///
/// Without position bits a vector becomes the number of its nearest corner. With b of them it is projected on the whole
/// curve, exactly, and becomes two codes: the segment, below 2^bits − 1, and which of 2^b evenly spaced points of it, both
/// ends included, is the nearest.
///
/// [`GradientTraining`](crate::GradientTraining) makes one.
///
/// ```
/// use ndarray::array;
/// use wgvq::{Quantizer, SpaceFilling};
/// let engine = wgvq::Engine::cpu();
/// let corners = array![[0.0_f32, 0.0], [0.0, 3.0], [3.0, 3.0], [3.0, 0.0]];
/// let x = array![[0.2_f32, 1.1], [2.1, 3.5]];
/// let sfvq = SpaceFilling::new(corners.clone(), 0)?;
/// assert_eq!(sfvq.encode(&engine, &x)?.view(), array![[0], [2]]);
///
/// let finer = SpaceFilling::new(corners, 2)?;
/// assert_eq!(finer.spec().to_string(), "SFVQ2+2");
/// let codes = finer.encode(&engine, &x)?;
/// assert_eq!(codes.view(), array![[0, 1], [1, 2]]);
/// assert_eq!(finer.decode(&engine, &codes)?, array![[0.0, 1.0], [2.0, 3.0]]);
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SpaceFilling {
    corners: Array2<f32>,
    position_bits: u32,
}

pub(super) static KIND: Kind = Kind {
    name: "SFVQ",
    letters: &["SFVQ"],
    title: "space-filling: the corners of a curve in order; behind + the bits of the place between two corners",
    examples: &["SFVQ6", "SFVQ6+4"],
    place: Place::Alone,
    settings: &[],
    parse,
};

fn parse(piece: &Piece<'_>, _: Option<Spec>) -> Result<Spec> {
    let (bits, position) = piece.rest.split_once('+').map_or((piece.rest, None), |(a, b)| (a, Some(b)));
    let bits_of = |text| piece.bits(whole(text).ok_or_else(|| piece.incomplete())?);
    let (bits, position_bits) = (bits_of(bits)?, position.map(bits_of).transpose()?);
    Ok(Spec::new(SpaceFillingSpec { bits, position_bits: position_bits.unwrap_or(0) }))
}

#[derive(Clone)]
struct SpaceFillingSpec {
    /// Bits of the corners.
    bits: u32,
    /// Bits of the position on a segment; 0 if codes are corners.
    position_bits: u32,
}

impl fmt::Display for SpaceFillingSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position_bits {
            0 => write!(f, "SFVQ{}", self.bits),
            position_bits => write!(f, "SFVQ{}+{position_bits}", self.bits),
        }
    }
}

impl Node for SpaceFillingSpec {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    /// Training scales by itself.
    fn scales_itself(&self) -> bool {
        true
    }

    fn needs(&self, _: &Settings) -> Result<Needs> {
        Needs::of_bits(&[self.bits])
    }

    fn holds(&self, settings: &Settings, _: usize, d: usize) -> Result<Holds> {
        let own = KMeans::of(settings).k(1 << self.bits).holds(d);
        Ok(Holds { copies: 1.0 + own.copies, ..own })
    }

    fn fit(&self, x: &dyn Vectors, fit: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        GradientTraining::new(Spec::new(self.clone()), Trainer::NSVQ).seed(fit.seed).fit(fit.engine, x)
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(SpaceFilling::from_parts(parts, self.position_bits)?))
    }

    fn by_gradient(&self) -> Option<&dyn ByGradient> {
        Some(self)
    }
}

impl ByGradient for SpaceFillingSpec {
    fn layout(&self, d: usize) -> Result<gradient::Layout> {
        Ok(gradient::Layout::whole(joint::sizes(&[self.bits])?, d))
    }

    fn quantizer(&self, codebooks: Vec<Array2<f32>>, _beam: usize) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(SpaceFilling::new(gradient::only(codebooks)?, self.position_bits)?))
    }

    fn by_noise_alone(&self) -> Option<&'static str> {
        Some("")
    }

    fn curve_bits(&self) -> Option<u32> {
        Some(self.bits)
    }
}

impl SpaceFilling {
    /// A quantizer of these corners (2^bits, d), bits from 1 to 16, and of `position_bits` from 0 to 16.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there is another number of corners, no dimension, or a value is not finite.
    pub fn new(corners: Array2<f32>, position_bits: u32) -> Result<Self> {
        check_codebook(corners.view())?;
        let k = corners.nrows();
        if !k.is_power_of_two() || !(2..=1 << 16).contains(&k) {
            return Err(Error::input(format!(
                "a curve of {k} corners; SFVQ has a power of two of them, from 2 to 65536"
            )));
        }
        if position_bits > 16 {
            return Err(Error::input(format!("{position_bits} bits of position; must be 0 to 16")));
        }
        Ok(Self { corners, position_bits })
    }

    pub(super) fn from_parts(parts: &mut Parts<'_>, position_bits: u32) -> Result<Self> {
        Self::new(parts.tensor("codebook.0")?, position_bits)
    }

    /// The corners of the curve, (k, d), in order.
    pub fn corners(&self) -> &Array2<f32> {
        &self.corners
    }

    /// Bits of the position on a segment; 0 if codes are corners.
    pub fn position_bits(&self) -> u32 {
        self.position_bits
    }
}

impl sealed::Sealed for SpaceFilling {}

impl Quantizer for SpaceFilling {
    fn spec(&self) -> Spec {
        let (bits, position_bits) = (self.corners.nrows().ilog2(), self.position_bits);
        Spec::new(SpaceFillingSpec { bits, position_bits })
    }

    fn layout(&self) -> Layout<'_> {
        let layout = match self.position_bits {
            0 => Layout::of([&self.corners]),
            // A segment and a point on it do not add up.
            bits => {
                Layout::without_codebooks(self.corners.ncols(), vec![self.corners.nrows() - 1, 1 << bits])
            }
        };
        Layout { curve: Some(&self.corners), ..layout }
    }

    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        vec![("codebook.0".to_string(), self.corners.view().into_dyn())]
    }

    fn prepare_with(&self, engine: &Engine, _: &Settings) -> Result<Box<dyn Coder>> {
        if self.position_bits == 0 {
            return Vq::new(self.corners.clone())?.prepare(engine);
        }
        let k = self.corners.nrows();
        let mut directions = self.corners.clone();
        for corner in 0..k - 1 {
            let next = self.corners.row(corner + 1).to_owned();
            let mut direction = directions.row_mut(corner);
            direction.zip_mut_with(&next, |from, to| *from = to - *from);
        }
        let points = 1 << self.position_bits;
        let step = ndarray::array![[1.0 / (points - 1) as f32]];
        Ok(Box::new(CurveCoder {
            curve: Polyline::new(engine, self.corners.view())?,
            directions: engine.upload(directions.slice(ndarray::s![..k - 1, ..]))?,
            levels: Levels::uniform(engine, 1, points, ndarray::array![[0.0]].view(), step.view())?,
        }))
    }
}

struct CurveCoder {
    curve: Polyline,
    /// c_{s+1} − c_s, (k − 1, d).
    directions: Matrix<f32>,
    /// The points of a segment.
    levels: Levels,
}

impl Coder for CurveCoder {
    fn dim(&self) -> usize {
        self.directions.cols()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        vec![self.curve.segments(), self.levels.k()]
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let (engine, n) = (recorder.engine().clone(), x.rows());
        let (mut segments, mut levels) = (engine.uninitialized(n, 1)?, engine.uninitialized(n, 1)?);
        let mut positions = engine.uninitialized(n, 1)?;
        recorder.curve_project(x, &self.curve, &mut segments, &mut positions, distances)?;
        // Positions beyond the ends of a segment go to its first and last point.
        recorder.scalar_encode(&positions, &self.levels, &mut levels)?;
        recorder.copy_columns(&segments, 0..1, codes, 0)?;
        recorder.copy_columns(&levels, 0..1, codes, 1)?;
        let mut decoded = engine.uninitialized(n, self.dim())?;
        self.record_decode(recorder, codes, &mut decoded)?;
        recorder.row_distances(x, &decoded, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        check_recorded(self, codes, decoded)?;
        let (engine, n) = (recorder.engine().clone(), codes.rows());
        let (mut segments, mut levels) = (engine.uninitialized(n, 1)?, engine.uninitialized(n, 1)?);
        let mut positions = engine.uninitialized(n, 1)?;
        recorder.copy_columns(codes, 0..1, &mut segments, 0)?;
        recorder.copy_columns(codes, 1..2, &mut levels, 0)?;
        recorder.scalar_decode(&levels, &self.levels, &mut positions)?;
        recorder.gather(self.curve.corners(), &segments, decoded)?;
        let mut along = engine.uninitialized(n, self.dim())?;
        recorder.gather(&self.directions, &segments, &mut along)?;
        recorder.update(Op::Mul, &mut along, &positions)?;
        recorder.update(Op::Add, decoded, &along)
    }

    fn scratch_bytes(&self) -> usize {
        4 * (2 * self.dim() + 6)
    }
}
