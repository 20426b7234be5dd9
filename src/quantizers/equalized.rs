//! Occurrence equalisation: codewords that are all chosen about equally often (Publication VI of the thesis).

use std::fmt;

use ndarray::{Array2, ArrayViewD};
use serde_json::{Map, Value, json};

use super::codes::check_recorded;
use super::kinds::{Kind, Place};
use super::model::Parts;
use super::projection::{Projection, batch_bytes, batches};
use super::scaled::scaled;
use super::spec::{Needs, Node, Piece};
use super::training::{Fit, memory::beside};
use super::vq::{self, Vq, check_codebook};
use super::{Coder, Layout, Quantizer, Spec, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::kernels::curve_project::Polyline;
use crate::scale::Scale;
use crate::settings::{DefaultValue, Setting, Settings, Stage, Values};
use crate::train::Holds;
use crate::vectors::Vectors;

/// How a vector finds its codeword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The nearest resampled codeword: what the publication does, and the smaller error.
    Codeword,
    /// The run of the curve that its projection is in: the more equal use.
    Curve,
}

impl By {
    /// What the checked word of the setting says.
    fn named(word: &str) -> Self {
        if word == "curve" { By::Curve } else { By::Codeword }
    }

    fn name(self) -> &'static str {
        match self {
            By::Codeword => "codeword",
            By::Curve => "curve",
        }
    }
}

pub(super) static KIND: Kind = Kind {
    name: "EVQ",
    letters: &["EVQ"],
    title: "codewords that occur about equally often, resampled along the curve of an SFVQ",
    examples: &["EVQ64"],
    place: Place::Alone,
    settings: &[&BY],
    parse,
};

static BY: Setting = Setting::new(
    "by",
    Values::Choice(&["codeword", "curve"]),
    "How a vector finds its codeword: the nearest codeword, or the part of the curve it projects to",
)
.by_default(DefaultValue::Word("codeword"))
.until(Stage::Encode);

fn parse(piece: &Piece<'_>, _: Option<Spec>) -> Result<Spec> {
    let k = piece.within("codewords", piece.number()?, 2..=vq::LARGEST)?;
    Ok(Spec::new(EqualizedSpec { k }))
}

struct EqualizedSpec {
    k: usize,
}

impl EqualizedSpec {
    fn made_by_equalizing(&self) -> Error {
        Error::input(format!("{self} is made from an SFVQ and vectors (wgvq equalize), not trained"))
    }
}

impl fmt::Display for EqualizedSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EVQ{}", self.k)
    }
}

impl Node for EqualizedSpec {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn needs(&self, _: &Settings) -> Result<Needs> {
        Err(self.made_by_equalizing())
    }

    fn holds(&self, _: &Settings, n: usize, d: usize) -> Result<Holds> {
        Ok(beside(1.1, batch_bytes(n, d) as f64, 0))
    }

    fn fit(&self, _: &dyn Vectors, _: &mut Fit<'_>) -> Result<Box<dyn Quantizer>> {
        Err(self.made_by_equalizing())
    }

    fn load(&self, parts: &mut Parts<'_>) -> Result<Box<dyn Quantizer>> {
        Ok(Box::new(Equalized::from_parts(parts)?))
    }
}

/// A codebook resampled along a curve so that each codeword stands for as many vectors as every other: how often a code
/// occurs then tells nothing of who or what it is of.
///
/// The vectors are put in the order of their [positions](crate::Recorder::curve_project) on the curve and cut into runs of
/// equal count; the means of the runs are the codewords. Vectors that project to the same corner are told apart by how far
/// they have turned around it, so that runs end where they should even there.
///
/// ```
/// use wgvq::{Equalized, Quantizer, Rng};
/// let engine = wgvq::Engine::cpu();
/// let mut rng = Rng::new(7, 0);
/// // Most vectors are near the start of the curve.
/// let mut vectors = || ndarray::Array2::from_shape_simple_fn((4000, 1), || rng.normal().powi(2));
/// let curve = ndarray::array![[0.0_f32], [1.0], [2.0], [4.0]];
/// let equalized = Equalized::of(&engine, &curve, &vectors(), 8)?.by_curve();
/// let codes = equalized.encode(&engine, &vectors())?;
/// let mut counts = [0; 8];
/// codes.view().iter().for_each(|&code| counts[code as usize] += 1);
/// assert!(counts.iter().all(|&count| (400..600).contains(&count)));
/// # Ok::<(), wgvq::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Equalized {
    /// The means of the runs, (k, d).
    codebook: Array2<f32>,
    /// The corners of the curve.
    curve: Array2<f32>,
    /// Where each run but the first begins, (k − 1, 2): segment and position.
    borders: Array2<f32>,
    by: By,
}

impl Equalized {
    /// Cuts the curve through `corners` (any number, d) into `k` runs that hold equally many of the vectors `x` (n, d),
    /// k from 2 to n. Two passes over `x`, in batches.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if there are fewer vectors than runs, or they are of other dimensions;
    /// [`Device`](crate::ErrorKind::Device).
    pub fn of(engine: &Engine, corners: &Array2<f32>, x: &dyn Vectors, k: usize) -> Result<Self> {
        let n = x.len();
        if k < 2 || k > n {
            return Err(Error::input(format!(
                "{k} runs of {n} vectors; there can be from 2 to as many as there are vectors"
            )));
        }
        let Projection { places, .. } = Projection::of(engine, corners, x)?;
        let mut order: Vec<usize> = (0..n).collect();
        // Stable: equal places are in the order of the vectors.
        order.sort_by(|&a, &b| places[a].partial_cmp(&places[b]).expect("positions are finite"));
        // Run j has the vectors from j n / k on.
        let first = |run: usize| (run as u128 * n as u128 / k as u128) as usize;
        let mut runs = vec![0_u32; n];
        let mut borders = Array2::zeros((k - 1, 2));
        for run in 0..k {
            order[first(run)..first(run + 1)].iter().for_each(|&row| runs[row] = run as u32);
            if run > 0 {
                let (segment, position) = places[order[first(run)]];
                borders.row_mut(run - 1).assign(&ndarray::array![segment as f32, position]);
            }
        }
        let mut sums = Array2::<f64>::zeros((k, x.dim()));
        for rows in batches(n, x.dim()) {
            for (row, &run) in x.read_rows(rows.clone())?.rows().into_iter().zip(&runs[rows]) {
                sums.row_mut(run as usize).zip_mut_with(&row, |sum, &value| *sum += f64::from(value));
            }
        }
        let codebook = Array2::from_shape_fn(sums.dim(), |(run, column)| {
            (sums[[run, column]] / (first(run + 1) - first(run)) as f64) as f32
        });
        Ok(Self { codebook, curve: corners.clone(), borders, by: By::Codeword })
    }

    pub(super) fn from_parts(parts: &mut Parts<'_>) -> Result<Self> {
        let by = By::named(&parts.word(&BY)?);
        let codebook = parts.tensor("codebook.0")?;
        let (curve, borders) = (parts.tensor("curve")?, parts.tensor("borders")?);
        check_codebook(codebook.view())?;
        check_codebook(curve.view())?;
        if borders.dim() != (codebook.nrows() - 1, 2)
            || curve.ncols() != codebook.ncols()
            || curve.nrows() < 2
        {
            return Err(Error::input(format!(
                "{} × {} codewords, a curve of {} × {} and {} × {} borders do not go together",
                codebook.nrows(),
                codebook.ncols(),
                curve.nrows(),
                curve.ncols(),
                borders.nrows(),
                borders.ncols()
            )));
        }
        Ok(Self { codebook, curve, borders, by })
    }

    /// The same, with vectors that find their codeword by where they project to on the curve: with the more equal use, and the
    /// larger error. Without it they take the nearest codeword.
    pub fn by_curve(mut self) -> Self {
        self.by = By::Curve;
        self
    }

    /// The same for vectors that are scaled while they are encoded: by the [scale](Quantizer::scale) of the quantizer whose
    /// curve it has.
    pub fn at_scale(mut self, scale: Scale) -> Box<dyn Quantizer> {
        scale.apply(&mut self.codebook);
        scale.apply(&mut self.curve);
        scaled(Box::new(self), scale)
    }

    /// The codewords, (k, d), in the order of the curve.
    pub fn codebook(&self) -> &Array2<f32> {
        &self.codebook
    }
}

impl sealed::Sealed for Equalized {}

impl Quantizer for Equalized {
    fn spec(&self) -> Spec {
        Spec::new(EqualizedSpec { k: self.codebook.nrows() })
    }

    fn layout(&self) -> Layout<'_> {
        Layout { curve: Some(&self.curve), ..Layout::of([&self.codebook]) }
    }

    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        [("codebook.0", &self.codebook), ("curve", &self.curve), ("borders", &self.borders)]
            .map(|(name, tensor)| (name.to_string(), tensor.view().into_dyn()))
            .into()
    }

    fn settings(&self) -> Map<String, Value> {
        Map::from_iter([(BY.name.to_string(), json!(self.by.name()))])
    }

    fn prepare_with(&self, engine: &Engine, settings: &Settings) -> Result<Box<dyn Coder>> {
        let by = settings.given_word(&BY).map_or(self.by, By::named);
        match by {
            By::Codeword => Vq::new(self.codebook.clone())?.prepare(engine),
            By::Curve => Ok(Box::new(RunCoder {
                codebook: engine.upload(self.codebook.view())?,
                curve: Polyline::new(engine, self.curve.view())?,
                borders: engine.upload(self.borders.view())?,
            })),
        }
    }
}

struct RunCoder {
    codebook: Matrix<f32>,
    curve: Polyline,
    borders: Matrix<f32>,
}

impl Coder for RunCoder {
    fn dim(&self) -> usize {
        self.codebook.cols()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        vec![self.codebook.rows()]
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let (engine, n) = (recorder.engine().clone(), x.rows());
        let (mut segments, mut positions) = (engine.uninitialized(n, 1)?, engine.uninitialized(n, 1)?);
        recorder.curve_project(x, &self.curve, &mut segments, &mut positions, distances)?;
        recorder.curve_runs(&segments, &positions, &self.borders, codes)?;
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
        recorder.gather(&self.codebook, codes, decoded)
    }

    fn scratch_bytes(&self) -> usize {
        4 * (self.dim() + 2)
    }
}
