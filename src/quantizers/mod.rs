//! Quantizers: what turns vectors into codes and back.
//!
//! A [`Quantizer`] is a description on the host: it can be saved, loaded and asked for its size. For work it
//! is [prepared](Quantizer::prepare) on an engine, which gives a [`Coder`] whose two verbs record kernels; an [`Encoder`]
//! does all of that for vectors from anywhere.

mod additive;
mod codes;
mod encoder;
mod equalized;
mod evaluation;
mod even_levels;
mod extent;
mod finite;
mod fit_sums;
mod gradient;
#[cfg(test)]
mod hostile;
mod joint;
mod kinds;
mod lattice;
mod layout;
mod lloyd_max;
mod model;
mod normal_magnitudes;
mod parcel;
mod product;
mod projection;
mod refit;
mod residual;
mod rotated_bits;
mod rotation;
mod scalar;
mod scaled;
mod space_filling;
mod spec;
mod stack;
mod stream;
mod training;
mod tree_residual;
mod vq;

pub use additive::{Additive, AdditiveBuilder};
pub use codes::Codes;
pub(crate) use codes::check_codes;
pub use encoder::Encoder;
pub use equalized::Equalized;
pub use evaluation::Evaluation;
pub use finite::{FiniteScalar, FiniteScalarBuilder};
pub use fit_sums::FitSums;
pub use gradient::{GradientRun, GradientTraining, TRAINERS, Trainer, TrainingWindow};
pub use kinds::{KINDS, Kind, Place};
pub use lattice::{LatticeVq, LatticeVqBuilder, TruncatedLattice, TruncatedLatticeBuilder};
pub use layout::Layout;
pub use model::{Model, load, load_as, load_with};
pub(crate) use model::{assemble, begin_model};
pub use product::{Product, ProductBuilder, RotatedBuilder};
pub use projection::Projection;
pub use refit::RefitSums;
pub use residual::{Residual, ResidualBuilder, StageBits};
pub use rotated_bits::{RotatedBits, RotatedBitsBuilder};
pub use rotation::Rotated;
pub use scalar::{Scalar, ScalarBuilder, ScalarLevels};
pub use scaled::scaled;
pub use space_filling::SpaceFilling;
pub use spec::Spec;
pub(crate) use stream::pipeline;
pub use stream::{Batching, EncodedBatch, decode_batches, encode_batches};
pub use training::{Trained, Training};
pub use tree_residual::{TreeResidual, TreeResidualBuilder};
pub use vq::{Vq, VqBuilder};

use std::ops::Range;
use std::path::Path;

use ndarray::{Array2, ArrayViewD};
use serde_json::{Map, Value};

use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::kernels::prepare_codebook::Codebook;
use crate::scale::Scale;
use crate::settings::{Settings, Spelling, Stage};
use crate::vectors::Vectors;

/// Only quantizers of this crate are [`Quantizer`]s: a model file has to know how to read each.
pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A trained quantizer: `m` codebooks that turn a vector of `d` dimensions into `m` codes.
///
/// It is sealed: the quantizers are those of [`KINDS`].
pub trait Quantizer: sealed::Sealed + Send + Sync {
    /// What it is, as `--spec` takes it.
    fn spec(&self) -> Spec;

    /// Its shapes and the arrays by which it decodes.
    fn layout(&self) -> Layout<'_>;

    /// Dimensions of a vector.
    fn dim(&self) -> usize {
        self.layout().dim
    }

    /// Codewords per codebook: one entry per code of a vector.
    fn codebook_sizes(&self) -> Vec<usize> {
        self.layout().codebook_sizes
    }

    /// The codebooks whose codewords add up, if it decodes so: [`Layout::codebooks`].
    fn codebooks(&self) -> Vec<&Array2<f32>> {
        self.layout().codebooks
    }

    /// The dimensions that each of the [codebooks](Self::codebooks) is of.
    fn columns(&self) -> Vec<Range<usize>> {
        self.layout().columns
    }

    /// What it turns vectors by: [`Layout::rotation`].
    fn rotation(&self) -> Option<&Array2<f32>> {
        self.layout().rotation
    }

    /// The point that the rotation turns about: [`Layout::offset`].
    fn offset(&self) -> Option<&Array2<f32>> {
        self.layout().offset
    }

    /// The corners (any number, d) of a quantizer that has a curve.
    fn curve(&self) -> Option<&Array2<f32>> {
        self.layout().curve
    }

    /// Whether codes stop early: [`Layout::is_ragged`].
    fn is_ragged(&self) -> bool {
        self.layout().is_ragged
    }

    /// What vectors are scaled with while they are encoded, so that their squares stay within f32; of parts that have
    /// scales of their own that of the largest vectors. Everything else that a quantizer says is in the vectors' own units.
    fn scale(&self) -> Scale {
        Scale::ONE
    }

    /// Everything a model file stores as arrays.
    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        let codebooks = self.codebooks().into_iter().enumerate();
        let codebooks = codebooks.map(|(j, codebook)| (format!("codebook.{j}"), codebook.view().into_dyn()));
        codebooks.collect()
    }

    /// What a model file has to say of the quantizer besides its spec, size and tensors, as an object of JSON.
    fn settings(&self) -> Map<String, Value> {
        Map::new()
    }

    /// Brings the quantizer to a device.
    ///
    /// # Errors
    /// [`Device`](crate::ErrorKind::Device) if there is no room.
    fn prepare(&self, engine: &Engine) -> Result<Box<dyn Coder>> {
        self.prepare_with(engine, &Settings::default())
    }

    /// The same with other settings than its own.
    ///
    /// ```
    /// use wgvq::serde_json::json;
    /// use wgvq::settings::{Spelling, Stage};
    /// use wgvq::{Quantizer, Residual};
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let rq = Residual::new(vec![ndarray::array![[0.0_f32], [2.0]], ndarray::array![[0.0_f32], [1.0]]], 1)?;
    /// let given = json!({"beam": 2});
    /// let settings = rq.spec().check(given.as_object().unwrap(), Stage::Encode, Spelling::Key)?;
    /// let coder = rq.prepare_with(&engine, &settings)?;
    /// assert_eq!(coder.dim(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), and [`Input`](crate::ErrorKind::Input) for a setting that it was not trained for.
    fn prepare_with(&self, engine: &Engine, settings: &Settings) -> Result<Box<dyn Coder>>;

    /// Bits of a code without entropy coding: Σ log2 K_j.
    fn bits_per_vector(&self) -> f64 {
        self.codebook_sizes().iter().map(|&k| (k as f64).log2()).sum()
    }

    /// Writes the model file: the codebooks as tensors, and a description that holds `training` (any JSON) too.
    ///
    /// ```
    /// # fn main() -> wgvq::Result<()> {
    /// use wgvq::Quantizer;
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("vq.safetensors");
    /// let vq = wgvq::Vq::new(ndarray::array![[0.0_f32, 1.0], [2.0, 3.0]])?;
    /// vq.save(&path, false, wgvq::serde_json::Value::Null)?;
    /// assert_eq!(wgvq::load(&path)?.quantizer.spec(), vq.spec());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if the file exists and `overwrite` is not set;
    /// [`Io`](crate::ErrorKind::Io). Nothing is left half-written.
    fn save(&self, path: &Path, overwrite: bool, training: Value) -> Result<()> {
        model::save(self, path, overwrite, training)
    }

    /// Brings the quantizer to a device to encode and decode there, any number of times.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    fn encoder(&self, engine: &Engine) -> Result<Encoder> {
        Encoder::with(self, engine, &Settings::default())
    }

    /// The same with other [settings of encoding](Spec::check) than its own, by name and value.
    ///
    /// ```
    /// use wgvq::serde_json::json;
    /// use wgvq::{Quantizer, Residual};
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let rq = Residual::new(vec![ndarray::array![[0.0_f32], [5.0]], ndarray::array![[0.0_f32], [3.0]]], 1)?;
    /// let x = ndarray::array![[2.6_f32]];
    /// assert_eq!(rq.encode(&engine, &x)?.view(), ndarray::array![[1, 0]]);
    /// let wider = rq.encoder_with(&engine, json!({"beam": 2}).as_object().unwrap())?;
    /// assert_eq!(wider.encode(&x)?.view(), ndarray::array![[0, 1]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`prepare_with`](Self::prepare_with), and as [`Spec::check`].
    fn encoder_with(&self, engine: &Engine, given: &Map<String, Value>) -> Result<Encoder> {
        let settings = self.spec().check(given, Stage::Encode, Spelling::Key)?;
        Encoder::with(self, engine, &settings)
    }

    /// The codes of all of `x`, (n, m). For many calls see [`encoder`](Self::encoder).
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    fn encode(&self, engine: &Engine, x: &dyn Vectors) -> Result<Codes> {
        self.encoder(engine)?.encode(x)
    }

    /// The vectors that `codes` stand for, (n, d). For many calls see [`encoder`](Self::encoder).
    ///
    /// # Errors
    /// As [`Encoder::decode`].
    fn decode(&self, engine: &Engine, codes: &Codes) -> Result<Array2<f32>> {
        self.encoder(engine)?.decode(codes)
    }
}

/// A quantizer on a device: records the two directions of its work.
pub trait Coder: Send + Sync {
    /// Dimensions of a vector.
    fn dim(&self) -> usize;

    /// Codewords per codebook.
    fn codebook_sizes(&self) -> Vec<usize>;

    /// Encodes `x` (n, d) to `codes` (n, m) and writes each vector's squared distance to what it decodes to, (n, 1), as
    /// that of vectors times [`scale`](Self::scale).
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit.
    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()>;

    /// Decodes `codes` (n, m) to `decoded` (n, d).
    ///
    /// Codes that kernels have computed are taken as they are. Those of another quantizer, past the end of a codebook,
    /// decode to anything, but to nothing outside the codebook.
    ///
    /// ```
    /// use wgvq::{Quantizer, Vq};
    /// # fn main() -> wgvq::Result<()> {
    /// let engine = wgvq::Engine::cpu();
    /// let coder = Vq::new(ndarray::array![[1.0_f32], [2.0]])?.prepare(&engine)?;
    /// let codes = engine.upload(ndarray::array![[1_u32], [7]].view())?;
    /// let mut decoded = engine.zeros(2, 1)?;
    /// let refused = coder.record_decode(&mut engine.recorder(), &codes, &mut decoded).unwrap_err();
    /// assert_eq!(refused.to_string(), "the code at row 1, column 0 is 7; the codebook has 2 codewords");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Shape`](crate::ErrorKind::Shape) if the shapes do not fit; [`Input`](crate::ErrorKind::Input), naming row and column,
    /// if an uploaded code names no codeword.
    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()>;

    /// As [`Quantizer::scale`]: a distance times [`Scale::unit`] is one of the vectors themselves.
    fn scale(&self) -> Scale {
        Scale::ONE
    }

    /// Whether the codes are right even of vectors whose squared distances leave the range of f32.
    fn takes_any_value(&self) -> bool {
        false
    }

    /// As [`Quantizer::is_ragged`].
    fn is_ragged(&self) -> bool {
        false
    }

    /// The one codebook whose nearest codeword is the code, if that is all there is to it.
    fn codebook(&self) -> Option<&Codebook> {
        None
    }

    /// Records that the quantizer's codebooks are now these, of the shapes it has: what training by gradient does at every
    /// step.
    ///
    /// # Errors
    /// [`Input`](crate::ErrorKind::Input) if it cannot take others; [`Shape`](crate::ErrorKind::Shape) if the shapes do not
    /// fit.
    fn record_codebooks(&mut self, _: &mut Recorder<'_>, _: &[&Matrix<f32>]) -> Result<()> {
        Err(Error::input("this quantizer cannot be trained by gradient; VQ, RQ, PQ and AQ can"))
    }

    /// Bytes that encoding one vector takes on the device, besides the vector and its codes.
    fn scratch_bytes(&self) -> usize {
        0
    }
}
