//! A quantizer of scaled vectors, seen from outside in the vectors' own units.

use ndarray::{Array2, ArrayD, ArrayViewD};
use serde_json::{Map, Value, json};

use super::model::SCALE;
use super::{Coder, Layout, Quantizer, Spec, sealed};
use crate::engine::{Engine, Matrix, Recorder};
use crate::error::{Error, Result};
use crate::ops::Op;
use crate::scale::Scale;
use crate::settings::Settings;

/// A quantizer whose vectors are multiplied with a [`Scale`] before they are encoded and divided by it after they are
/// decoded, so that squares stay within f32 whatever their units are. Codebooks, curve and tensors are in the vectors' own
/// units; only the [coder](Coder::scale) tells.
pub(super) struct Scaled {
    inner: Box<dyn Quantizer>,
    scale: Scale,
    codebooks: Vec<Array2<f32>>,
    curve: Option<Array2<f32>>,
    offset: Option<Array2<f32>>,
    tensors: Vec<(String, ArrayD<f32>)>,
}

/// Tensors that have no units, or that are squares and stay as they are of scaled vectors.
const WITHOUT_UNITS: [&str; 7] =
    ["rotation", "encoder", "borders", "mixture.weights", "mixture.variances", "moves", "magnitudes"];

/// The largest exponent on a GPU: values that need a larger one are so small that shaders may take them for 0.
const MOST_ON_GPU: i32 = 100;

/// A quantizer for vectors as they are, of one that is for vectors times `scale`. Its codebooks, errors and decoded vectors
/// are in the vectors' own units.
///
/// ```
/// use wgvq::{Quantizer, Scale, Vq};
/// let engine = wgvq::Engine::cpu();
/// let inner = Vq::new(ndarray::array![[1.0_f32], [2.0]])?;
/// let huge = wgvq::scaled(Box::new(inner), Scale::try_from(-100)?);
/// let codes = huge.encode(&engine, &ndarray::array![[2.5e30_f32]])?;
/// assert_eq!(huge.decode(&engine, &codes)?[[0, 0]], 2.0_f32.powi(101));
/// # Ok::<(), wgvq::Error>(())
/// ```
pub fn scaled(quantizer: Box<dyn Quantizer>, scale: Scale) -> Box<dyn Quantizer> {
    if scale.is_one() {
        return quantizer;
    }
    let restore = |array: &Array2<f32>| scale.restore(array);
    let tensors = quantizer.tensors().into_iter().map(|(name, tensor)| {
        let tensor = tensor.to_owned();
        let tensor = if has_units(&name) { scale.restore(&tensor) } else { tensor };
        (name, tensor)
    });
    Box::new(Scaled {
        codebooks: quantizer.codebooks().into_iter().map(restore).collect(),
        curve: quantizer.curve().map(restore),
        offset: quantizer.offset().map(restore),
        tensors: tensors.collect(),
        inner: quantizer,
        scale,
    })
}

/// Whether the tensor `name` of a model scales with the vectors.
pub(super) fn has_units(name: &str) -> bool {
    !WITHOUT_UNITS.contains(&name)
}

impl sealed::Sealed for Scaled {}

impl Quantizer for Scaled {
    fn spec(&self) -> Spec {
        self.inner.spec().times(self.scale.inverse())
    }

    fn layout(&self) -> Layout<'_> {
        let layout = self.inner.layout();
        Layout {
            codebooks: self.codebooks.iter().collect(),
            offset: self.offset.as_ref(),
            curve: self.curve.as_ref(),
            rotation: layout.rotation,
            ..layout
        }
    }

    fn scale(&self) -> Scale {
        self.scale
    }

    fn tensors(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        self.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.view())).collect()
    }

    fn settings(&self) -> Map<String, Value> {
        let mut settings = Settings::new(self.spec().settings(), self.inner.settings())
            .times(self.scale.unit())
            .given()
            .clone();
        settings.insert(SCALE.into(), json!(self.scale));
        settings
    }

    fn prepare_with(&self, engine: &Engine, settings: &Settings) -> Result<Box<dyn Coder>> {
        if engine.is_gpu() && self.scale.exponent() > MOST_ON_GPU {
            return Err(Error::input(format!(
                "the model is of values of about 2^-{}, which a GPU may take for 0; --device cpu does not",
                self.scale.exponent()
            )));
        }
        let inner = self.inner.prepare_with(engine, &settings.times(1.0 / self.scale.unit()))?;
        Ok(Box::new(ScaledCoder { inner, scale: self.scale }))
    }
}

struct ScaledCoder {
    inner: Box<dyn Coder>,
    scale: Scale,
}

impl Coder for ScaledCoder {
    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn codebook_sizes(&self) -> Vec<usize> {
        self.inner.codebook_sizes()
    }

    fn record_encode(
        &self,
        recorder: &mut Recorder<'_>,
        x: &Matrix<f32>,
        codes: &mut Matrix<u32>,
        distances: &mut Matrix<f32>,
    ) -> Result<()> {
        let mut scaled = recorder.engine().uninitialized(x.rows(), x.cols())?;
        recorder.elementwise(Op::Mul, x, self.scale.factor(), &mut scaled)?;
        self.inner.record_encode(recorder, &scaled, codes, distances)
    }

    fn record_decode(
        &self,
        recorder: &mut Recorder<'_>,
        codes: &Matrix<u32>,
        decoded: &mut Matrix<f32>,
    ) -> Result<()> {
        self.inner.record_decode(recorder, codes, decoded)?;
        recorder.update(Op::Mul, decoded, self.scale.inverse())
    }

    fn is_ragged(&self) -> bool {
        self.inner.is_ragged()
    }

    fn scale(&self) -> Scale {
        self.scale
    }

    fn takes_any_value(&self) -> bool {
        self.inner.takes_any_value()
    }

    fn scratch_bytes(&self) -> usize {
        4 * self.dim() + self.inner.scratch_bytes()
    }
}
